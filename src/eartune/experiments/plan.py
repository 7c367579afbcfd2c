"""The plan of an experiment, made before any weight is loaded: pools, cells, stages, steps, parameters, memory."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain, combinations, islice, zip_longest
from pathlib import Path
from typing import Any

from eartune.data.corpora import Corpus, Source
from eartune.data.example import Asked, Example, Modality, as_speech, as_text, as_words, without_labels
from eartune.data.overlap import shared_sentences
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.experiments.experiment import Alignment, Cell, Experiment
from eartune.models.size_from_config import size_of
from eartune.settings import Through
from eartune.tasks.task import Labels, Task
from eartune.training.memory_estimate import Footprint, footprint
from eartune.training.scheme import SELF, Asking
from eartune.training.stage import DevSet, Stage

ALIGN = "align"
TOKENS_TO_LOAD, TOKENS_OF_AN_ANSWER = 9000, 180
"""The work of loading and checking a model, and of an answer to the test, as tokens of training that take as long."""


@dataclass(frozen=True)
class Pools:
    """The data of an experiment, loaded and checked."""

    text: tuple[Utterance, ...]
    speech: tuple[Utterance, ...]
    test: tuple[Example, ...]
    labels: Labels
    source_speech: tuple[Utterance, ...] = ()
    """Speech of other languages, which no budget limits."""
    synthetic_speech: tuple[Utterance, ...] = ()
    """Text that synthetic voices spoke."""
    alignment: tuple[Utterance, ...] = ()
    """Transcribed speech for the alignment stage."""
    unlabelled: tuple[Utterance, ...] = ()
    """Recordings without labels for training; labels that are known all the same only count what a model got right."""
    dev: tuple[Example, ...] = ()
    """The recordings on which epochs and other settings are chosen."""

    @cached_property
    def shared_sentences(self) -> int:
        """The number of test sentences that training has too, which make a score too good."""
        test = {example.utterance.id: example.utterance.text or "" for example in self.test}
        training = (*self.text, *self.speech, *self.source_speech, *self.synthetic_speech)
        return shared_sentences(test.values(), (utterance.text or "" for utterance in training))

    @property
    def languages(self) -> dict[str, list[str]]:
        """The languages of the text, of the speech that a budget selects from, and of the test."""
        spoken = {"text": self.text, "speech": self.speech, "test": [example.utterance for example in self.test]}
        return {pool: sorted({one.language for one in utterances}) for pool, utterances in spoken.items()}


@dataclass(frozen=True)
class Prompt:
    """One way to prompt a model for the test."""

    shows: str
    """What it shows, in words; empty where there is no other."""
    preface: str
    """The part before the instruction: labels and examples."""


@dataclass(frozen=True)
class CellPlan:
    """One cell, the speech that its budget selects, and the stages in which it is trained."""

    cell: Cell
    speech: tuple[Utterance, ...]
    stages: tuple[Stage, ...]
    asking: Asking
    """How the model is prompted for the test."""
    prompts: tuple[Prompt, ...]
    """The prompts of which the dev set chooses one; if there is one alone, or it was chosen, that one."""
    through: Through
    """Whether the model listens and answers in one pass, or through the words that it writes down of the test."""
    transcribes_after: int
    """The number of stages, of those for alignment and of the scheme, after which a model that is its own recogniser
    transcribes: those for alignment. It is all of them through words without LoRA, as no untuned weights are kept."""
    dev: DevSet | None = None
    """The recordings on which the prompt is chosen; None if there is no choice."""

    @property
    def preface(self) -> str:
        """The part of the prompt before the instruction: labels and examples; of the first prompt, if several."""
        return self.prompts[0].preface

    @property
    def n_alignment_stages(self) -> int:
        """The number of stages before those of the scheme, 0 or 1."""
        return sum(stage.name == ALIGN for stage in self.stages[:1])


@dataclass(frozen=True)
class StageFigures:
    """The numbers of examples, hours, epochs and optimizer steps of a stage, and its memory."""

    text_examples: int
    speech_examples: int
    speech_hours: float
    epochs: int
    steps: int
    footprint: Footprint


def read_pools(experiment: Experiment, source: Source) -> Pools:
    """Load all data; raises InputError for undeclared labels, and for a recording in two of training, dev and test."""
    data = experiment.data
    text, speech, source_speech, synthetic, dev, test = (
        _read(corpora, source)
        for corpora in (data.text, data.speech, data.source_speech, data.synthetic_speech, data.dev, data.test)
    )
    speech = tuple(utterance for utterance in speech if utterance.recordings)  # a budget counts recordings
    unlabelled, alignment = (
        _read(corpora, replace(source, labelled=False)) for corpora in (data.unlabelled, data.alignment)
    )
    everything = (*text, *speech, *source_speech, *synthetic, *dev, *test)
    experiment.task.check(everything)
    training_speech = (*speech, *source_speech, *synthetic, *alignment, *unlabelled)
    _check_that_none_is_shared({"test": test, "dev set": dev, "training speech": training_speech})
    if not (examples := as_speech(test)):
        raise InputError(f"{experiment.name}: the test has no recordings; add some, or voices that speak its text")
    if data.dev and not any(utterance.recordings for utterance in dev):
        raise InputError("data.dev has no recordings; is their folder where the corpus expects it?")
    return Pools(
        text,
        speech,
        examples,
        experiment.task.labels(everything),
        source_speech,
        synthetic,
        alignment,
        tuple(utterance for utterance in unlabelled if utterance.recordings),
        limited(dev, experiment.dev.most_recordings),
    )


def limited(pool: Sequence[Utterance], most: int | None) -> tuple[Example, ...]:
    """Return the recordings of a pool, or so many of them: of as many utterances as possible, by hashed id."""
    everything = as_speech(pool)
    if most is None or len(everything) <= most:
        return everything
    ranked = sorted(pool, key=lambda utterance: hashlib.sha256(utterance.id.encode()).hexdigest())
    turns = zip_longest(*(as_speech([utterance]) for utterance in ranked))
    return tuple(islice((example for turn in turns for example in turn if example is not None), most))


def _check_that_none_is_shared(pools: dict[str, Sequence[Utterance]]) -> None:
    """Raise InputError for a recording that is in two of the pools."""
    paths = {
        name: {_real(recording.path): recording.path for utterance in pool for recording in utterance.recordings}
        for name, pool in pools.items()
    }
    for (one, first), (other, second) in combinations(paths.items(), 2):
        for real in first:
            if real in second:
                raise InputError(f"{first[real]}: is in the {one} and in the {other}")


def plan_cells(experiment: Experiment, pools: Pools) -> tuple[CellPlan, ...]:
    """Return the plan of each cell.

    Raises InputError if a pool or budget is empty, if a budget is too large, or if a metric that is expected is none.
    """
    for metric in (expected.metric for expected in experiment.expect if expected.metric is not None):
        if metric not in (known := experiment.task.metrics(pools.labels)):
            raise InputError(f"expect: there is no metric {metric!r}; there are {', '.join(known)}")
    return tuple(_plan_cell(experiment, pools, cell) for cell in experiment.cells())


def figures(stage: Stage, experiment: Experiment, gpus: int = 1) -> StageFigures:
    """Compute the numbers of one stage, and its memory on each of the GPUs that train one model together."""
    size = size_of(experiment.architecture)
    speech = [example for example in stage.most_examples if example.modality is Modality.SPEECH]
    seconds = sum(example.recording.seconds for example in speech if example.recording is not None)
    return StageFigures(
        text_examples=len(stage.most_examples) - len(speech),
        speech_examples=len(speech),
        speech_hours=seconds / 3600,
        epochs=stage.epochs,
        steps=steps_of(stage, experiment.training.batch_size),
        footprint=footprint(size, stage, experiment.architecture, experiment.training, experiment.task, gpus),
    )


def steps_of(stage: Stage, batch_size: int) -> int:
    """Return the most optimizer steps that a stage may take; each batch holds either text or speech."""
    n_speech = sum(example.modality is Modality.SPEECH for example in stage.most_examples)
    n_text = len(stage.most_examples) - n_speech
    return stage.epochs * (math.ceil(n_text / batch_size) + math.ceil(n_speech / batch_size))


def work_of(epochs: int, rows: int, seconds: float) -> float:
    """Return the estimated work of a stage in tokens: 120 for each row and 25 for each second, in every epoch."""
    return epochs * (120 * rows + 25 * seconds)


def _real(path: Path) -> str:
    """The path with symbolic links of its folders resolved; one of the file itself stays, as it is slow to resolve."""
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
    if cell.budget is None:
        speech: tuple[Utterance, ...] = ()
    else:
        speech = cell.budget.select(pools.speech, cell.selection_seed)
    synthetic = pools.synthetic_speech if cell.scheme.uses_synthetic else ()
    unlabelled = (_without(pools.unlabelled, speech),) if cell.scheme.uses_unlabelled else ()
    source: dict[str, Any] = {"source": pools.source_speech} if cell.scheme.knows_source else {}
    alignment, asking = _alignment(experiment.alignment, pools), cell.scheme.asking
    own = cell.scheme.stages(pools.text, (*pools.source_speech, *speech), synthetic, *unlabelled, **source)
    if cell.scheme.uses_text and not pools.text and not (own and all(stage.most_examples for stage in own)):
        raise InputError(f"{cell.name}: the text pool is empty; list corpora under data.text")
    if empty := [stage.name for stage in own if not stage.most_examples]:
        raise InputError(f"{cell.name}: its stage {empty[0]!r} has nothing to show; give it text or speech")
    prompts = tuple(
        Prompt(shows, _preface(cell.scheme.label, one, pools, experiment)) for shows, one in cell.scheme.prompts.items()
    )
    through: Through = "nothing"
    if experiment.decoding.through == "words" and own and asking.transcribed_by is None:
        through = "words"
        asking = replace(asking, transcribed_by=SELF, normalize_transcripts=True, asked=Asked.FRAME)
    dev = _dev(experiment, pools, asking, through)
    stages = (*alignment, *(_chosen(stage, dev) for stage in own))
    transcribes_after = len(alignment) if through == "nothing" or experiment.training.lora else len(stages)
    on = dev if len(prompts) > 1 else None
    plan = CellPlan(cell, speech, stages, asking, prompts, through, transcribes_after, on)
    _check_words_within_a_stage(plan, experiment)
    return plan


def _dev(experiment: Experiment, pools: Pools, asking: Asking, through: Through) -> DevSet | None:
    """The recordings on which a model's settings are chosen, put to it as the test is; None without any."""
    if not pools.dev:
        return None
    decoding = experiment.decoding.model_copy(update={"beams": experiment.dev.beams, "through": through})
    return DevSet(
        tuple(replace(example, asked=asking.asked) for example in pools.dev), decoding, experiment.dev.patience
    )


