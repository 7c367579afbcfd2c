"""Training schemes: each one converts the pools of text and speech to a list of stages for the trainer.

The defaults are those of arXiv 2509.15389 where they are known; docs/design.md lists the others.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from eartune.data.budget import SpeechBudget, parse_budget
from eartune.data.example import Asked, Example, Pool, as_speech, as_text
from eartune.errors import InputError
from eartune.settings import Augmentation, Component, Decoding, Section
from eartune.wording import counted

EVERYTHING = tuple(Component)
LANGUAGE_MODEL_ONLY = (Component.LANGUAGE_MODEL,)
ALL, NOTHING = parse_budget("100%"), parse_budget("0%")

Order = Literal["shuffled", "by-length"]
"""The order of batches in an epoch: drawn anew for each, or short recordings and short sentences first."""

Role = Literal["untuned", "text reference", "transcript reference", "synthetic reference", "baseline", "other"]
"""The role of a scheme in the comparisons of a report, which so needs no names or types of schemes.

untuned: the model before training; a score far below all others does not extend the axis of the curve.
text reference: the score of text alone; every other trained scheme is compared with it.
transcript reference: the score of transcripts read by a model trained on text; every scheme with recordings is compared
with it, and a report opens with it.
synthetic reference: the score of synthetic speech; every scheme with recordings is compared with it.
baseline: the simplest use of recordings; every other scheme at the same budget is compared with it, and its score
with all recordings is shown as the level of all speech.
other: it is compared with those above, and nothing is compared with it.
"""


@dataclass(frozen=True)
class DevSet:
    """The recordings on which the epoch of a stage, or another setting, is chosen; neither trained nor tested on."""

    examples: tuple[Example, ...]
    """The recordings as they are asked about: as the model is asked about the test."""
    decoding: Decoding
    patience: int | None = None
    """How many epochs in a row may be no better than the best before the stage ends; None: all are trained."""


@dataclass(frozen=True)
class Stage:
    """One stage of training: its examples, epochs, learning rate, warm-up and trainable components."""

    name: str
    examples: tuple[Example, ...]
    epochs: int
    learning_rate: float
    warmup_ratio: float
    """The fraction of steps in which the learning rate rises to its maximum."""
    trainable: tuple[Component, ...]
    teacher_weight: float = 0.0
    """The weight of learning, from sound, the probabilities of answers that the model before this stage has from words.

    Where it is above 0, the answers of examples without labels are those that the same model reads from their words."""
    to_label: tuple[Example, ...] = ()
    """Recordings that the model before this stage labels; those whose labels are kept are examples of it as well."""
    augment: Augmentation | None = None
    """How recordings are changed at each showing; None shows them as they are."""
    dev: DevSet | None = None
    """The recordings on which its epoch is chosen, which the plan adds; None if there is no choice."""
    order: Order = "shuffled"
    """The order of its batches in every epoch."""

    @property
    def most_examples(self) -> tuple[Example, ...]:
        """All examples that the stage may show, if all labels are kept."""
        return self.examples + self.to_label

    @property
    def chooses_epoch(self) -> bool:
        """Whether the dev set chooses its epoch; of one epoch there is nothing to choose."""
        return self.dev is not None and self.epochs > 1

    @property
    def times_dev_is_answered(self) -> int:
        """How often the dev set is decoded at most: after each epoch."""
        return self.epochs if self.chooses_epoch else 0


@dataclass(frozen=True)
class Asking:
    """How a model is prompted for the test: with labels and examples, or with a recogniser's transcript."""

    labels: bool = False
    """Whether the prompt names the labels of the text and the speech pools."""
    examples: int = 0
    """The number of utterances of the text pool that the prompt shows with their answers."""
    transcribed_by: str | None = None
    """The recogniser whose transcript the model reads instead of the recording; SELF for the untuned model itself."""
    normalize_transcripts: bool = False
    """Whether transcripts are put in lower case and without punctuation."""
    asked: Asked = Asked.FRAME
    """What the model is to answer with: the task's answer, or the words and then that."""


SELF = "self"
"""The name of the untuned model as a recogniser."""


