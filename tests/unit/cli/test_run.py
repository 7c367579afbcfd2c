"""The last line of `run` is a command that can be copied to talk to the best model."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.table import Table
from typer.testing import CliRunner

import eartune.api
from builders import experiment_file
from eartune.cli import run
from eartune.cli.app import app


def result(name: str, scheme: str, value: float) -> Any:
    scores = {"slot_f1": SimpleNamespace(value=value)}
    return SimpleNamespace(name=name, scheme=scheme, finished="today", main_metric="slot_f1", scores=scores)


@pytest.mark.parametrize(("found", "shown"), [(None, ".venv/bin/eartune"), ("/usr/bin/eartune", "eartune")])
def test_one_is_told_how_to_talk_to_the_best_model_that_takes_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str | None, shown: str
) -> None:
    """After `make demo` the command was not found, as it is in .venv."""
    folder = SimpleNamespace(
        html=Path("runs/alarms/report.html"),
        read_headline=lambda: None,
        model=lambda name: SimpleNamespace(
            path=Path("runs/alarms") / name,
            read_plan=lambda: {"transcribed_by": "openai/whisper-tiny" if name == "cascade-seed0" else None},
        ),
    )
    results = [result("text-only-seed0", "text-only", 0.5), result("curriculum-seed0", "curriculum", 0.6)]
    outcome = SimpleNamespace(folder=folder, results=[*results, result("cascade-seed0", "cascade", 0.9)], failed=())
    monkeypatch.setattr(eartune.api, "run", lambda *_, **__: outcome)
    monkeypatch.setattr(run, "terminal_table", lambda results: Table())
    monkeypatch.setattr(sys, "argv", [".venv/bin/eartune", "run"])
    monkeypatch.setattr(shutil, "which", lambda name: found)
    said = CliRunner().invoke(app, ["run", str(experiment_file(tmp_path / "alarms.yaml"))])
    assert said.exit_code == 0, said.output
    assert said.output.splitlines()[-2:] == [
        f"ask it about a file: {shown} predict runs/alarms/curriculum-seed0 RECORDING.wav",
        f"talk to it: {shown} try runs/alarms/curriculum-seed0",
    ]
