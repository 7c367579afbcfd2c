"""What an experiment will do, before any weight is loaded: pools, cells, stages, steps, parameters, memory."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

from eartune.data.corpora import Corpus, Source
from eartune.data.example import Example, Modality, as_speech, as_text, as_words
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.experiments.experiment import Alignment, Cell, Experiment
from eartune.models.size_from_config import size_of
from eartune.tasks.task import Labels, Task
from eartune.training.memory_estimate import Footprint, footprint
from eartune.training.schemes import Asking, Stage

ALIGN = "align"


@dataclass(frozen=True)
class Pools:
    """The data of an experiment, read and checked against each other."""

    text: tuple[Utterance, ...]
    speech: tuple[Utterance, ...]
    test: tuple[Example, ...]
    labels: Labels
    source_speech: tuple[Utterance, ...] = ()
    """Speech of other languages, which no budget limits."""
    synthetic_speech: tuple[Utterance, ...] = ()
    """Utterances that text-to-speech voices speak."""
    alignment: tuple[Utterance, ...] = ()
    """Utterances whose words a new adapter learns before all else."""


@dataclass(frozen=True)
class CellPlan:
    """One cell with the speech it may use and the stages it will be trained in."""

    cell: Cell
    speech: tuple[Utterance, ...]
    stages: tuple[Stage, ...]
    asking: Asking
    """How the test is put to the model."""
    preface: str
    """The part of the prompt before the instruction: labels and examples."""
    n_alignment_stages: int
    """How many of the first stages align a new adapter; what follows them is the scheme's own."""


@dataclass(frozen=True)
class StageFigures:
    """A stage in numbers."""

    text_examples: int
    speech_examples: int
    speech_hours: float
    epochs: int
    steps: int
    footprint: Footprint


def read_pools(experiment: Experiment, source: Source) -> Pools:
    """All data; raises InputError for labels outside the declared ones and for test recordings that are trained on."""
    data = experiment.data
    text, speech, source_speech, synthetic, alignment, test = (
        _read(corpora, source)
        for corpora in (data.text, data.speech, data.source_speech, data.synthetic_speech, data.alignment, data.test)
    )
    speech = tuple(utterance for utterance in speech if utterance.recordings)  # a budget counts what can be heard
    everything = (*text, *speech, *source_speech, *synthetic, *test)
    experiment.task.check(everything)
    heard = (*speech, *source_speech, *synthetic, *alignment)
    trained_on = {_real(recording.path) for utterance in heard for recording in utterance.recordings}
    for example in (examples := as_speech(test)):
        if example.recording is not None and _real(example.recording.path) in trained_on:
            raise InputError(f"{example.recording.path}: is in the test and also in speech that is trained on")
    if not examples:
        raise InputError(f"{experiment.name}: the test holds no recordings; add some, or voices that speak its text")
    return Pools(
        text,
        speech,
        examples,
        experiment.task.labels(everything),
        source_speech,
        synthetic,
        alignment,
    )


def plan_cells(experiment: Experiment, pools: Pools) -> tuple[CellPlan, ...]:
    """Each cell's speech and stages; raises InputError when a pool or a budget is empty or too large."""
    return tuple(_plan_cell(experiment, pools, cell) for cell in experiment.cells())


def figures(stage: Stage, experiment: Experiment) -> StageFigures:
    """The numbers of one stage."""
    size = size_of(experiment.architecture)
    speech = [example for example in stage.examples if example.modality is Modality.SPEECH]
    seconds = sum(example.recording.seconds for example in speech if example.recording is not None)
    return StageFigures(
        text_examples=len(stage.examples) - len(speech),
        speech_examples=len(speech),
        speech_hours=seconds / 3600,
        epochs=stage.epochs,
        steps=steps_of(stage, experiment.training.batch_size),
        footprint=footprint(size, stage, experiment.architecture, experiment.training, experiment.task),
    )


def steps_of(stage: Stage, batch_size: int) -> int:
    """The number of optimizer steps of a stage; a global batch holds text alone, or speech alone."""
    n_speech = sum(example.modality is Modality.SPEECH for example in stage.examples)
    n_text = len(stage.examples) - n_speech
    return stage.epochs * (math.ceil(n_text / batch_size) + math.ceil(n_speech / batch_size))


def _real(path: Path) -> str:
    """The path without symbolic links among its folders; a link of the file itself is left, as to follow it is slow."""
    return f"{_real_folder(path.parent)}/{path.name}"


@lru_cache(maxsize=1000)
def _real_folder(folder: Path) -> Path:
    return folder.resolve()


def _read(corpora: Sequence[Corpus], source: Source) -> tuple[Utterance, ...]:
    utterances = tuple(chain.from_iterable(corpus.load(source) for corpus in corpora))
    if len({utterance.id for utterance in utterances}) < len(utterances):
        seen: set[str] = set()
        twice = next(u.id for u in utterances if u.id in seen or seen.add(u.id))  # type: ignore[func-returns-value]
        raise InputError(f"the id {twice!r} occurs twice in one pool")
    return utterances


def _plan_cell(experiment: Experiment, pools: Pools, cell: Cell) -> CellPlan:
    if cell.scheme.uses_text and not pools.text:
        raise InputError(f"{cell.name}: the text pool is empty; list corpora under data.text")
    if cell.budget is None:
        speech: tuple[Utterance, ...] = ()
    else:
        speech = cell.budget.select(pools.speech, experiment.grid.selection_seed)
    synthetic = pools.synthetic_speech if cell.scheme.uses_synthetic else ()
    stages = cell.scheme.stages(pools.text, (*pools.source_speech, *speech), synthetic)
    alignment, asking = _alignment(experiment.alignment, pools), cell.scheme.asking
    preface = _preface(cell.scheme.label, asking, pools, experiment)
    return CellPlan(cell, speech, (*alignment, *stages), asking, preface, len(alignment))


def _preface(scheme: str, asking: Asking, pools: Pools, experiment: Experiment) -> str:
    if not asking.labels and not asking.examples:
        return ""
    if asking.examples > len(pools.text):
        raise InputError(f"{scheme}: shows {asking.examples} examples, but the text pool has {len(pools.text)}")
    as_text(chosen := in_turn(pools.text, experiment.task)[: asking.examples])  # refuses those without words
    known = (*pools.text, *pools.speech) if asking.labels else ()  # never those of the test
    return experiment.task.preface(known, chosen)


def in_turn(pool: Sequence[Utterance], task: Task) -> list[Utterance]:
    """One utterance of each intent or label, then a second of each, and so on, in an order of their ids' hashes."""
    turns: dict[str, int] = {}
    ranked: list[tuple[int, int, Utterance]] = []
    for utterance in sorted(pool, key=lambda u: hashlib.sha256(u.id.encode()).hexdigest()):
        group = task.group(utterance)
        turns[group] = turns.get(group, 0) + 1
        ranked.append((turns[group], len(ranked), utterance))
    return [utterance for _, _, utterance in sorted(ranked, key=lambda row: row[:2])]


def _alignment(settings: Alignment, pools: Pools) -> tuple[Stage, ...]:
    if not pools.alignment:
        return ()
    examples, trainable = as_words(pools.alignment), settings.trainable
    if not examples:
        raise InputError("data.alignment holds no recordings; list corpora with recordings there")
    return (Stage(ALIGN, examples, settings.epochs, settings.learning_rate, settings.warmup_ratio, trainable),)
