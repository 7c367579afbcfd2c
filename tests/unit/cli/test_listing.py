"""What `list` shows of experiments: those that come with eartune by their names, and others by their paths."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from builders import experiment_file
from eartune.cli.app import app
from eartune.experiments.experiment import SHIPPED

ROOT = Path(__file__).parents[3]


def experiments() -> list[str]:
    """The names of the experiments that are listed."""
    shown = CliRunner().invoke(app, ["list"], catch_exceptions=False).output
    section = shown.partition("experiments\n")[2].partition("\ncorpora\n")[0]
    return [line.split()[0] for line in section.splitlines() if line.startswith("  ")]  # others go on from above


def test_in_an_empty_folder_those_that_come_with_eartune_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml"))
    assert sorted(experiments()) == shipped and "demo" in shipped
    (tmp_path / "experiments").mkdir()
    experiment_file(tmp_path / "experiments" / "alarms.yaml")
    assert experiments()[-1] == "experiments/alarms.yaml"


def test_in_the_repository_none_is_listed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert sorted(experiments()) == sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def test_there_is_one_copy_of_each() -> None:
    assert SHIPPED.resolve() == ROOT / "experiments"
