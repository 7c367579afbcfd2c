"""The layout of the folder for runs: every file that a run writes has its name and its meaning here, and nowhere else.

runs/                                RunsFolder
    recordings.jsonl                 what was found out about each recording; .recordings.lock is held to write it
    speech/                          recordings that synthetic voices made
    orders/                          RunFolder, one experiment
        .lock                        held while a process works in the folder
        cells.json                   the models of the grid; models of earlier grids stay, and are not reported
        references.jsonl             the test with its right answers
        report.html  report.md  curve.svg
        encoded/<key>.safetensors    what a frozen encoder computed from one recording
        transcripts/<key>/           <recogniser>.jsonl, the test's transcripts for a cascade
        stages/<name>-<key>/         StageFolder, shared by all models that train the same stage
            train.jsonl  checkpoint-N/  weights.safetensors  stage.json
        curriculum-5pct-seed0/       ModelFolder
            fingerprint.json  settings.json  labels.json  selection.json  plan.json
            predictions.part.jsonl  predictions.jsonl  decoding.json  scores.json  result.json

A key is a digest of everything that the content follows from (experiments/keys.py).
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eartune.errors import InputError
from eartune.files import read_json, remove_leftovers, write_json

WEIGHTS = "weights.safetensors"
RESULT = "result.json"
CELLS = "cells.json"


class ModelState(StrEnum):
    """How far a model has come."""

    NEW = "new"
    """Nothing with these settings exists yet; its stages may exist, as other models share them."""
    DECODING = "decoding"
    """Some of its answers exist."""
    DECODED = "decoded"
    """All of its answers exist."""
    FAILED = "failed"
    """The last attempt ended with an error."""
    FINISHED = "finished"
    """Its result exists."""


@dataclass(frozen=True)
class RunsFolder:
    """The folder for runs of all experiments, and what they share."""

    path: Path

    @property
    def recordings(self) -> Path:
        """The file of the recording index."""
        return self.path / "recordings.jsonl"

    @property
    def speech(self) -> Path:
        """The folder of recordings that synthetic voices made."""
        return self.path / "speech"

    def run(self, experiment: str) -> "RunFolder":
        """The folder of the experiment with this name."""
        return RunFolder(self.path / experiment)


@dataclass(frozen=True)
class RunFolder:
    """The folder of one experiment."""

    path: Path

    @property
    def cells(self) -> Path:
        """The file that lists the models of the grid."""
        return self.path / CELLS

    @property
    def references(self) -> Path:
        """The test as a manifest."""
        return self.path / "references.jsonl"

    @property
    def encoded(self) -> Path:
        """The folder of encoder states."""
        return self.path / "encoded"

    @property
    def html(self) -> Path:
        """The report as a page for a browser."""
        return self.path / "report.html"

    @property
    def markdown(self) -> Path:
        """The report as text."""
        return self.path / "report.md"

    @property
    def curve(self) -> Path:
        """The picture of scores by budget."""
        return self.path / "curve.svg"

    def transcripts(self, key: str, recogniser: str) -> Path:
        """The transcripts of the test by one recogniser, "self" or a name on the hub."""
        return self.path / "transcripts" / key / f"{re.sub('[^A-Za-z0-9.-]+', '-', recogniser)}.jsonl"

    def stage(self, name: str, key: str) -> "StageFolder":
        """The folder of the stage with this name and key."""
        return StageFolder(self.path / "stages" / f"{name}-{key}")

    def model(self, name: str) -> "ModelFolder":
        """The folder of the model with this name, such as curriculum-5pct-seed0."""
        return ModelFolder(self.path / name)

    def write_model_names(self, names: Sequence[str]) -> None:
        """Record which models the grid has now."""
        write_json(self.cells, {"cells": list(names)})

    def model_names(self) -> tuple[str, ...] | None:
        """The models of the grid in its order; None for a folder that holds results alone, such as a committed one."""
        return tuple(read_json(self.cells)["cells"]) if self.cells.is_file() else None

    def models_with_a_result(self) -> tuple["ModelFolder", ...]:
        """The models of any grid that have a result, by name."""
        return tuple(ModelFolder(path.parent) for path in sorted(self.path.glob(f"*/{RESULT}")))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder, at most until this process ends; raises InputError where another process has locked it.

        Two processes in one folder would write the same checkpoints and answers. Files that a killed process was
        writing under a temporary name are removed first.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            raise InputError(
                f"{self.path}: another eartune process is running there; wait for it, or use another name"
            ) from error
        try:
            remove_leftovers(self.path, seconds=0, recursive=True)
            yield
        finally:
            lock.release()


@dataclass(frozen=True)
class StageFolder:
    """The folder of a stage; its name holds the key of all that the stage's weights follow from."""

    path: Path

    @property
    def weights(self) -> Path:
        """All parameters that were trained in this stage or in one before it."""
        return self.path / WEIGHTS

    @property
    def log(self) -> Path:
        """One line of loss, gradient norm and learning rate for each step."""
        return self.path / "train.jsonl"

    @property
    def note(self) -> Path:
        """Seconds and trained parameters; written last, so that a stage with this file is finished."""
        return self.path / "stage.json"

    @property
    def is_finished(self) -> bool:
        """Whether the stage is trained and its weights can be loaded."""
        return self.note.is_file() and self.weights.is_file()

    @property
    def seconds(self) -> float:
        """How long training took, over all sessions."""
        return float(read_json(self.note)["seconds"])

    def finish(self, seconds: float, components: dict[str, dict[str, int]]) -> None:
        """Declare the stage finished, once its weights are written, and remove its checkpoints."""
        write_json(self.note, {"seconds": seconds, "components": components})
        self.remove_checkpoints()

    def remove_checkpoints(self) -> None:
        """Remove what only an unfinished stage needs: several times the size of the weights."""
        for checkpoint in self.path.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)


