"""A file is named for what is in it and opens by saying so."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.py"))


def test_no_file_is_a_dumping_ground() -> None:
    assert [path for path in FILES if path.stem in ("utils", "util", "common", "helpers", "misc")] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_opens_with_a_sentence(path: Path) -> None:
    code = ast.parse(path.read_text(encoding="utf-8"))
    assert not code.body or ast.get_docstring(code)
