"""Training schemes: each one converts the pools of text and speech to a list of stages for the trainer.

The defaults are those of arXiv 2509.15389 where they are known; docs/design.md lists the others.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from eartune.data.example import Asked, Example, Pool, as_speech, as_text
from eartune.errors import InputError
from eartune.settings import Augmentation, Component
from eartune.training.scheme import SELF, Asking, Role, Scheme, mixed
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY, Stage
from eartune.training.staged import ALL, Share, Staged, next_share
from eartune.wording import counted


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
    text_again: Share = ALL
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
