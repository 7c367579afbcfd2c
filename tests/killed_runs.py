"""Tiny experiments in processes of their own, which are killed at a chosen file operation, write or moment.

The parent process starts a server that imports everything and computes nothing; each run is a fork of it, so that
torch is imported once. A fork notes every operation on files below the folder for runs before the operation happens.
"""

import multiprocessing
import os
import re
import resource
import signal
import sys
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from rich.console import Console

from eartune.data.audio import write_audio
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.experiments.experiment import Experiment
from eartune.experiments.resources import Resources
from eartune.experiments.runner import run
from eartune.files import read_json
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.training import callbacks
from tiny_models import tiny

VARIANTS: dict[str, tuple[dict[str, Any], str]] = {
    "all weights": ({}, "float32"),
    "bfloat16": ({}, "bfloat16"),
    "LoRA with dropout, two workers": ({"lora": {"rank": 2, "dropout": 0.2}, "workers": 2}, "float32"),
}
"""Settings of training that differ, and the precision: masters and random states are kept in checkpoints as well."""
FRAMES = (
    SemanticFrame.of("light", "on", [Entity("room", "hall")]),
    SemanticFrame.of("light", "off", [Entity("room", "bath")]),
    SemanticFrame.of("music", "play"),
)
LABELS = ("on", "off", "play")
TIMES_AND_MEMORY = {"seconds", "date", "peak_memory_gb", "commit", "user_commit"}
"""Keys of JSON files that differ between two runs of the same settings."""
TEMPORARY = re.compile(r"/\.([^/]*)\.part-[^/.]*")


@dataclass(frozen=True)
class Kill:
    """Where a run is killed: before a file operation, by its number or the pattern of its name, or after some seconds.

    With `most_bytes`, the run is not killed at the operation, but from then on no file may grow beyond so many bytes:
    the system cuts the first write that would go further, and ends the process in the middle of it.
    """

    number: int | None = None
    pattern: str | None = None
    seconds: float | None = None
    most_bytes: int | None = None

    def hits(self, number: int, operation: str) -> bool:
        """Whether this operation is the one."""
        return number == self.number or (self.pattern is not None and fnmatch(operation, self.pattern))


# --- the experiment ----------------------------------------------------------------------------------------------


def make_data(folder: Path) -> None:
    """Write a tiny checkpoint and four manifests; the "speech" is noise."""
    tiny(Qwen2Audio).save(folder / "tiny")
    for name, count in (("text", 8), ("speech", 4), ("dev", 4), ("test", 5)):
        rows = []
        for i in range(count):
            recordings: tuple[Recording, ...] = ()
            if name != "text":
                path = folder / "recordings" / f"{name}{i}.wav"
                write_audio(path, np.random.default_rng(i).standard_normal(4000 + 700 * i).astype(np.float32) * 0.1)
                recordings = (Recording(path, (4000 + 700 * i) / 16_000),)
            rows.append(Utterance(f"{name}{i}", f"request {i}", "en", FRAMES[i % 3], recordings, LABELS[i % 3]))
        write_manifest(folder / f"{name}.jsonl", rows)


def experiment(data: Path, variant: str = "all weights", schemes: tuple[str, ...] = ()) -> Experiment:
    """An experiment with one model of each scheme; all but the untuned one share their first stage."""
    epoch = {"epochs": 1, "learning_rate": 1e-3}
    every = {
        "untuned": {},
        "text-only": epoch,
        "direct-mixing": epoch,
        "curriculum": {"text_epochs": 1, "speech_epochs": 1, "text_learning_rate": 1e-3, "speech_learning_rate": 1e-3},
        "cascade": epoch,
    }
    training, precision = VARIANTS[variant]
    return Experiment.model_validate(
        {
            "name": "tiny",
            "question": "Is a killed run equal to one that was not?",
            "data": {name: [{"corpus": "manifest", "path": f"{name}.jsonl"}] for name in ("text", "speech", "test")},
            "architecture": {"type": "qwen2-audio", "checkpoint": str(data / "tiny"), "precision": precision},
            "grid": {
                "schemes": [{"type": name} | every[name] for name in schemes or every],
                "budgets": ["50%"],
            },
            "training": {"batch_size": 2, "micro_batch_size": 2} | training,
            "decoding": {"beams": 2, "max_new_tokens": 5, "batch_size": 2},
        }
    )


def choosing(data: Path, patience: int | None = None, scheme: dict[str, Any] | None = None) -> Experiment:
    """An experiment with one model whose epoch is chosen: answers are one of three labels, so that some are right."""
    usual = {"type": "direct-mixing", "epochs": 6, "learning_rate": 5e-3}
    written = experiment(data).model_dump(mode="json")
    written["data"]["dev"] = [{"corpus": "manifest", "path": "dev.jsonl"}]
    written["dev"] = {"patience": patience}
    written["grid"]["schemes"] = [scheme or usual]
    written["task"] = {"type": "classification"}
    written["decoding"] |= {"beams": 1, "constrain": "schema"}
    return Experiment.model_validate(written)


# --- a run in a process of its own -------------------------------------------------------------------------------


