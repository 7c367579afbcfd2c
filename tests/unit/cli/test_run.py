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
from eartune.files import write_json
from eartune.run_folder import RunFolder


def result(name: str, scheme: str, value: float) -> Any:
    scores = {"slot_f1": SimpleNamespace(value=value)}
    return SimpleNamespace(name=name, scheme=scheme, finished="today", main_metric="slot_f1", scores=scores)


@pytest.mark.parametrize(("found", "shown"), [(None, ".venv/bin/eartune"), ("/usr/bin/eartune", "eartune")])
def test_one_is_told_how_to_talk_to_the_best_model_that_takes_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str | None, shown: str
) -> None:
    """After `make demo` the command was not found, as it is in .venv.

    A model of which only the results were copied was asked for its plan, which ended the run in an error.
    """
    folder = RunFolder(tmp_path / "alarms")
    for name, recogniser in (("text-only-seed0", None), ("curriculum-seed0", None), ("cascade-seed0", "whisper-tiny")):
        write_json(folder.model(name).plan, {"transcribed_by": recogniser})
    results = [result("text-only-seed0", "text-only", 0.5), result("curriculum-seed0", "curriculum", 0.6)]
    results += [result("cascade-seed0", "cascade", 0.9), result("copied-seed0", "copied", 0.8)]
    outcome = SimpleNamespace(folder=folder, results=results, failed=())
    monkeypatch.setattr(eartune.api, "run", lambda *_, **__: outcome)
    monkeypatch.setattr(run, "terminal_table", lambda results: Table())
    monkeypatch.setattr(sys, "argv", [".venv/bin/eartune", "run"])
    monkeypatch.setattr(shutil, "which", lambda name: found)
    said = CliRunner().invoke(app, ["run", str(experiment_file(tmp_path / "alarms.yaml"))])
    assert said.exit_code == 0, said.output
    curriculum = folder.model("curriculum-seed0").path
    assert said.output.splitlines()[-2:] == [
        f"ask it about a file: {shown} predict {curriculum} RECORDING.wav",
        f"talk to it: {shown} try {curriculum}",
    ]
