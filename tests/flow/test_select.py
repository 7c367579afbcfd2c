"""The text-only model of a finished run is asked what it hears, and what it does not is chosen too."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import killed_runs
from builders import sound_file
from eartune.cli import select
from eartune.cli.app import app
from eartune.data.utterance import Utterance, write_manifest
from eartune.experiments.progress import RunProgress
from eartune.experiments.runner import run

COMMAND = "select tiny.yaml --n 9 --to script.csv --data . --runs runs --run runs/tiny"


def test_a_text_only_model_is_asked_about_words_and_about_a_synthetic_voice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers are noise that nobody can read, so that none differ; the choice is told that all do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(select, "DISAGREEMENT_FROM", 9)
    killed_runs.make_data(tmp_path)
    more = [Utterance(f"m{i}", f"another request {i}", "en", killed_runs.FRAMES[i % 3]) for i in range(12)]
    write_manifest("more.jsonl", more)
    voice = {"engine": "command", "name": "tone", "command": f"cp {sound_file(tmp_path / 'tone.wav')} {{out}}"}
    settings = killed_runs.experiment(tmp_path, schemes=("text-only",)).model_dump(mode="json")
    settings["data"]["text"] = [{"corpus": "manifest", "path": "more.jsonl"}]
    settings["data"]["synthetic_speech"] = [{"corpus": "manifest", "path": "more.jsonl", "voices": [voice]}]
    experiment = select.Experiment.model_validate(settings)
    Path("tiny.yaml").write_text(experiment.model_dump_json(), encoding="utf-8")  # JSON is YAML
    assert not run(experiment, tmp_path, tmp_path / "runs", Console(quiet=True)).failed

    ask_model, found = select.ask_model, list[bool]()

    def ask(model: Path, spoken: Sequence[Utterance], bar: RunProgress) -> list[bool]:
        found.extend(ask_model(model, spoken, bar))
        return [True] * len(spoken)

    monkeypatch.setattr(select, "ask_model", ask)
    done = CliRunner().invoke(app, COMMAND.split(), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert found == [False] * 6  # the twelve sentences but for two thirds of nine
    assert "3 for not being heard by the model" in done.output
    with Path("script.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == 9