def mixed(text: Pool, speech: Pool, synthetic: Pool, least_speech: float) -> tuple[Example, ...]:
    """Return every text once, then every recording as often as `least_speech` requires, then synthetic speech.

    `least_speech` is the least fraction of recordings among texts and recordings, 0 to below 1.
    """
    typed, spoken = as_text(text), as_speech(speech)
    times = math.ceil(least_speech / (1 - least_speech) * len(typed) / len(spoken)) if spoken else 1
    return typed + spoken * max(1, times) + as_speech(synthetic)


def one_or_several(kind: Callable[[Any], Any], fits: Callable[[Any], bool], said: str) -> BeforeValidator:
    """Return what reads a setting that is one value, or a list of several, of which the dev set chooses one.

    `said` is the error for anything else.
    """

    def read(value: Any) -> Any:
        several = isinstance(value, list | tuple)
        values = value if several else [value]
        if not all(map(fits, values)) or len(set(values)) < max(len(values), 1 + several):
            raise InputError(f"needs {said}, of which data.dev chooses one")
        return tuple(map(kind, values)) if several else kind(value)

    return BeforeValidator(read)


def in_per_cent(share: SpeechBudget) -> SpeechBudget:
    """Return the share of what a stage could show; raises InputError for an amount in another unit."""
    if share.unit != "%":
        raise InputError(f"{str(share)!r} is no share of a stage; write one in per cent, such as 20%")
    return share


class Scheme(Section, ABC):
    """A way of fine-tuning: the stages in which a model is trained, and how it is prompted for the test.

    A scheme of your own is a subclass with a `type` and `stages`; its fields are its settings. Give it to
    `eartune.run(..., schemes=[MyScheme()])`.
    """

    name: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]*$")
    """A name for grids that hold the same scheme with different settings."""
    type: str
    role: ClassVar[Role] = "other"
    uses_text: ClassVar[bool] = True
    """Whether the scheme trains on the text pool."""
    uses_speech: ClassVar[bool] = True
    """Whether the scheme uses the budget's speech, and so is run at every budget of the grid."""
    knows_source: ClassVar[bool] = False
    """Whether `stages` is told, as `source`, which part of the speech is of other languages."""

    @property
    def label(self) -> str:
        """The name of the scheme in tables and folders."""
        return self.name or self.type

    @property
    def uses_synthetic(self) -> bool:
        """Whether the scheme trains on all of data.synthetic_speech."""
        return False

    @property
    def uses_unlabelled(self) -> bool:
        """Whether the scheme trains on the recordings of data.unlabelled."""
        return False

    @property
    def trains(self) -> bool:
        """Whether the scheme trains on anything; one that does not is run once, whatever the number of seeds."""
        return self.uses_text or self.uses_speech or self.uses_synthetic or self.uses_unlabelled

    @abstractmethod
    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return the stages in their order.

        `text` is the text pool, `speech` the speech of other languages and that of the budget, and `synthetic` the
        synthetic speech, which is empty unless the scheme `uses_synthetic`. A scheme that `uses_unlabelled` is given
        the recordings of data.unlabelled as well, without labels and without those of the budget.
        """

    @property
    def asking(self) -> Asking:
        """How the model is prompted for the test after its last stage."""
        return Asking()

    @property
    def prompts(self) -> dict[str, Asking]:
        """The ways of prompting of which the dev set chooses one, by what they show in words; by default the only one.

        Of equally good ones the first is taken.
        """
        return {"": self.asking}

    @property
    def settings_to_choose(self) -> tuple[str, ...]:
        """The names of the settings that list several values, of which the dev set chooses one."""
        return ()


class Untuned(Scheme):
    """The model without training, except for the alignment stage if there is one."""

    type: Literal["untuned"] = "untuned"
    role: ClassVar[Role] = "untuned"
    uses_text: ClassVar[bool] = False
    uses_speech: ClassVar[bool] = False

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return no stages, as the model is tested as it is."""
        return []


