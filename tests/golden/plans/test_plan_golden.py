"""The whole output of `eartune check --gpus 8` for a small grid, to be read by a person: `--update` writes it anew."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import eartune.cli.check
from builders import experiment_file, pool, sound_file
from eartune.cli.app import app
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.files import write_text

GOLDEN = Path(__file__).parent / "alarms.txt"
OPTIONS = ["--gpus", "8", "--gpu", "H100", "--gpus-per-model", "2", "--price", "2.5"]


def spoken(row: Utterance, folder: Path) -> Utterance:
    return replace(row, recordings=(Recording(sound_file(folder / f"{row.id}.flac", 2.0), 2.0),))


def test_the_plan_of_a_small_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(eartune.cli.check, "free_disk", lambda folder: 500e9)
    experiment_file(
        Path("alarms.yaml"),
        architecture={"type": "qwen2-audio", "checkpoint": "Qwen/Qwen2-Audio-7B-Instruct"},
        grid__seeds=[0, 1],
        expect=[
            {"model": "text-only", "share_of": "direct-mixing 100%", "at_least": "85%", "at_most": "95%"},
            {"model": "curriculum 50%", "above": "direct-mixing 50%"},
        ],
    )
    (data := tmp_path / "data").mkdir()
    write_manifest(data / "text.jsonl", pool(40))
    for name, size in (("speech", 20), ("test", 10)):
        write_manifest(data / f"{name}.jsonl", [spoken(row, data) for row in pool(size, prefix=name)])
    done = CliRunner().invoke(app, ["check", "alarms.yaml", *OPTIONS], env={"COLUMNS": "130"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    if request.config.getoption("--update", default=False):
        write_text(GOLDEN, done.output)
    assert done.output == GOLDEN.read_text(encoding="utf-8")
