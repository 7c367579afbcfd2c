"""The whole report.md of a small coffee experiment, to be read and compared by a person: `--update` writes it anew."""

from pathlib import Path

import pytest

from eartune.files import write_text
from eartune.report import read_results
from eartune.report.page import build_page, markdown

HERE = Path(__file__).parent


def test_the_report_of_the_coffee_experiment(request: pytest.FixtureRequest):
    text = markdown(build_page(read_results(HERE / "coffee")))
    if request.config.getoption("--update", default=False):
        write_text(HERE / "report.md", text)
    assert text == (HERE / "report.md").read_text(encoding="utf-8")
