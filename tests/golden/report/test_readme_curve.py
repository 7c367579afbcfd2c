"""The picture of the README is what the report draws from `results/coffee`: `--update` draws it again."""

import shutil
from pathlib import Path

import pytest

from eartune.files import write_text
from eartune.report import write_report
from eartune.run_folder import RunFolder

ROOT = Path(__file__).parents[3]
CURVE = ROOT / "docs" / "curve.svg"


def test_the_curve_of_the_readme_is_that_of_the_committed_results(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = tmp_path / "coffee"
    shutil.copytree(ROOT / "results" / "coffee", run)
    write_report(run)
    drawn = RunFolder(run).curve.read_text(encoding="utf-8")
    if request.config.getoption("--update", default=False):
        write_text(CURVE, drawn)
    assert drawn == CURVE.read_text(encoding="utf-8")
