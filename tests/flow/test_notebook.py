"""The notebook in docs runs as it stands, on a tiny experiment in place of the demo."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from builders import experiment_file, frame, sound_file, utterance
from eartune.cli.app import VERBS
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.models.families.qwen2_audio import Qwen2Audio
from tiny_models import tiny

NOTEBOOK = json.loads((Path(__file__).parents[2] / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_it_is_a_notebook_without_outputs_that_installs_and_runs_three_lines() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert all(cell["id"] and not cell.get("outputs") for cell in NOTEBOOK["cells"])
    install, run = CODE
    assert install.startswith("%pip install -q '../[pocket]'")
    assert len([line for line in run.splitlines() if line]) == 3


def test_the_commands_in_it_exist() -> None:
    text = "".join("".join(cell["source"]) for cell in NOTEBOOK["cells"])
    assert {verb for verb in re.findall(r"!eartune (\w+)", text)} == {"prepare"} < VERBS.keys()


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    tiny(Qwen2Audio).save(tmp_path / "tiny")
    recording = Recording(sound_file(tmp_path / "a.wav"), 0.5)
    write_manifest("data/text.jsonl", [utterance(f"u{n}", f"wake me {n}") for n in range(4)])
    write_manifest("data/test.jsonl", [Utterance("t", "wake", "en", frame("alarm.set"), (recording,))])
    experiment_file(  # a file that is called so is nearer than the experiment that comes with eartune
        tmp_path / "demo",
        data__speech=None,
        architecture={"type": "qwen2-audio", "checkpoint": str(tmp_path / "tiny"), "precision": "float32"},
        grid={"schemes": [{"type": "text-only", "epochs": 1}]},
        decoding={"beams": 1, "max_new_tokens": 4},
    )
    names: dict[str, Any] = {}
    exec(compile(CODE[1], "notebook.ipynb", "exec"), names)
    assert [result.status for result in names["outcome"].results] == ["finished"] and not names["outcome"].failed
    assert capsys.readouterr().out
