"""The layout of the folder for runs: the names and meanings of all files that a run writes are defined only here.

runs/                                RunsFolder
    .claims/                         held while a process writes what experiments share
    recordings.jsonl                 size, length, digest and faults of each recording
    speech/                          recordings that synthetic voices made
    orders/                          RunFolder, one experiment
        .claims/                     which process makes which model, trains which stage and so on (claims.py)
        cells.json                   the models of the grid; those of earlier grids stay but are not reported
        references.jsonl             the test with its right answers
        report.html  report.md  curve.svg
        headline.txt                 the report's sentences about the cascade, which the terminal shows too
        tracking/                    what tensorboard shows, if it was asked for
        encoded/<key>.safetensors    what a frozen encoder computed from one recording
        transcripts/<key>/           <recogniser>.jsonl, the test's transcripts for a cascade
        stages/<name>-<key>/         StageFolder, shared by all models that train the same stage, also of other runs
            train.jsonl  checkpoint-N/  weights.safetensors  stage.json
            teacher.jsonl  teacher/  what the model before the stage answers and finds probable, to be learned
            labelled.jsonl  labelled.json  labelling/  its labels of recordings without labels, and what they rest on
            dev.jsonl  choosing/  the score of each epoch on the dev set, its answers, and the best weights so far
        curriculum-5pct-seed0/       ModelFolder
            fingerprint.json  settings.json  labels.json  selection.json  plan.json
            prompts.jsonl  choosing/  the score on the dev set with each prompt, and the answers
            predictions.part.jsonl  predictions.jsonl  decoding.json  scores.json  result.json

A key is a digest of everything that determines the content (experiments/keys.py).
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from eartune.claims import CLAIMS
from eartune.errors import InputError
from eartune.files import atomic, link_or_copy, read_json, remove, remove_leftovers, write_json

WEIGHTS = "weights.safetensors"
RESULT = "result.json"
CELLS = "cells.json"
STAGES = "stages"
CHOOSING = "choosing"
SAFETENSORS_TEMPORARY = ".tmp??????"
"""The name, a pattern, under which safetensors writes a file before it has its own."""


class ModelState(StrEnum):
    """The progress of one model."""

    NEW = "new"
    """No answer with these settings exists yet; stages may exist, as other models share them."""
    DECODING = "decoding"
    """Some answers to the test exist."""
    DECODED = "decoded"
    """All answers to the test exist."""
    FAILED = "failed"
    """The last attempt ended with an error."""
    FINISHED = "finished"
    """The result exists."""


@dataclass(frozen=True)
class RunsFolder:
    """The folder for the runs of all experiments, with the files that they share."""

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
        """Return the folder of the experiment with this name."""
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
        """The file of the test as a manifest."""
        return self.path / "references.jsonl"

    @property
    def encoded(self) -> Path:
        """The folder of encoder states."""
        return self.path / "encoded"

    @property
    def html(self) -> Path:
        """The file of the report in HTML."""
        return self.path / "report.html"

    @property
    def markdown(self) -> Path:
        """The file of the report in Markdown."""
        return self.path / "report.md"

    @property
    def curve(self) -> Path:
        """The file of the curve of scores by budget, in SVG."""
        return self.path / "curve.svg"

    @property
    def headline(self) -> Path:
        """The file of the report's sentences about the cascade; there is none where the run has no cascade."""
        return self.path / "headline.txt"

    def read_headline(self) -> str:
        """Return those sentences; empty where there are none."""
        return self.headline.read_text(encoding="utf-8").strip() if self.headline.is_file() else ""

    @property
    def tracking(self) -> Path:
        """The folder of what the tracker tensorboard writes."""
        return self.path / "tracking"

    def transcripts(self, key: str, recogniser: str) -> Path:
        """Return the file of the test's transcripts by one recogniser, "self" or a name on the hub."""
        return self.path / "transcripts" / key / f"{re.sub('[^A-Za-z0-9.-]+', '-', recogniser)}.jsonl"

    def own_transcripts(self) -> tuple[Path, ...]:
        """Return the files of the test's transcripts by the untuned model itself, of all settings that were used."""
        return tuple(self.path.glob("transcripts/*/self.jsonl"))

    def stage(self, name: str, key: str) -> "StageFolder":
        """Return the folder of the stage with this name and key."""
        return StageFolder(self.path / STAGES / f"{name}-{key}")

    def stage_of_other_run(self, stage: "StageFolder") -> "StageFolder | None":
        """Return the same stage of another run in the folder for runs, if it is finished there; this one must not be.

        Equal names and keys mean equal weights, whatever else the two experiments are about.
        """
        found = (StageFolder(path) for path in sorted(self.path.parent.glob(f"*/{STAGES}/{stage.path.name}")))
        return next((other for other in found if other.is_finished), None)

    def model(self, name: str) -> "ModelFolder":
        """Return the folder of the model with this name, such as curriculum-5pct-seed0."""
        return ModelFolder(self.path / name)

    def write_model_names(self, names: Sequence[str]) -> None:
        """Write the names of the grid's models."""
        write_json(self.cells, {"cells": list(names)})

    def model_names(self) -> tuple[str, ...] | None:
        """Return the names of the grid's models in order; None for a folder that holds only committed results."""
        return tuple(read_json(self.cells)["cells"]) if self.cells.is_file() else None

    def models_with_a_result(self) -> tuple["ModelFolder", ...]:
        """Return the folders of all models with a result, also of earlier grids, sorted by name."""
        return tuple(ModelFolder(path.parent) for path in sorted(self.path.glob(f"*/{RESULT}")))

    @property
    def claims(self) -> Path:
        """The folder of claims: one for each model and stage that is being made, and for the report."""
        return self.path / CLAIMS

    def remove_leftovers(self) -> None:
        """Remove temporary files that killed processes left anywhere in the folder."""
        remove_leftovers(self.path, recursive=True)


