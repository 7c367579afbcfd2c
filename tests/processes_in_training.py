"""Tiny stages that one process or several train: what each process found of losses, gradients and weights.

The tests and `benchmarks/ranks.py` train the same stages. Micro-batches have one row, so that the gradients of rows are
the same whoever computes them, and all that can differ is the order in which they are added.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import TrainerCallback

from eartune.data.audio import write_audio
from eartune.data.example import Example, Modality
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance
from eartune.files import read_lines
from eartune.models.architecture import Architecture
from eartune.models.audio_llm import AudioLLM
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.families.qwen3_omni import Qwen3Omni
from eartune.models.families.voxtral import Voxtral
from eartune.models.rows import RowMaker
from eartune.processes import ONE, Processes
from eartune.settings import Component, Lora, Training
from eartune.tasks.slu import Schema, SluTask
from eartune.training.callbacks import TrainingLog
from eartune.training.stage import Stage
from eartune.training.trainer import train_stage
from tiny_models import tiny

EVERYTHING = tuple(Component)
DECODER = (Component.LANGUAGE_MODEL,)
AUDIO = (Component.AUDIO_ENCODER, Component.MODALITY_ADAPTER)
ADAPTER_AND_DECODER = (Component.MODALITY_ADAPTER, Component.LANGUAGE_MODEL)


@dataclass(frozen=True)
class Case:
    """A stage of a tiny model: what it shows and trains, and how."""

    family: type[AudioLLM]
    shows: str
    """text, speech or mixed."""
    trains: tuple[Component, ...]
    lora: bool = False
    dropout: float = 0.0
    batch_size: int = 5
    micro_batch_size: int | None = 1
    bfloat16: bool = False
    optimizer: str = "adamw"
    epochs: int = 1
    rate: float = 1e-4

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The case in words, which is the name of its folder."""
        trains = "everything" if self.trains == EVERYTHING else " and ".join(self.trains)
        extra = [
            *(["LoRA"] if self.lora else []),
            *(["dropout"] if self.dropout else []),
            *(["bfloat16"] if self.bfloat16 else []),
            *([self.optimizer] if self.optimizer != "adamw" else []),
            *([] if self.micro_batch_size else ["micro-batches of their own size"]),
            *([f"batches of {self.batch_size}"] if self.batch_size != 5 else []),
        ]
        return ", ".join([self.family.__name__, self.shows, trains, *extra])


NEVER = 10**9
"""The number of a step that no stage has."""
FAMILIES: tuple[type[AudioLLM], ...] = (Qwen2Audio, Voxtral, Qwen3Omni)
OF_A_FAMILY = (
    ("text", DECODER, False),
    ("speech", DECODER, False),  # frozen towers
    ("speech", AUDIO, False),
    ("mixed", EVERYTHING, False),
    ("mixed", ADAPTER_AND_DECODER, True),
)
CASES = tuple(Case(family, *rest) for family in FAMILIES for rest in OF_A_FAMILY)
FEW = Case(Qwen2Audio, "mixed", EVERYTHING, batch_size=1)
"""A global batch has one row, so that all processes but one have none."""
TEXT_AND_ADAPTER = Case(Qwen2Audio, "text", ADAPTER_AND_DECODER)
"""No row reaches the adapter, which trains: no process has a gradient of it."""
ADAPTER_ALONE = Case(Qwen2Audio, "speech", (Component.MODALITY_ADAPTER,))
"""Two parameters train, so that the third process steps none."""
UNEVEN = Case(Qwen2Audio, "mixed", EVERYTHING, batch_size=8, micro_batch_size=None)
"""Micro-batches have as many rows as fit, of which each process has its own."""
ROUNDED = Case(Qwen2Audio, "mixed", EVERYTHING, bfloat16=True)
EIGHT_BIT = Case(Qwen2Audio, "mixed", EVERYTHING, optimizer="adamw-8bit")
DROPPED = Case(Qwen2Audio, "mixed", ADAPTER_AND_DECODER, lora=True, dropout=0.5, epochs=3, batch_size=3, rate=1e-2)
"""What is dropped depends on the process, so that another number of processes trains otherwise."""
CUT = Case(Qwen2Audio, "mixed", EVERYTHING, epochs=3, batch_size=3)


@dataclass(frozen=True)
class Found:
    """What one process found in training."""

    losses: torch.Tensor
    """The losses of all steps, as the log has them."""
    norms: torch.Tensor
    """The norms of the gradients of all steps, as the log has them."""
    gradients: tuple[dict[str, torch.Tensor | None], ...]
    """The gradients before each step, by the names of their parameters."""
    weights: dict[str, torch.Tensor]
    """All weights after the last step."""


class PowerCutError(Exception):
    """Stands for a power failure, which all processes have at once."""


def power_fails() -> None:
    """Fail as a cut power line does."""
    raise PowerCutError


class Watch(TrainerCallback):
    """Keeps the gradients of each step; before the step after `cut_after`, `fail` is called."""

    def __init__(self, model: AudioLLM, cut_after: int | None, fail: Callable[[], None]) -> None:
        self.model = model
        self.cut_after = cut_after
        self.fail = fail
        self.gradients: list[dict[str, torch.Tensor | None]] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Fail if this is the step."""
        if state.global_step == self.cut_after:
            self.fail()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the gradients."""
        self.gradients.append(
            {
                name: None if value.grad is None else value.grad.clone()
                for name, value in self.model.module.named_parameters()
                if value.requires_grad
            }
        )