@dataclass(frozen=True)
class ModelFolder:
    """The folder of one model of the grid."""

    path: Path

    @property
    def settings(self) -> Path:
        """The experiment that the model belongs to."""
        return self.path / "settings.json"

    @property
    def labels(self) -> Path:
        """The labels that the task knew."""
        return self.path / "labels.json"

    @property
    def selection(self) -> Path:
        """The utterances that the budget chose."""
        return self.path / "selection.json"

    @property
    def plan(self) -> Path:
        """The stages, and how the test is asked."""
        return self.path / "plan.json"

    @property
    def predictions(self) -> Path:
        """All answers to the test."""
        return self.path / "predictions.jsonl"

    @property
    def decoding(self) -> Path:
        """How long answering the test has taken, in seconds over all sessions."""
        return self.path / "decoding.json"

    @property
    def scores(self) -> Path:
        """All scores with their intervals."""
        return self.path / "scores.json"

    @property
    def result(self) -> Path:
        """The outcome: written last."""
        return self.path / RESULT

    @property
    def fingerprint(self) -> Path:
        """The key that the other files belong to."""
        return self.path / "fingerprint.json"

    def state(self, key: str) -> ModelState:
        """How far the model with this key has come; files of another key count as nothing."""
        if self._recorded_key() != key:
            return ModelState.NEW
        if self.result.is_file():
            status = read_json(self.result)["status"]
            if status == "finished":
                return ModelState.FINISHED
            return ModelState.FAILED
        if self.predictions.is_file():
            return ModelState.DECODED
        return ModelState.DECODING if partial(self.predictions).is_file() else ModelState.NEW

    def begin(self, key: str) -> None:
        """Remove the answers and scores of other settings under the same name, and record the key.

        The key goes first and comes last: a folder of which a part is removed belongs to no settings.
        """
        if self._recorded_key() != key:
            answers = self.predictions, partial(self.predictions), self.decoding
            for outdated in (self.fingerprint, *answers, self.scores, self.result):
                outdated.unlink(missing_ok=True)
            write_json(self.fingerprint, {"fingerprint": key})

    @property
    def decode_seconds(self) -> float:
        """How long answering the test has taken, over all sessions."""
        return float(read_json(self.decoding)["seconds"]) if self.decoding.is_file() else 0.0

    def read_stage_folders(self) -> tuple[StageFolder, ...]:
        """The folders of the model's stages, as its plan names them."""
        return tuple(StageFolder(self.path / stage["folder"]) for stage in self.read_plan()["stages"])

    def read_plan(self) -> dict[str, Any]:
        """The content of the plan."""
        return read_json(self.plan)

    def _recorded_key(self) -> str | None:
        return str(read_json(self.fingerprint)["fingerprint"]) if self.fingerprint.is_file() else None


def partial(predictions: Path) -> Path:
    """The file that collects predictions until all are there."""
    return predictions.with_suffix(".part.jsonl")