@dataclass(frozen=True)
class StageFolder:
    """The folder of a stage; its name contains the key of everything that determines the stage's weights."""

    path: Path

    @property
    def weights(self) -> Path:
        """The file of all parameters that were trained in this stage or in an earlier one."""
        return self.path / WEIGHTS

    @property
    def log(self) -> Path:
        """The file with loss, gradient norm and learning rate of each step, one JSON line for each."""
        return self.path / "train.jsonl"

    @property
    def note(self) -> Path:
        """The file with seconds and parameter counts; it is written last, so a stage with this file is finished."""
        return self.path / "stage.json"

    @property
    def teacher_answers(self) -> Path:
        """The file of the teacher's answers to the words of recordings without labels."""
        return self.path / "teacher.jsonl"

    @property
    def teaching(self) -> Path:
        """The folder of the teacher's probabilities of each answer's tokens, which only an unfinished stage needs."""
        return self.path / "teacher"

    @property
    def labelled(self) -> Path:
        """The file of the answers of the model before the stage to recordings without labels, and which are kept."""
        return self.path / "labelled.jsonl"

    @property
    def labelled_summary(self) -> Path:
        """The file of the number of labels that were kept and, where it is known, how many of them are right."""
        return self.path / "labelled.json"

    @property
    def labelling(self) -> Path:
        """The folder of answers that are collected for `labelled`."""
        return self.path / "labelling"

    @property
    def dev(self) -> Path:
        """The file of each epoch's score on the dev set, one JSON line for each."""
        return self.path / "dev.jsonl"

    @property
    def choosing(self) -> Path:
        """The folder of what the choices on the dev set rest on, which only an unfinished stage needs."""
        return self.path / CHOOSING

    def dev_answers(self, epoch: int) -> Path:
        """Return the file of the answers to the dev set after an epoch."""
        return self.choosing / f"epoch-{epoch}.jsonl"

    @property
    def best_weights(self) -> Path:
        """The file of the weights of the best epoch so far."""
        return self.choosing / WEIGHTS

    @property
    def dev_decoding(self) -> Path:
        """The file of the seconds of decoding the dev set."""
        return self.choosing / "decoding.json"

    @property
    def dev_seconds(self) -> float:
        """The seconds of decoding the dev set, over all epochs and sessions."""
        return seconds_in(self.dev_decoding)

    @property
    def is_finished(self) -> bool:
        """Whether the stage is trained and its weights can be loaded."""
        return self.note.is_file() and self.weights.is_file()

    @property
    def seconds(self) -> float:
        """The seconds of training over all sessions."""
        return float(read_json(self.note)["seconds"])

    @property
    def chosen(self) -> dict[str, Any] | None:
        """What a finished stage notes of its choice on the dev set; None if nothing was chosen."""
        found: dict[str, Any] | None = read_json(self.note).get("dev")
        return found

    def begin(self) -> None:
        """Remove what safetensors had half written when the stage was killed; nobody else may be training it."""
        for half_written in self.path.rglob(SAFETENSORS_TEMPORARY):
            remove(half_written)

    def finish(
        self,
        seconds: float,
        components: dict[str, dict[str, int]],
        stopped: str | None = None,
        chosen: dict[str, Any] | None = None,
    ) -> None:
        """Mark the stage as finished, after its weights are written, and remove what only its training needs.

        `stopped` is the reason for which the stage ended before its last step, as a sentence, and `chosen` is what was
        chosen on the dev set.
        """
        notes = {"stopped": stopped, "dev": chosen}
        known = {name: note for name, note in notes.items() if note is not None}
        write_json(self.note, {"seconds": seconds, "components": components} | known)
        self.remove_what_training_needs()

    def copy(self, other: "StageFolder") -> None:
        """Make this stage a copy of a finished one; its note is written last.

        Weights take no disk twice where the file system has hard links, as their file is never changed, only replaced.
        """
        files = [path for path in other.path.iterdir() if path.is_file() and not path.name.startswith(".")]
        for path in sorted(files, key=lambda path: path == other.note):
            with atomic(self.path / path.name) as half_written:
                if path == other.weights:
                    link_or_copy(path, half_written)
                else:
                    shutil.copy2(path, half_written)
        self.remove_what_training_needs()

    def checkpoints(self) -> list["CheckpointFolder"]:
        """Return the checkpoints of an unfinished stage, in the order of their steps."""
        found = [CheckpointFolder(path) for path in self.path.glob("checkpoint-*")]
        return sorted(found, key=lambda checkpoint: int(checkpoint.path.name.split("-")[1]))

    def checkpoint(self, step: int) -> "CheckpointFolder":
        """Return the folder of the checkpoint after a step."""
        return CheckpointFolder(self.path / f"checkpoint-{step}")

    def remove_what_training_needs(self) -> None:
        """Remove checkpoints, which are large, and what a teacher's or own labels or a choice rest on."""
        remove(self.teaching)
        remove(self.labelling)
        remove(self.choosing)
        for checkpoint in self.checkpoints():
            shutil.rmtree(checkpoint.path, ignore_errors=True)  # another process may remove it as well