class LogOfEachStep(TrainingLog):
    """A log whose checkpoints are as near to each other as it is told, however long saving takes.

    The clocks of all processes but the first run backwards, so that for them no checkpoint is ever due.
    """

    def __init__(self, path: Path, checkpoint_seconds: float, processes: Processes) -> None:
        clock = time.monotonic if processes.is_first else lambda: -time.monotonic()
        super().__init__(path, lambda *_: None, checkpoint_seconds, clock, processes)

    def saved(self, seconds: float) -> None:
        """Note that saving took no time."""
        super().saved(0.0)


def examples(folder: Path) -> tuple[Example, ...]:
    """Five typed and four spoken examples with answers and recordings of very different length."""
    found = []
    for i in range(9):
        entities = tuple(Entity("item", "word " * i) for _ in range(i % 3))
        utterance = Utterance(f"u{i}", f"say {i}", "en", SemanticFrame(f"intent{i}", entities))
        recording = None
        if i >= 5:
            path, samples = folder / f"{i}.wav", 6000 + 2500 * (i - 5)
            write_audio(path, np.random.default_rng(i).standard_normal(samples).astype(np.float32) * 0.1)
            recording = Recording(path, samples / 16_000)
        found.append(Example(utterance, recording))
    return tuple(found)


def train(
    case: Case,
    shown: Sequence[Example],
    folder: Path,
    processes: Processes = ONE,
    cut_after: int | None = None,
    fail: Callable[[], None] = power_fails,
) -> Found:
    """Train the stage of a case; with `cut_after` it is cut, with a checkpoint after every step until then."""
    modalities = {"text": [Modality.TEXT], "speech": [Modality.SPEECH], "mixed": list(Modality)}[case.shows]
    stage = Stage(
        "stage", tuple(e for e in shown if e.modality in modalities), case.epochs, case.rate, 0.0, case.trains
    )
    model = tiny(case.family, dtype=torch.bfloat16 if case.bfloat16 else torch.float32)
    lora = Lora(rank=2, dropout=case.dropout) if case.lora else None
    if lora is not None:
        model.lora.add(lora, seed=0)
    rows = RowMaker(
        model, SluTask(), Schema.of([SemanticFrame("one")]), Architecture(type="qwen2-audio", checkpoint="pocket")
    )
    settings = Training(
        batch_size=case.batch_size, micro_batch_size=case.micro_batch_size, lora=lora, optimizer=case.optimizer,
        max_grad_norm=1e9,
    )  # fmt: skip
    log = LogOfEachStep(folder / "train.jsonl", 1e9 if cut_after is None else 0.0, processes)
    watch = Watch(model, cut_after, fail)
    with torch.compiler.set_stance("force_eager"):  # the 8-bit optimizer compiles its step, which takes longer
        train_stage(model, stage, rows.to_learn, settings, 0, folder, log, [watch], processes=processes)
    processes.wait_for_all()
    lines = [row for _, row in read_lines(log.path)]
    return Found(
        torch.tensor([row["loss"] for row in lines], dtype=torch.float64),
        torch.tensor([row["grad_norm"] for row in lines], dtype=torch.float64),
        tuple(watch.gradients),
        {name: value.detach().clone() for name, value in model.module.named_parameters()},
    )


def train_all(
    cases: Sequence[Case], shown: Sequence[Example], folder: Path, name: str | None = None
) -> list[list[Found]]:
    """In each of several processes: train all cases together; return what each process found of each case.

    The folder of a case has its name, or `name`.
    """
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    processes = Processes.of_environment()
    return [everyones(train(case, shown, folder / (name or case.name), processes), processes) for case in cases]


def everyones(found: Found, processes: Processes) -> list[Found]:
    """What each process found, in the order of their ranks."""
    if processes.size == 1:
        return [found]
    gathered: list[Any] = [None] * processes.size
    torch.distributed.all_gather_object(gathered, found, group=processes.waiting)
    return gathered


def train_until_killed(
    case: Case, shown: Sequence[Example], folder: Path, rank: int, step: int = NEVER, seconds: float = 1e9
) -> Found:
    """In each of several processes: train a case with a checkpoint after every step; return what this one found.

    One of them is killed before the step after `step`, or after some seconds, if training takes as long.
    """
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    processes = Processes.of_environment()
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), die)
    timer.daemon = True
    if processes.rank == rank:
        timer.start()
    found = train(case, shown, folder, processes, step, die if processes.rank == rank else lambda: None)
    timer.cancel()
    return found


def die() -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def cut(case: Case, shown: Sequence[Example], folder: Path, cut_after: int) -> None:
    """In each of several processes: train a case until the power fails."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    try:
        train(case, shown, folder, Processes.of_environment(), cut_after)
    except PowerCutError:
        return
    raise AssertionError("the power did not fail")


@dataclass(frozen=True)
class Differences:
    """The largest differences of a training from another, relative to the largest value."""

    losses: float
    norms: float
    gradients: float
    weights: float


def last_steps(found: Found, n: int) -> Found:
    """The same with the gradients of the last `n` steps alone, as one has that took the stage up."""
    return replace(found, gradients=found.gradients[-n:])


def differences(one: Found, other: Found) -> Differences:
    """How one training differs from another; infinite where one has a gradient that the other has not."""
    gradients = 0.0
    for a, b in zip(one.gradients, other.gradients, strict=True):
        largest = max(float(value.abs().max()) for value in a.values() if value is not None)
        for name, value in a.items():
            second = b[name]
            if value is None or second is None:
                gradients = gradients if value is second else float("inf")
            else:
                gradients = max(gradients, float((value.float() - second.float()).abs().max()) / largest)
    weights = max(float((value.float() - other.weights[n].float()).abs().max()) for n, value in one.weights.items())
    return Differences(
        float((one.losses / other.losses - 1).abs().max()),
        float((one.norms / other.norms - 1).abs().max()),
        gradients,
        weights,
    )