def _chosen(stage: Stage, dev: DevSet | None) -> Stage:
    """The stage with the recordings on which its epoch is chosen, if there is anything to choose."""
    return replace(stage, dev=dev) if stage.epochs > 1 else stage


def _without(unlabelled: Sequence[Utterance], speech: Sequence[Utterance]) -> tuple[Utterance, ...]:
    """The unlabelled utterances without their labels, and without those of which a recording is in the speech."""
    taken = {_real(recording.path) for utterance in speech for recording in utterance.recordings}
    return without_labels(
        [u for u in unlabelled if not any(_real(recording.path) in taken for recording in u.recordings)]
    )


def _check_words_within_a_stage(plan: CellPlan, experiment: Experiment) -> None:
    """Raise InputError if the dev set is to be read within a stage by a model that can transcribe only after it."""
    if plan.through == "words" and not experiment.training.lora and any(stage.dev for stage in plan.stages):
        raise InputError(
            f"{plan.cell.scheme.label}: without LoRA a model transcribes with its tuned weights, so that data.dev "
            "cannot be read within a stage; add training.lora, or leave decoding.through or data.dev out"
        )


def _preface(scheme: str, asking: Asking, pools: Pools, experiment: Experiment) -> str:
    if not asking.labels and not asking.examples:
        return ""
    if asking.examples > len(pools.text):
        raise InputError(f"{scheme}: shows {asking.examples} examples, but the text pool has {len(pools.text)}")
    as_text(
        chosen := in_turn(pools.text, experiment.task)[: asking.examples]
    )  # raises InputError for an utterance without text
    known = (*pools.text, *pools.speech) if asking.labels else ()  # never labels of the test
    return experiment.task.preface(known, chosen)


def in_turn(pool: Sequence[Utterance], task: Task) -> list[Utterance]:
    """Return the pool ordered by turns: one utterance of each group, then a second of each; within it by hashed id."""
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
        raise InputError("data.alignment has no recordings; is their folder where the corpus expects it?")
    return (Stage(ALIGN, examples, settings.epochs, settings.learning_rate, settings.warmup_ratio, trainable),)