@dataclass(frozen=True)
class CheckpointFolder:
    """The folder of a checkpoint, which the trainer writes: weights, optimizer, random state, then its own state."""

    path: Path

    @property
    def weights(self) -> Path:
        """The file of all parameters that were trained up to this step."""
        return self.path / WEIGHTS

    @property
    def seconds(self) -> Path:
        """The file of the seconds of training up to this step, over all sessions."""
        return self.path / "seconds.json"

    @property
    def is_complete(self) -> bool:
        """Whether everything was saved; the trainer writes its state last, and a kill may leave half of it."""
        try:
            read_json(self.path / "trainer_state.json")
        except InputError:
            return False
        return self.seconds.exists() and self.weights.exists()

    @property
    def schedule(self) -> Path:
        """The file of the state of the schedule of learning rates."""
        return self.path / "scheduler.pt"

    def optimizer_share(self, rank: int) -> Path:
        """Return the file of what one process keeps of the optimizer: masters and moments of its parameters."""
        return self.path / f"optimizer-{rank}.pt"

    @property
    def optimizer_shares(self) -> tuple[Path, ...]:
        """The files of what each of the processes that saved the checkpoint kept of the optimizer."""
        return tuple(sorted(self.path.glob("optimizer-*.pt")))


@dataclass(frozen=True)
class ModelFolder:
    """The folder of one model of the grid."""

    path: Path

    @property
    def settings(self) -> Path:
        """The file of the settings of the model's experiment."""
        return self.path / "settings.json"

    @property
    def labels(self) -> Path:
        """The file of the task's labels."""
        return self.path / "labels.json"

    @property
    def selection(self) -> Path:
        """The file of the utterances that the budget selected."""
        return self.path / "selection.json"

    @property
    def plan(self) -> Path:
        """The file of the stages, and of the prompt for the test."""
        return self.path / "plan.json"

    @property
    def prompts(self) -> Path:
        """The file of the score on the dev set with each prompt, one JSON line for each; where there are several."""
        return self.path / "prompts.jsonl"

    @property
    def choosing(self) -> Path:
        """The folder of the answers to the dev set on which the choice of a prompt rests."""
        return self.path / CHOOSING

    def answers_with_prompt(self, place: int) -> Path:
        """Return the file of the answers to the dev set with a prompt, by its place among those that are tried."""
        return self.choosing / f"prompt-{place}.jsonl"

    @property
    def dev_decoding(self) -> Path:
        """The file of the seconds of decoding the dev set with all prompts."""
        return self.choosing / "decoding.json"

    @property
    def predictions(self) -> Path:
        """The file of all answers to the test."""
        return self.path / "predictions.jsonl"

    @property
    def decoding(self) -> Path:
        """The file of the seconds of decoding."""
        return self.path / "decoding.json"

    @property
    def scores(self) -> Path:
        """The file of all scores with their intervals."""
        return self.path / "scores.json"

    @property
    def result(self) -> Path:
        """The file of the result, which is written last."""
        return self.path / RESULT

    @property
    def fingerprint(self) -> Path:
        """The file of the key to which the other files belong."""
        return self.path / "fingerprint.json"

    def state(self, key: str) -> ModelState:
        """Return the progress of the model with this key; files of another key are ignored."""
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
        """Remove answers and scores of another key, and write this key.

        The old key is removed first and the new one written last, so that a partly removed folder has no key.
        """
        if self._recorded_key() != key:
            answers = self.predictions, partial(self.predictions), self.decoding
            for outdated in (self.fingerprint, *answers, self.scores, self.result, self.prompts):
                outdated.unlink(missing_ok=True)
            remove(self.choosing)
            write_json(self.fingerprint, {"fingerprint": key})

    @property
    def decode_seconds(self) -> float:
        """The seconds of decoding over all sessions."""
        return seconds_in(self.decoding)

    def read_stage_folders(self) -> tuple[StageFolder, ...]:
        """Return the folders of the model's stages from its plan."""
        return tuple(StageFolder(self.path / stage["folder"]) for stage in self.read_plan()["stages"])

    def read_plan(self) -> dict[str, Any]:
        """Return the content of the plan."""
        return read_json(self.plan)

    def _recorded_key(self) -> str | None:
        return str(read_json(self.fingerprint)["fingerprint"]) if self.fingerprint.is_file() else None


def partial(predictions: Path) -> Path:
    """Return the file that collects predictions until all are written."""
    return predictions.with_suffix(".part.jsonl")


def seconds_in(path: Path) -> float:
    """Return the seconds that a file of them notes; 0 where it does not exist yet."""
    return float(read_json(path)["seconds"]) if path.is_file() else 0.0
