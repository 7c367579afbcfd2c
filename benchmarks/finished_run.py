"""Measure how long `eartune run` takes for a finished experiment with many recordings.

python benchmarks/finished_run.py [--recordings 50000]

Recordings are made here, short and all different. The models of the grid are not trained: their results are written
under the keys of the real ones, so that the second run finds everything that a finished experiment has.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import yaml
from rich.console import Console

from eartune.data.audio import write_audio
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.evaluation.metrics import Score
from eartune.experiments import runner
from eartune.experiments.experiment import read_experiment
from eartune.experiments.provenance import made_with
from eartune.files import write_json

SECONDS = 0.2
GRID = {
    "schemes": [{"type": kind} for kind in ("untuned", "text-only", "direct-mixing", "curriculum")],
    "budgets": ["1%", "5%", "10%", "50%", "100%"],
}


def main() -> None:
    """Make the data and the finished experiment, and measure runs of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=50_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        make_data(folder, asked.recordings)
        first = timed_run(folder)
        again = [timed_run(folder) for _ in range(3)]
    rows = {"recordings": asked.recordings, "first run, s": first, "nothing to do, s": sorted(again)}
    print(rows)
    write_json(Path(__file__).with_suffix(".json"), {"rows": [rows], "made_with": made_with()})


def make_data(folder: Path, count: int) -> None:
    """Write nine in ten recordings for speech, the others for the test, as many texts, and the experiment."""
    n_test = count // 10
    noise = np.random.default_rng(0)
    for name, first, last in (("test", 0, n_test), ("speech", n_test, count), ("text", 0, count)):
        rows = []
        for number in range(first, last):
            recordings: tuple[Recording, ...] = ()
            if name != "text":
                path = folder / "recordings" / f"{number % 100:02}" / f"{number}.wav"
                write_audio(path, noise.standard_normal(round(SECONDS * 16_000)).astype(np.float32) * 0.1)
                recordings = (Recording(path, SECONDS),)
            frame = SemanticFrame(f"intent{number % 20}")
            rows.append(Utterance(f"{name}{number}", f"request number {number}", "en", frame, recordings))
        write_manifest(folder / f"{name}.jsonl", rows)
    pools = {name: [{"corpus": "manifest", "path": f"{name}.jsonl"}] for name in ("text", "speech", "test")}
    experiment = {
        "name": "large",
        "question": "How long does it take to do nothing?",
        "data": pools,
        "architecture": {"type": "qwen2-audio", "checkpoint": "pocket"},
        "grid": GRID,
    }
    (folder / "large.yaml").write_text(yaml.safe_dump(experiment), encoding="utf-8")


def timed_run(folder: Path) -> float:
    """Return the seconds of one run, starting with the reading of the YAML; no model is trained."""
    started = time.perf_counter()
    with patch.object(runner, "make_model", pretend):
        runner.run(read_experiment(folder / "large.yaml"), folder, folder / "runs", Console())
    return round(time.perf_counter() - started, 2)


def pretend(context: Any, plan: Any, keys: Any, result: Any) -> Any:
    """Return a finished result instead of making a model."""
    score = Score(0.5, 0.4, 0.6, 100)
    scores = {name: score for name in context.experiment.task.metrics(context.pools.labels)}
    return replace(result, status="finished", scores=scores, seconds={"train": 1.0, "decode": 1.0})


if __name__ == "__main__":
    main()
