"""The rows of benchmarks/mutations.py fit the code as it is, so that they can be run at any time."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MUTATIONS = runpy.run_path(str(ROOT / "benchmarks" / "mutations.py"))["MUTATIONS"]


@pytest.mark.parametrize(("name", "file", "old", "new", "tests"), MUTATIONS, ids=[row[0] for row in MUTATIONS])
def test_a_mutation_changes_one_place_and_names_tests_that_exist(
    name: str, file: str, old: str, new: str, tests: str
) -> None:
    assert (ROOT / file).read_text(encoding="utf-8").count(old) == 1
    assert new != old
    for test in tests.split():
        path, _, function = test.partition("::")
        if not test.startswith("-"):
            assert (ROOT / path).exists(), test
        if function:
            assert f"def {function.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8"), test


def test_no_two_mutations_share_a_name() -> None:
    names = [row[0] for row in MUTATIONS]
    assert len(set(names)) == len(names)
