"""Whole models by two processes: every file is that of one process, but for the last digits of weights and losses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from eartune.data.audio import write_audio
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.experiments.experiment import Experiment
from eartune.experiments.ranks import on_ranks
from eartune.files import read_lines
from eartune.models.families.qwen2_audio import Qwen2Audio
from killed_runs import content
from models_of_processes import make_models
from tiny_models import tiny

FRAMES = (
    SemanticFrame.of("light", "on", [Entity("room", "hall")]),
    SemanticFrame.of("light", "off", [Entity("room", "bath")]),
    SemanticFrame.of("music", "play"),
)
RATES = {"text_epochs": 1, "text_learning_rate": 1e-3, "speech_learning_rate": 1e-3}

pytestmark = pytest.mark.usefixtures("forks")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint and three manifests; the "speech" is noise."""
    folder = tmp_path_factory.mktemp("data")
    tiny(Qwen2Audio).save(folder / "tiny")
    for name, count in (("text", 5), ("speech", 6), ("test", 3)):
        rows = []
        for i in range(count):
            path = folder / "recordings" / f"{name}{i}.wav"
            write_audio(path, np.random.default_rng(i).standard_normal(4000 + 700 * i).astype(np.float32) * 0.1)
            recordings = () if name == "text" else (Recording(path, (4000 + 700 * i) / 16_000),)
            rows.append(Utterance(f"{name}{i}", f"request {i}", "en", FRAMES[i % 3], recordings))
        write_manifest(folder / f"{name}.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def experiment(data: Path) -> Experiment:
    """A teacher, own labels and transcripts, an average and a share of an update: all that processes share out."""
    pools = {name: [{"corpus": "manifest", "path": f"{name}.jsonl"}] for name in ("text", "speech", "test")}
    return Experiment.model_validate(
        {
            "name": "tiny",
            "question": "Are the models of two processes those of one?",
            "data": pools | {"unlabelled": pools["speech"]},
            "architecture": {"type": "qwen2-audio", "checkpoint": str(data / "tiny"), "precision": "float32"},
            "grid": {
                "schemes": [
                    RATES | {"type": "distilled", "average": 2, "text_scale": 0.5},
                    RATES | {"type": "self-training"},
                ],
                "budgets": ["50%"],
            },
            "training": {"batch_size": 3, "micro_batch_size": 1},
            "decoding": {"beams": 1, "max_new_tokens": 5, "batch_size": 2},
        }
    )


def test_two_processes_write_what_one_writes(data: Path, experiment: Experiment, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    names = make_models(experiment.model_dump_json(), data, one)
    assert on_ranks(2, make_models, experiment.model_dump_json(), data, two) == names
    files = [{str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} for root in (one, two)]
    assert files[0] == files[1]
    for name in sorted(files[0]):
        assert differs(one / name, two / name) is None, name


def differs(one: Path, two: Path) -> str | None:
    """How a file of two processes differs from that of one by more than the order of sums; None if it does not."""
    if one.name == "weights.safetensors":
        values, others = load_file(one), load_file(two)
        far = max(float((value - others[name]).abs().max()) for name, value in values.items())
        return f"weights differ by {far}" if far > 2e-6 or values.keys() != others.keys() else None
    if one.name == "train.jsonl":
        rows, of_two = ([list(row.values()) for _, row in read_lines(path)] for path in (one, two))
        return None if torch.allclose(torch.tensor(rows), torch.tensor(of_two), rtol=1e-4) else f"{rows} {of_two}"
    expected, found = (without_last_digits(content(path)) for path in (one, two))
    if one.name == "result.json":
        assert found["made_with"].pop("processes") == 2
    return None if expected == found else f"{expected} and {found}"


def without_last_digits(value: Any) -> Any:
    """The same with numbers of four digits, in which two processes may differ from one."""
    if isinstance(value, dict):
        return {key: without_last_digits(inner) for key, inner in value.items()}
    return float(f"{value:.3g}") if isinstance(value, float) else value
