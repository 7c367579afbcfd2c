"""What a command prints is the text as it is: brackets of users' questions, paths and labels are no markup."""

from pathlib import Path

import pytest
from rich.table import Table
from typer.testing import CliRunner

from builders import experiment_file
from eartune.cli.app import app
from eartune.cli.console import console

TEXT = "Does [small, large] help [/end] [red]?"
"""As markup it loses words, or raises a MarkupError."""


def test_brackets_are_printed_in_lines_cells_and_titles(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(TEXT, title=TEXT)
    table.add_row(TEXT)
    console().print(TEXT)
    console().print(table)
    assert capsys.readouterr().out.count(TEXT) == 4


def test_the_question_of_an_experiment_is_listed_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment_file(tmp_path / "own.yaml", question=TEXT)
    shown = CliRunner().invoke(app, ["list", "--folder", str(tmp_path)], catch_exceptions=False).output
    assert TEXT in " ".join(shown.split())