class Prompted(Scheme):
    """The untuned model, prompted with the labels and with some examples and their answers.

    Where settings list several values, each with each is one prompt, and the dev set chooses among them.
    """

    type: Literal["prompted"] = "prompted"
    labels: Annotated[
        bool | tuple[bool, ...],
        one_or_several(bool, lambda value: isinstance(value, bool), "true, false, or both as [true, false]"),
    ] = True
    """Whether the prompt names all labels; of [true, false], data.dev chooses."""
    examples: Annotated[
        int | tuple[int, ...],
        one_or_several(
            int,
            lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
            "a whole number from 0 up, or several different ones, such as [0, 5, 20]",
        ),
    ] = 0
    """The number of utterances of data.text in the prompt, of as many different intents as possible; of several
    numbers, such as [0, 5, 20], data.dev chooses."""
    uses_text: ClassVar[bool] = False
    uses_speech: ClassVar[bool] = False

    @property
    def asking(self) -> Asking:
        """The prompt with the labels and the examples before the instruction; the first, if there are several."""
        return next(iter(self.prompts.values()))

    @property
    def prompts(self) -> dict[str, Asking]:
        """A prompt for each value of `labels` with each of `examples`."""
        found = {}
        for labels, examples in product(_values(self.labels), _values(self.examples)):
            shown = ["labels"] * labels + [counted(examples, "example")] * bool(examples)
            found[" and ".join(shown) or "the instruction alone"] = Asking(labels=labels, examples=examples)
        return found

    @property
    def settings_to_choose(self) -> tuple[str, ...]:
        """Those of `labels` and `examples` that list several values."""
        return tuple(name for name in ("labels", "examples") if isinstance(getattr(self, name), tuple))

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return no stages, as only the prompt of the test is another."""
        return []


class TextOnly(Scheme):
    """Training on labelled text alone, with frozen audio components."""

    type: Literal["text-only"] = "text-only"
    role: ClassVar[Role] = "text reference"
    epochs: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=5e-6, gt=0)
    warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    uses_speech: ClassVar[bool] = False

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return one stage of text."""
        return [_text_stage(text, self.epochs, self.learning_rate, self.warmup_ratio)]


class Cascade(TextOnly):
    """A recogniser's transcript as input of the model after text-only training, as most products do today."""

    type: Literal["cascade"] = "cascade"  # type: ignore[assignment]
    role: ClassVar[Role] = "transcript reference"
    asr: str = SELF
    """A speech recogniser on the hub or in a folder, or `self`, the model before its training."""
    as_heard: bool = True
    """Whether the model reads transcripts in lower case and without punctuation; their file is unchanged."""

    @property
    def asking(self) -> Asking:
        """The prompt with transcripts instead of recordings."""
        return Asking(transcribed_by=self.asr, normalize_transcripts=self.as_heard)


class DirectMixing(Scheme):
    """Training on all text and the budget's speech in one stage."""

    type: Literal["direct-mixing"] = "direct-mixing"
    role: ClassVar[Role] = "baseline"
    epochs: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=5e-6, gt=0)
    warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    trainable: tuple[Component, ...] = Field(default=EVERYTHING, min_length=1)
    """The trained components; sources on the paper disagree: all of them, or the language model alone."""
    least_speech: float = Field(default=0, ge=0, lt=1)
    """The least fraction of speech in an epoch; recordings are repeated to reach it. 0, as in the paper: never."""
    synthetic: bool = False
    """Whether the scheme also trains on all of data.synthetic_speech."""
    augment: Augmentation | None = None
    """How recordings are changed each time that they are shown; None, as in the paper: not at all."""

    @property
    def uses_synthetic(self) -> bool:
        """Whether the setting `synthetic` is on."""
        return self.synthetic

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return one stage of text and speech."""
        examples = mixed(text, speech, synthetic, self.least_speech)
        settings = self.epochs, self.learning_rate, self.warmup_ratio, self.trainable
        return [Stage("mixed", examples, *settings, augment=self.augment)]


class Curriculum(Scheme):
    """Training on text first, then on text and speech together at a lower learning rate."""

    type: Literal["curriculum"] = "curriculum"
    text_epochs: int = Field(default=2, ge=1)
    text_learning_rate: float = Field(default=5e-6, gt=0)
    text_warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    text_again: SpeechBudget = ALL
    """The share of the text that the speech stage shows once more; 100 %, as in the paper: all of it."""
    speech_epochs: int = Field(default=1, ge=1)
    speech_learning_rate: float = Field(default=3e-6, gt=0)
    speech_warmup_ratio: float = Field(default=0.02, ge=0, lt=1)
    trainable: tuple[Component, ...] = Field(default=EVERYTHING, min_length=1)
    """The components trained in the speech stage; the text stage trains the language model."""
    least_speech: float = Field(default=0, ge=0, lt=1)
    """The least fraction of speech in an epoch; recordings are repeated to reach it. 0, as in the paper: never."""
    synthetic: bool = False
    """Whether the scheme also trains on all of data.synthetic_speech."""
    augment: Augmentation | None = None
    """How recordings are changed each time that they are shown; None, as in the paper: not at all."""

    @field_validator("text_again")
    @classmethod
    def _is_a_share(cls, share: SpeechBudget) -> SpeechBudget:
        return in_per_cent(share)

    @property
    def uses_synthetic(self) -> bool:
        """Whether the setting `synthetic` is on."""
        return self.synthetic

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return a stage of text, then a stage of text and speech."""
        both = mixed(next_share(text, 0, self.text_again.amount / 100), speech, synthetic, self.least_speech)
        typed = self.text_epochs, self.text_learning_rate, self.text_warmup_ratio
        settings = self.speech_epochs, self.speech_learning_rate, self.speech_warmup_ratio, self.trainable
        return [
            _text_stage(text, *typed),
            Stage("mixed", both, *settings, augment=self.augment),
        ]


