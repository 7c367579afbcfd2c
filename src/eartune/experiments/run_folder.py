"""Where a run keeps things, and the keys by which it knows what is done.

runs/coffee/stages/<key>/     train.jsonl, checkpoint-N/, weights.safetensors, stage.json
runs/coffee/.lock             held while a process is at work there
runs/coffee/cells.json        which cells the grid has; those of earlier grids stay, and are not reported
runs/coffee/transcripts/<key>/      <recogniser>.jsonl, what a cascade's recogniser understood
runs/coffee/encoded/          <key>.safetensors, what a frozen encoder made of a recording
runs/coffee/<cell>/           settings.json, selection.json, plan.json, predictions.jsonl, scores.json, result.json
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eartune.data.example import Asked, Example
from eartune.data.utterance import label_fields
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.plan import CellPlan, Pools, figures
from eartune.files import read_json, write_json
from eartune.models.architecture import POCKETS, Architecture
from eartune.tasks.task import Labels
from eartune.training.names import WEIGHTS
from eartune.training.schemes import Cascade, Stage

NO_MATTER = {"micro_batch_size", "micro_batch_tokens", "workers", "encoded_gb", "recompute_activations"}
"""How a stage is trained without any change to what it learns."""


@dataclass(frozen=True)
class StageFolder:
    """A trained (or to be trained) stage, named after everything that went into it."""

    path: Path

    @property
    def weights(self) -> Path:
        """All that was trained up to and with this stage."""
        return self.path / WEIGHTS

    @property
    def is_done(self) -> bool:
        """The note on the stage is written last."""
        return (self.path / "stage.json").exists()

    def seconds(self) -> float:
        """How long training took."""
        return float(read_json(self.path / "stage.json")["seconds"])


@contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """Hold the run's folder, until its process ends at the latest; raises InputError where another one holds it.

    Two at work there would write the same checkpoints and answers.
    """
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InputError(f"{root}: another eartune run is at work there; wait, or use another name") from error
    try:
        yield
    finally:
        lock.release()


def base_fingerprint(architecture: Architecture) -> str:
    """What identifies the weights before training: for pocket their hashes, for one of the hub its name.

    For a folder its files' sizes and times, as to read all weights would take minutes.
    """
    checkpoint, folder = architecture.checkpoint, Path(architecture.checkpoint)
    if checkpoint not in POCKETS:
        files = [(file.name, file.stat()) for file in sorted(folder.iterdir())] if folder.is_dir() else []
        sizes_and_times = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in files]
        return digest([checkpoint, sizes_and_times]) if files else checkpoint
    from eartune.models.pocket.build import pocket_fingerprint

    return pocket_fingerprint(checkpoint)


def stage_folders(experiment: Experiment, plan: CellPlan, root: Path, base: str) -> tuple[StageFolder, ...]:
    """A folder a stage; equal stages after equal stages share one, whatever cell they belong to.

    `base` identifies the weights before any training.
    """
    key = base
    folders = []
    for stage in plan.stages:
        key = stage_key(experiment, stage, plan.cell.seed, key)
        folders.append(StageFolder(root / "stages" / f"{stage.name}-{key}"))
    return tuple(folders)


def stage_key(experiment: Experiment, stage: Stage, seed: int, before: str) -> str:
    """A digest of all that the stage's outcome follows from."""
    content = {
        "before": before,
        "seed": seed,
        "architecture": experiment.architecture.model_dump(mode="json"),
        "task": experiment.task.to_json(),
        "training": experiment.training.model_dump(mode="json", exclude=NO_MATTER),
        "stage": [stage.epochs, stage.learning_rate, stage.warmup_ratio, [str(part) for part in stage.trainable]],
        "examples": [example_key(example) for example in stage.examples],
    }
    return digest(content)


def cell_fingerprint(experiment: Experiment, plan: CellPlan, pools: Pools, base: str) -> str:
    """A digest of all that the cell's result follows from."""
    stages = [folder.path.name for folder in stage_folders(experiment, plan, Path(), base)]
    asked = [experiment.architecture.model_dump(mode="json"), experiment.task.to_json()]
    decoding = experiment.decoding.model_dump(mode="json", exclude={"batch_size"})
    scheme = plan.cell.scheme
    otherwise = [plan.preface] if plan.preface else [scheme.asr, scheme.as_heard] if isinstance(scheme, Cascade) else []
    return digest([base, stages, asked, decoding, [example_key(example) for example in pools.test], *otherwise])


def transcript_key(experiment: Experiment, pools: Pools, base: str, asr: str, stages: tuple[StageFolder, ...]) -> str:
    """A digest of all that the transcripts of a test follow from."""
    heard = [base, asr, experiment.architecture.model_dump(mode="json"), [stage.path.name for stage in stages]]
    return digest([*heard, [example_key(example) for example in pools.test]])


def example_key(example: Example) -> list[Any]:
    """What an example shows, by content of its labels and its recording, which predictions name."""
    utterance, recording = example.utterance, example.recording
    heard = None if recording is None else [recording.path.name, content_of(recording.path)]
    asked = [] if example.asked is Asked.FRAME else [example.asked.value]
    return [utterance.id, utterance.text, heard, label_fields(utterance), *asked]


def content_of(path: Path) -> str:
    """A digest of a file's bytes, which may be replaced under their name."""
    stat = path.stat()
    return _content_of(path, stat.st_size, stat.st_mtime_ns)


@cache
def _content_of(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(content: Any) -> str:
    """Twelve hexadecimal characters."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def write_plan(
    folder: Path, experiment: Experiment, plan: CellPlan, labels: Labels, stages: tuple[StageFolder, ...]
) -> None:
    """What the cell was asked to do, as files that a person can read."""
    write_json(folder / "settings.json", experiment.model_dump(mode="json"))
    write_json(folder / "labels.json", labels.to_json())
    selected = [{"id": utterance.id, "seconds": round(utterance.seconds, 3)} for utterance in plan.speech]
    write_json(folder / "selection.json", {"budget": str(plan.cell.budget or "none"), "utterances": selected})
    rows = []
    for stage, stored in zip(plan.stages, stages, strict=True):
        numbers = asdict(figures(stage, experiment))
        rows.append(
            {
                "name": stage.name,
                "folder": str(Path("..") / "stages" / stored.path.name),
                "learning_rate": stage.learning_rate,
                "warmup_ratio": stage.warmup_ratio,
                "trainable": [str(part) for part in stage.trainable],
                **numbers,
            }
        )
    asr = plan.cell.scheme.asr if isinstance(plan.cell.scheme, Cascade) else ""
    head = {"cell": plan.cell.name, "seed": plan.cell.seed, "preface": plan.preface, "asr": asr}
    write_json(folder / "plan.json", head | {"stages": rows})
