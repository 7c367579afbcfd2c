"""A grid over several architectures, run on two tiny joined models that one alignment stage prepares."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from eartune.cli.app import app
from eartune.data.audio import write_audio
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.experiments.experiment import Experiment
from eartune.experiments.finished_model import load_finished_model, read_finished_model
from eartune.experiments.runner import run
from eartune.files import read_json, write_text
from eartune.models.families.encoder_adapter_llm import EncoderAdapterLlm
from tiny_models import tiny_joined

FRAMES = (SemanticFrame.of("light", "on"), SemanticFrame.of("music", "play"))
DECODERS = ("llama", "qwen2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny checkpoints that differ in the decoder, and three manifests; the "speech" is noise."""
    folder = tmp_path_factory.mktemp("data")
    for seed, decoder in enumerate(DECODERS):
        tiny_joined(EncoderAdapterLlm, seed, torch.float32, decoder).save(folder / decoder)
    for name, count in (("text", 4), ("speech", 4), ("test", 4)):
        rows = []
        for i in range(count):
            recordings: tuple[Recording, ...] = ()
            if name != "text":
                write_audio(path := folder / f"{name}{i}.wav", np.random.default_rng(i).normal(0, 0.1, 5000))
                recordings = (Recording(path, 5000 / 16_000),)
            rows.append(Utterance(f"{name}{i}", f"request {i}", "en", FRAMES[i % 2], recordings))
        write_manifest(folder / f"{name}.jsonl", rows)
    return folder


def settings(data: Path, decoders: tuple[str, ...]) -> dict[str, Any]:
    """Text alone and direct mixing after an alignment stage; one decoder alone is the experiment's `architecture`."""
    pools = {name: [{"corpus": "manifest", "path": f"{name}.jsonl"}] for name in ("text", "speech", "test")}
    families = [
        {"type": "encoder-adapter-llm", "checkpoint": str(data / decoder), "precision": "float32"}
        for decoder in decoders
    ]
    rate = {"epochs": 1, "learning_rate": 1e-3}
    grid: dict[str, Any] = {
        "schemes": [{"type": "text-only"} | rate, {"type": "direct-mixing"} | rate],
        "budgets": ["50%"],
    }
    several = [family | {"name": decoder} for family, decoder in zip(families, decoders, strict=True)]
    one = {"architecture": families[0], "grid": grid}
    return {
        "name": "families",
        "question": "Does it hold for others?",
        "data": pools | {"alignment": pools["speech"]},
        "training": {"batch_size": 2},
        "decoding": {"beams": 1, "max_new_tokens": 4},
    } | (one if len(decoders) == 1 else {"grid": grid | {"architectures": several}})


def test_each_architecture_makes_every_model_and_they_are_told_apart(data: Path, tmp_path: Path) -> None:
    outcome = run(Experiment.model_validate(settings(data, DECODERS)), data, tmp_path / "runs", Console(quiet=True))
    assert outcome.failed == ()
    names = [result.name for result in outcome.results]
    assert names == sorted(f"{one}-{two}-seed0" for one in DECODERS for two in ("direct-mixing-50pct", "text-only"))
    assert [result.architecture for result in outcome.results] == ["llama", "llama", "qwen2", "qwen2"]
    for result in outcome.results:
        folder = outcome.folder.model(result.name)
        decoder = result.architecture
        assert read_finished_model(folder.path).experiment.architecture.checkpoint == str(data / decoder)
        assert read_json(folder.plan)["stages"][0]["name"] == "align"
    (answer,) = load_finished_model(outcome.folder.model("qwen2-text-only-seed0").path).stream([data / "test0.wav"])
    first = json.loads(outcome.folder.model("qwen2-text-only-seed0").predictions.read_text().splitlines()[0])
    assert answer.text == first["text"]
    stages = [path.name for path in (outcome.folder.path / "stages").iterdir()]
    assert sum(name.startswith("align") for name in stages) == 2  # one for each architecture, shared by its models
    page = outcome.folder.markdown.read_text()
    assert "direct-mixing (qwen2) 50% minus direct-mixing (llama) 50%" in page
    assert "direct-mixing (qwen2) 50% minus text-only (qwen2)" in page
    assert "direct-mixing (qwen2) 50% minus text-only (llama)" not in page


def test_a_model_of_several_architectures_is_the_one_of_its_architecture_alone(data: Path, tmp_path: Path) -> None:
    """Equal keys: what an experiment with one architecture made is found if another is added to the list."""
    keys = {}
    for decoders in (DECODERS, DECODERS[1:]):
        runs = tmp_path / str(len(decoders))
        outcome = run(Experiment.model_validate(settings(data, decoders)), data, runs, Console(quiet=True))
        keys[decoders] = {result.name: result.made_with["fingerprint"] for result in outcome.results}
    alone = keys[DECODERS[1:]]
    assert {name: keys[DECODERS][f"qwen2-{name}"] for name in alone} == alone


def test_check_counts_the_models_and_the_disk_of_all(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "families.yaml"
    printed = {}
    for decoders in (DECODERS, DECODERS[:1]):
        write_text(file, json.dumps(settings(data, decoders)).replace("float32", "bfloat16"))  # as forecasts need it
        options = ["--data", str(data), "--runs", str(tmp_path / "none"), "--gpu", "H100"]
        done = CliRunner().invoke(
            app, ["check", str(file), *options], catch_exceptions=False, env={"COLUMNS": "200", "NO_COLOR": "1"}
        )
        printed[decoders] = " ".join(done.output.split())
    assert "4 models with" in printed[DECODERS] and "2 models with" in printed[DECODERS[:1]]
    assert "weights of 6 stages" in printed[DECODERS] and "weights of 3 stages" in printed[DECODERS[:1]]
    assert f"architecture: {data / 'llama'}, {data / 'qwen2'}" in printed[DECODERS]
