"""A run trains each of its models with the model's own seed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from builders import frame, sound_file, utterance
from eartune.data.utterance import Recording, write_manifest
from eartune.experiments.experiment import Experiment
from eartune.experiments.runner import run
from eartune.models.families.qwen2_audio import Qwen2Audio
from tiny_models import tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint, four texts of growing length, and two recordings as the test."""
    folder = tmp_path_factory.mktemp("data")
    tiny(Qwen2Audio).save(folder / "tiny")
    write_manifest(folder / "text.jsonl", [utterance(f"u{n}", "wake me " * n) for n in range(1, 5)])
    test = []
    for name, meaning, seconds in (("t1", frame("alarm.set"), 0.3), ("t2", frame("music.play"), 0.4)):
        recording = Recording(sound_file(folder / f"{name}.wav", seconds), seconds)
        test.append(replace(utterance(name, meaning=meaning), recordings=(recording,)))
    write_manifest(folder / "test.jsonl", test)
    return folder


def logs_of(data: Path, runs: Path, seeds: list[int], training: dict[str, Any]) -> list[str]:
    """Run text-only tuning with these seeds; return the logs of its stages."""
    experiment = Experiment.model_validate(
        {
            "name": "seeds",
            "question": "Does a seed matter?",
            "data": {name: [{"corpus": "manifest", "path": f"{name}.jsonl"}] for name in ("text", "test")},
            "architecture": {"type": "qwen2-audio", "checkpoint": str(data / "tiny"), "precision": "float32"},
            "grid": {"schemes": [{"type": "text-only", "epochs": 3, "learning_rate": 1e-3}], "seeds": seeds},
            "training": training,
            "decoding": {"beams": 1, "max_new_tokens": 2},
        }
    )
    root = run(experiment, data, runs, Console(quiet=True)).folder.path
    return [log.read_text() for log in root.glob("stages/*/train.jsonl")]


@pytest.mark.parametrize(
    "training",
    [
        {"batch_size": 1},  # the seed shuffles batches
        {"batch_size": 4, "lora": {"rank": 2}},  # one batch, sorted by length: the seed draws the first updates
    ],
    ids=["order", "lora"],
)
def test_two_seeds_train_two_models_and_one_seed_the_same_again(
    data: Path, tmp_path: Path, training: dict[str, Any]
) -> None:
    """With the seed ignored, intervals over seeds would say nothing."""
    both = logs_of(data, tmp_path / "both", [0, 1], training)
    assert len(both) == len(set(both)) == 2
    (second,) = logs_of(data, tmp_path / "second", [1], training)
    assert second in both
