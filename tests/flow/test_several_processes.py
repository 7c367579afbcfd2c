"""Whole models by two processes: every file is that of one process, but for the last digits of weights and losses."""

import signal
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

import work_of_processes as work
from deadly_task import DeadlyTask
from eartune.data.audio import write_audio
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.experiments.experiment import Experiment, Grid
from eartune.experiments.resources import Resources
from eartune.experiments.runner import run
from eartune.files import read_lines
from eartune.models.families.qwen2_audio import Qwen2Audio
from killed_runs import content
from tiny_models import tiny

FRAMES = (
    SemanticFrame.of("light", "on", [Entity("room", "hall")]),
    SemanticFrame.of("light", "off", [Entity("room", "bath")]),
    SemanticFrame.of("music", "play"),
)
ONE_SCHEME = {"schemes": [{"type": "direct-mixing", "epochs": 1, "learning_rate": 1e-3}], "budgets": ["50%"]}
RATES = {"text_epochs": 2, "text_learning_rate": 1e-3, "speech_learning_rate": 1e-3}

pytestmark = pytest.mark.usefixtures("forks")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint and four manifests; the "speech" is noise."""
    folder = tmp_path_factory.mktemp("data")
    tiny(Qwen2Audio).save(folder / "tiny")
    for name, count in (("text", 5), ("speech", 6), ("dev", 3), ("test", 3)):
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
    """A teacher, own labels and transcripts, and an epoch that a dev set chooses: all that processes share out."""
    pools = {name: [{"corpus": "manifest", "path": f"{name}.jsonl"}] for name in ("text", "speech", "dev", "test")}
    return Experiment.model_validate(
        {
            "name": "tiny",
            "question": "Are the models of two processes those of one?",
            "data": pools | {"unlabelled": pools["speech"]},
            "architecture": {"type": "qwen2-audio", "checkpoint": str(data / "tiny"), "precision": "float32"},
            "grid": {
                "schemes": [
                    RATES | {"type": "distilled"},
                    RATES | {"type": "self-training"},
                ],
                "budgets": ["50%"],
            },
            "training": {"batch_size": 3, "micro_batch_size": 1},
            "decoding": {"beams": 1, "max_new_tokens": 5, "batch_size": 2},
        }
    )


@pytest.fixture(scope="module")
def whole(data: Path, experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for runs of one process."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    assert run(experiment, data, runs, Console(quiet=True)).failed == ()
    return runs


def test_two_processes_of_a_worker_write_what_one_writes_though_one_of_them_is_killed(
    data: Path, experiment: Experiment, whole: Path, tmp_path: Path
) -> None:
    console = Console(file=StringIO(), width=200)
    task = DeadlyTask(deaths=tmp_path / "deaths", learning=7)
    settings = experiment.model_copy(update={"task": task})
    outcome = run(settings, data, tmp_path / "runs", console, Resources(workers=1, gpus_per_model=2))
    assert isinstance(console.file, StringIO)
    assert outcome.failed == () and "was killed (signal 9" in console.file.getvalue()
    assert_equal(whole, tmp_path / "runs")


def test_two_processes_of_torchrun_write_what_one_writes(data: Path, experiment: Experiment, tmp_path: Path) -> None:
    """They are forks that torchrun's launcher starts, as two processes that import torch themselves take long."""
    settings = experiment.model_copy(update={"grid": Grid.model_validate(ONE_SCHEME)})
    assert run(settings, data, tmp_path / "one" / "runs", Console(quiet=True)).failed == ()
    (tmp_path / "tiny.yaml").write_text(settings.model_dump_json())  # which is YAML too
    standalone = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=2, run_id="tiny", rdzv_backend="c10d", rdzv_endpoint="localhost:0",
        local_addr="localhost", max_restarts=0, start_method="forkserver", signals_to_handle="SIGTERM",
        logs_specs=DefaultLogsSpecs(log_dir=str(tmp_path / "logs")),
    )  # fmt: skip
    handler = signal.getsignal(signal.SIGTERM)
    try:
        argv = ["run", tmp_path / "tiny.yaml", "--data", data, "--runs", tmp_path / "two" / "runs"]
        elastic_launch(standalone, work.command)([str(argument) for argument in argv], tmp_path)
    finally:
        signal.signal(signal.SIGTERM, handler)
    printed = [(tmp_path / f"printed-by-{rank}").read_text() for rank in range(2)]
    assert printed[0].count("report: ") == 1 and printed[1] == ""
    assert_equal(tmp_path / "one" / "runs", tmp_path / "two" / "runs")


def assert_equal(one: Path, two: Path) -> None:
    """Assert that two folders for runs hold the same, but for reports, of which times are a part."""
    skipped = {"report.html", "report.md", "settings.json"}
    names = [
        {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name not in skipped}
        for root in (one, two)
    ]
    assert names[0] == names[1]
    for name in sorted(names[0]):
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