class SyntheticSpeech(Scheme):
    """Training on all text and all of data.synthetic_speech; it needs no recordings and no budget."""

    type: Literal["synthetic-speech"] = "synthetic-speech"
    role: ClassVar[Role] = "synthetic reference"
    epochs: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=5e-6, gt=0)
    warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    trainable: tuple[Component, ...] = Field(default=EVERYTHING, min_length=1)
    augment: Augmentation | None = None
    """How recordings are changed each time that they are shown; None, as in the paper: not at all."""
    uses_speech: ClassVar[bool] = False

    @property
    def uses_synthetic(self) -> bool:
        """Always true: synthetic speech is the only speech of this scheme."""
        return True

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return one stage of text and synthetic speech."""
        examples = mixed(text, (), synthetic, 0)
        settings = self.epochs, self.learning_rate, self.warmup_ratio, self.trainable
        return [Stage("mixed", examples, *settings, augment=self.augment)]


class WordsThenFrame(Curriculum):
    """The curriculum with answers that repeat the words in a first line, so that the frame is read from text.

    Of all examples whose words are known, every second one is answered so, under an instruction of its own, and the
    others directly; recordings without known words are answered directly. The test is answered with the words first.
    """

    type: Literal["words-then-frame"] = "words-then-frame"  # type: ignore[assignment]

    @property
    def asking(self) -> Asking:
        """The prompt that asks for the words and then the task's answer."""
        return Asking(asked=Asked.WORDS_THEN_FRAME)

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return the stages of the curriculum, in which every second example asks for the words first."""
        stages = super().stages(text, speech, synthetic)
        return [replace(stage, examples=half_with_words(stage.examples)) for stage in stages]


class Distilled(Curriculum):
    """The curriculum, whose speech stage also learns from the model of its text stage, as it reads the words.

    In the speech stage, each recording whose words are known is learned twice over: its right answer, and the
    probabilities that the weights at the end of the text stage, reading the words, give to each token of that answer.
    Recordings of data.unlabelled whose words are known take part with the answers that those weights read from the
    words, and with their probabilities alone.
    """

    type: Literal["distilled"] = "distilled"  # type: ignore[assignment]
    teacher_weight: float = Field(default=0.5, gt=0)
    """The weight of the divergence from the teacher's probabilities, beside the cross entropy of the right answer."""

    @property
    def uses_unlabelled(self) -> bool:
        """Always true; data.unlabelled may be empty."""
        return True

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return the stages of the curriculum, the second with a teacher and with unlabelled speech of known words.

        Raises InputError if no recording has known words.
        """
        first, second = super().stages(text, speech, synthetic)
        heard = as_speech([utterance for utterance in unlabelled if utterance.text is not None])
        if not any(utterance.text is not None for utterance in (*speech, *synthetic, *unlabelled)):
            raise InputError(f"{self.label}: no recording has known words for the teacher to read; use curriculum")
        return [
            first,
            replace(second, name=self.type, examples=second.examples + heard, teacher_weight=self.teacher_weight),
        ]


class SelfTraining(Curriculum):
    """The curriculum, and a third stage that also learns from recordings which the model labelled itself.

    After the curriculum, the model answers each recording of data.unlabelled twice: from its sound, and from its
    transcript by the untuned model. Where both answers agree, the third stage learns the answer, once per epoch, beside
    everything that the second one learned; its settings are those of the second.
    """

    type: Literal["self-training"] = "self-training"  # type: ignore[assignment]

    @property
    def uses_unlabelled(self) -> bool:
        """Always true: without such recordings it is the curriculum."""
        return True

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = ()) -> list[Stage]:
        """Return the stages of the curriculum, and one more if there is anything to label; no words of it are shown."""
        stages = super().stages(text, speech, synthetic)
        wordless = as_speech([replace(utterance, text=None) for utterance in unlabelled])
        if not wordless:  # the budget has selected all of them
            return stages
        return [*stages, replace(stages[-1], name="self-labelled", to_label=wordless)]


class StageSettings(Section):
    """One stage of the scheme `stages`: what it shows, for how long, at which rate, and what it trains."""

    name: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]*$")
    """By default `text`, `speech` or `mixed` for both; the second such stage is called text-2, and so on."""
    text: SpeechBudget = ALL
    """The share of the text. Below 100%, it goes on where the last such stage ended, so that five stages of 20% show
    all text once; which is shown when depends on the ids alone."""
    speech: SpeechBudget = NOTHING
    """The share of the budget's speech, in the order of its selection, so that 5% lies inside 20%; and, beside it, of
    the speech of other languages. It is one utterance at least, unless it is 0%."""
    synthetic: bool = False
    """Whether the stage also shows all of data.synthetic_speech."""
    least_speech: float = Field(default=0, ge=0, lt=1)
    """The least fraction of speech in an epoch; recordings are repeated to reach it. 0: never."""
    epochs: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=5e-6, gt=0)
    warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    trainable: tuple[Component, ...] | None = Field(default=None, min_length=1)
    """The trained components; None: the language model in a stage of text alone, everything in any other."""
    order: Order = "shuffled"
    """Drawn anew for each epoch, or by length: short sentences and short recordings first."""
    augment: Augmentation | None = None
    """How recordings are changed each time that they are shown; None: not at all."""

    @model_validator(mode="after")
    def _shares_are_per_cent_of_something(self) -> "StageSettings":
        for share in (self.text, self.speech):
            in_per_cent(share)
        if not (self.text.amount or self.speech.amount or self.synthetic):
            raise InputError("a stage needs something to show: text, speech or synthetic")
        return self

    @property
    def kind(self) -> str:
        """The name of a stage that shows the same: text, speech or mixed."""
        if not (self.speech.amount or self.synthetic):
            return "text"
        return "mixed" if self.text.amount else "speech"

    def stage(self, name: str, examples: tuple[Example, ...]) -> Stage:
        """Return the stage with this name and these examples."""
        trainable = self.trainable or (LANGUAGE_MODEL_ONLY if self.kind == "text" else EVERYTHING)
        settings = self.epochs, self.learning_rate, self.warmup_ratio, trainable
        return Stage(name, examples, *settings, augment=self.augment, order=self.order)


class Staged(Scheme):
    """Training in the stages that the setting `sequence` lists, of which the schemes of the paper are three cases."""

    type: Literal["stages"] = "stages"
    sequence: tuple[StageSettings, ...] = Field(min_length=1)
    """The stages in their order."""
    knows_source: ClassVar[bool] = True

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Staged":
        for name, times in Counter(self.stage_names).items():
            if times > 1:
                raise InputError(f"the stage {name!r} is listed twice; give one of them another name")
        return self

    @property
    def stage_names(self) -> list[str]:
        """The names of the stages; one without a name is called by its kind, and by its number among these."""
        kinds: Counter[str] = Counter()
        names = []
        for stage in self.sequence:
            kinds[stage.kind] += 1
            number = kinds[stage.kind]
            names.append(stage.name or (stage.kind if number == 1 else f"{stage.kind}-{number}"))
        return names

    @property
    def uses_speech(self) -> bool:  # type: ignore[override]
        """Whether any stage shows a share of the budget's speech."""
        return any(stage.speech.amount for stage in self.sequence)

    @property
    def uses_synthetic(self) -> bool:
        """Whether any stage shows synthetic speech."""
        return any(stage.synthetic for stage in self.sequence)

    def stages(
        self, text: Pool, speech: Pool, synthetic: Pool = (), unlabelled: Pool = (), source: Pool = ()
    ) -> list[Stage]:
        """Return the stages that are listed; `source` is the part of `speech`, its first, that is of other languages.

        Raises InputError for a stage that has nothing to show.
        """
        budgeted = speech[len(source) :]
        found: list[Stage] = []
        text_shown = 0.0
        for name, settings in zip(self.stage_names, self.sequence, strict=True):
            share, heard = settings.text.amount / 100, settings.speech.amount / 100
            spoken = (*first_share(source, by_hash(source), heard), *first_share(budgeted, budgeted, heard))
            voices = synthetic if settings.synthetic else ()
            examples = mixed(next_share(text, text_shown, share), spoken, voices, settings.least_speech)
            text_shown += share
            if not examples:
                raise InputError(f"{self.label}: its stage {name} has nothing to show")
            found.append(settings.stage(name, examples))
        return found