def run_to_the_end(settings: Experiment, data: Path, runs: Path) -> list[str]:
    """Run the experiment without a kill; return the names of its file operations, or raise RuntimeError if it fails."""
    code, operations = run_in_a_fork(settings, data, runs, None)
    if code != 0:
        raise RuntimeError(f"the run ended with exit code {code} after {operations[-1]!r}")
    return operations


def run_in_a_fork(settings: Experiment, data: Path, runs: Path, kill: Kill | None) -> tuple[int, list[str]]:
    """The exit code of a run in a process of its own, -9 if it was killed, and the names of its file operations."""
    log = runs.with_name(f"{runs.name}.log")
    log.unlink(missing_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["killed_runs"])
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # the server of Python 3.11 does not take the parent's path
    process = context.Process(target=_run, args=(settings.model_dump_json(), data, runs, log, kill))
    process.start()
    if kill is not None and kill.seconds is not None:
        while not log.exists() and process.is_alive():
            time.sleep(0.001)
        process.join(kill.seconds)
        process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode, log.read_text().splitlines()


def start_with_workers(settings: Experiment, data: Path, runs: Path, n_workers: int) -> ForkServerProcess:
    """Start a run with so many workers in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=_run_with_workers, args=(settings.model_dump_json(), data, runs, n_workers))
    process.start()
    return process


def _run_with_workers(settings: str, data: Path, runs: Path, n_workers: int) -> None:
    torch.set_num_threads(1)
    resources = Resources(workers=n_workers)
    outcome = run(Experiment.model_validate_json(settings), data, runs, Console(quiet=True), resources)
    sys.exit(len(outcome.failed))


def _run(settings: str, data: Path, runs: Path, log: Path, kill: Kill | None) -> None:
    """Run in the forked process, with a checkpoint after every step."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    callbacks.CHECKPOINT_SHARE = 0
    callbacks.TrainingLog = partial(callbacks.TrainingLog, checkpoint_seconds=0.0)  # type: ignore[misc,assignment]
    saves = torch.save
    torch.save = lambda content, file, *rest, **more: (  # it is written without Python, so that no hook is called
        sys.audit("torch.save", file),
        saves(content, file, *rest, **more),
    )
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.addaudithook(_Watch(runs, os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND), kill))
    outcome = run(Experiment.model_validate_json(settings), data, runs, Console(quiet=True))
    sys.exit(len(outcome.failed))


class _Watch:
    """An audit hook that logs file operations below a folder, and kills the process at one of them."""

    def __init__(self, folder: Path, log: int, kill: Kill | None) -> None:
        self.folder = f"{folder}/"
        self.log: int | None = log
        self.kill = kill
        self.number = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        operation = name_of(event, arguments, self.folder) if self.log is not None else None
        if operation is None or self.log is None:
            return
        os.write(self.log, f"{operation}\n".encode())
        if self.kill is not None and self.kill.hits(self.number, operation):
            if self.kill.most_bytes is None:
                os.kill(os.getpid(), signal.SIGKILL)
            self.log = None  # it may not grow either
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.kill.most_bytes or 0, resource.RLIM_INFINITY))
        self.number += 1


def name_of(event: str, arguments: tuple[Any, ...], folder: str) -> str | None:
    """The name of a file operation, such as "rename tiny/cells.json"; None if it changes nothing below the folder."""
    if event == "open":
        path, _, flags = arguments
        if not flags & (os.O_WRONLY | os.O_RDWR):
            return None
        verb = "open"
    elif event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "torch.save"):
        verb, path = event.removeprefix("os.").removeprefix("torch."), arguments[1 if event == "os.rename" else 0]
        inside = arguments[-1] if event in ("os.remove", "os.rmdir", "os.mkdir") else -1
        if inside != -1:  # relative to an open folder, as in the removal of a tree
            path = os.path.join(os.readlink(f"/proc/self/fd/{inside}"), path)
    else:
        return None
    whole = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
    if not whole.startswith(folder):
        return None
    readable = TEMPORARY.sub(r"/\1.TEMPORARY", whole[len(folder) - 1 :])
    return f"{verb} {readable[1:]}"


# --- comparison --------------------------------------------------------------------------------------------------


def differences(expected: Path, found: Path) -> list[str]:
    """How one folder for runs differs from another, a phrase for each file; times, dates and memory may differ."""
    names = [{str(path.relative_to(root)) for path in root.rglob("*")} for root in (expected, found)]
    missing = [f"{name} is missing" for name in sorted(names[0] - names[1])]
    too_much = [f"{name} is left over" for name in sorted(names[1] - names[0])]
    both = sorted(name for name in names[0] & names[1] if (expected / name).is_file())
    other = [f"{name} differs" for name in both if content(expected / name) != content(found / name)]
    return missing + too_much + other


def content(path: Path) -> Any:
    """What two runs of the same settings must have in common."""
    if path.name in ("result.json", "stage.json", "decoding.json"):
        return _without_times(read_json(path))
    if path.name == "report.html":
        return "the same numbers as report.md"
    if path.name == "report.md":
        return re.sub(r"\b[\d.]+ (s|min|h)\b", "TIME", path.read_text().partition("| made with")[0])
    return path.read_bytes()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(inner) for key, inner in value.items() if key not in TIMES_AND_MEMORY}
    return value