def by_hash(pool: Pool) -> Pool:
    """Return the pool in the order of a budget's selection by the seed 0, which depends on the ids alone."""
    return ALL.select(pool, 0) if pool else ()


def first_share(pool: Pool, ranked: Pool, share: float) -> Pool:
    """Return a share of the pool, the first in the order `ranked`, and at least one utterance unless it is 0.

    They stand in the order of the pool.
    """
    count = max(1, round(share * len(ranked))) if share else 0
    kept = {utterance.id for utterance in ranked[:count]}
    return [utterance for utterance in pool if utterance.id in kept]


def next_share(pool: Pool, shown: float, share: float) -> Pool:
    """Return a share of the pool that begins where `shown` of it ends, in the order `by_hash`; at its end, anew.

    The utterances stand in the order of the pool.
    """
    ranked = by_hash(pool)
    first = round(shown * len(ranked))
    count = max(1, round((shown + share) * len(ranked)) - first) if share else 0
    kept = {ranked[place % len(ranked)].id for place in range(first, first + count)} if ranked else set()
    return [utterance for utterance in pool if utterance.id in kept]


def _values(setting: Any) -> tuple[Any, ...]:
    return setting if isinstance(setting, tuple) else (setting,)


def half_with_words(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Return the examples, of which every second one with known words asks for these and then the task's answer.

    An example that is shown several times asks for the one and the other in turn.
    """
    places: dict[tuple[int, int], int] = {}
    times: Counter[tuple[int, int]] = Counter()
    found = []
    for example in examples:
        if example.utterance.text is not None:
            same = id(example.utterance), id(example.recording)  # hashes of content would take seconds
            turn = places.setdefault(same, len(places)) + times[same]
            times[same] += 1
            example = replace(example, asked=Asked.FRAME if turn % 2 else Asked.WORDS_THEN_FRAME)
        found.append(example)
    return tuple(found)


def _text_stage(text: Pool, epochs: int, learning_rate: float, warmup_ratio: float) -> Stage:
    return Stage("text", as_text(text), epochs, learning_rate, warmup_ratio, LANGUAGE_MODEL_ONLY)


def _scheme(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Validate a scheme from YAML; an object from Python is kept unchanged."""
    return value if isinstance(value, Scheme) else validate(value)


AnyScheme = Annotated[
    Untuned
    | Prompted
    | Cascade
    | TextOnly
    | SyntheticSpeech
    | DirectMixing
    | Curriculum
    | WordsThenFrame
    | Distilled
    | SelfTraining
    | Staged,
    Field(discriminator="type"),
    WrapValidator(_scheme),
    PlainSerializer(lambda scheme: scheme.model_dump(mode="json")),
]
"""A scheme that YAML names by its type, or an object from Python."""
SCHEMES = (
    Untuned,
    Prompted,
    Cascade,
    TextOnly,
    SyntheticSpeech,
    DirectMixing,
    Curriculum,
    WordsThenFrame,
    Distilled,
    SelfTraining,
    Staged,
)
"""All schemes that a YAML can name, in the order in which reports list them."""
