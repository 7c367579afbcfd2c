"""Training schemes: each turns pools of text and speech into a list of stages, which is all a trainer sees.

The defaults are those of arXiv 2509.15389 where known; docs/design.md says which are not.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainSerializer, ValidatorFunctionWrapHandler, WrapValidator

from eartune.data.example import Example, Pool, as_speech, as_text
from eartune.settings import Component, Section

EVERYTHING = tuple(Component)
LANGUAGE_MODEL_ONLY = (Component.LANGUAGE_MODEL,)

Role = Literal["untuned", "text reference", "synthetic reference", "baseline", "other"]
"""What the report compares a scheme with, so that it need not know the scheme's name or type.

untuned: the model before it is trained; a score far below all others does not stretch the curve's axis.
text reference: what text alone gives; every other trained scheme is compared with it.
synthetic reference: what synthetic speech gives; every scheme with recordings is compared with it.
baseline: the plain way to use recordings; every other scheme at the same budget is compared with it, and its score
with all recordings is "what all speech gives".
other: compared with those above; nothing is compared with it.
"""


@dataclass(frozen=True)
class Stage:
    """What the trainer is given."""

    name: str
    examples: tuple[Example, ...]
    epochs: int
    learning_rate: float
    warmup_ratio: float
    trainable: tuple[Component, ...]


@dataclass(frozen=True)
class Asking:
    """How the test is put to a model: as it is, after labels and examples, or as the transcript of a recogniser."""

    labels: bool = False
    """Whether the prompt names the labels of the text and the speech pools."""
    examples: int = 0
    """How many utterances of the text pool the prompt shows with their answers."""
    transcribed_by: str | None = None
    """The recogniser whose transcript the model reads instead of the recording; SELF for the untuned model itself."""
    normalize_transcripts: bool = False
    """Whether the model gets transcripts in lower case and without punctuation."""


SELF = "self"
"""The name of the untuned model itself as a recogniser."""


def mixed(text: Pool, speech: Pool, synthetic: Pool, least_speech: float) -> tuple[Example, ...]:
    """Every text once, every recording so many times that speech has at least this share, then synthetic speech."""
    typed, spoken = as_text(text), as_speech(speech)
    times = math.ceil(least_speech / (1 - least_speech) * len(typed) / len(spoken)) if spoken else 1
    return typed + spoken * max(1, times) + as_speech(synthetic)


class Scheme(Section, ABC):
    """A way of fine-tuning: the stages that a model is trained in, and how the test is put to it afterwards.

    A scheme of your own is a subclass with a `type` and `stages`; its fields are its settings. Give it to
    `eartune.run(..., schemes=[MyScheme()])`.
    """

    name: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]*$")
    """A name for grids that hold the same scheme with different settings."""
    type: str
    role: ClassVar[Role] = "other"
    uses_text: ClassVar[bool] = True
    """Whether it trains on the text pool; one that trains on nothing is run once, whatever the number of seeds."""
    uses_speech: ClassVar[bool] = True
    """Whether it uses the budget's speech, and so is run at every budget of the grid."""

    @property
    def label(self) -> str:
        """What tables and folders call the scheme."""
        return self.name or self.type

    @property
    def uses_synthetic(self) -> bool:
        """Whether it learns from data.synthetic_speech, all of it; some schemes make this a setting."""
        return False

    @abstractmethod
    def stages(self, text: Pool, speech: Pool, synthetic: Pool = ()) -> list[Stage]:
        """The stages, in their order: the trainer sees nothing else.

        `text` is the text pool, `speech` the speech of other languages and the budget's, and `synthetic` the speech
        of voices, empty unless the scheme `uses_synthetic`.
        """

    @property
    def asking(self) -> Asking:
        """How the test is put to the model after its last stage."""
        return Asking()


class Untuned(Scheme):
    """The model as it is, or as its alignment left it."""

    type: Literal["untuned"] = "untuned"
    role: ClassVar[Role] = "untuned"
    uses_text: ClassVar[bool] = False
    uses_speech: ClassVar[bool] = False

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = ()) -> list[Stage]:
        """No stage at all."""
        return []


class Prompted(Scheme):
    """The untuned model, with the labels and some typed examples with their answers in its prompt."""

    type: Literal["prompted"] = "prompted"
    labels: bool = True
    """Whether the instruction names all intents and entity types."""
    examples: int = Field(default=0, ge=0)
    """How many of data.text it shows, of as many intents as there are."""
    uses_text: ClassVar[bool] = False
    uses_speech: ClassVar[bool] = False

    @property
    def asking(self) -> Asking:
        """The labels and the examples stand before the instruction."""
        return Asking(labels=self.labels, examples=self.examples)

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = ()) -> list[Stage]:
        """No stage at all."""
        return []


class TextOnly(Scheme):
    """Labelled text alone, audio parts frozen."""

    type: Literal["text-only"] = "text-only"
    role: ClassVar[Role] = "text reference"
    epochs: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=5e-6, gt=0)
    warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    uses_speech: ClassVar[bool] = False

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = ()) -> list[Stage]:
        """One stage of text."""
        return [_text_stage(text, self.epochs, self.learning_rate, self.warmup_ratio)]


class Cascade(TextOnly):
    """An ASR's transcript, read by the model after text-only tuning: what most products do today."""

    type: Literal["cascade"] = "cascade"  # type: ignore[assignment]
    role: ClassVar[Role] = "other"
    asr: str = SELF
    """A speech recogniser on the hub or in a folder, or the model itself before it is tuned."""
    as_heard: bool = True
    """Read its words in lower case and without punctuation, as most corpora write them; the file keeps both."""

    @property
    def asking(self) -> Asking:
        """Transcripts are read instead of recordings."""
        return Asking(transcribed_by=self.asr, normalize_transcripts=self.as_heard)


class DirectMixing(Scheme):
    """All text and the budget's speech in one shuffled stream."""

    type: Literal["direct-mixing"] = "direct-mixing"
    role: ClassVar[Role] = "baseline"
    epochs: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=5e-6, gt=0)
    warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    trainable: tuple[Component, ...] = Field(default=EVERYTHING, min_length=1)
    """What the stage trains; sources on the paper disagree between everything and the language model alone."""
    least_speech: float = Field(default=0, ge=0, lt=1)
    """The least share of speech in an epoch. Fewer recordings are shown several times; 0, as in the paper, once."""
    synthetic: bool = False
    """Also learn from data.synthetic_speech, all of it."""

    @property
    def uses_synthetic(self) -> bool:
        """As the setting `synthetic` states."""
        return self.synthetic

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = ()) -> list[Stage]:
        """One stage of both."""
        examples = mixed(text, speech, synthetic, self.least_speech)
        return [Stage("mixed", examples, self.epochs, self.learning_rate, self.warmup_ratio, self.trainable)]


class Curriculum(Scheme):
    """Text first, then text and speech together at a lower rate."""

    type: Literal["curriculum"] = "curriculum"
    text_epochs: int = Field(default=2, ge=1)
    text_learning_rate: float = Field(default=5e-6, gt=0)
    text_warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    speech_epochs: int = Field(default=1, ge=1)
    speech_learning_rate: float = Field(default=3e-6, gt=0)
    speech_warmup_ratio: float = Field(default=0.02, ge=0, lt=1)
    trainable: tuple[Component, ...] = Field(default=EVERYTHING, min_length=1)
    """What the speech stage trains; the text stage trains the language model."""
    least_speech: float = Field(default=0, ge=0, lt=1)
    """The least share of speech in an epoch. Fewer recordings are shown several times; 0, as in the paper, once."""
    synthetic: bool = False
    """Also learn from data.synthetic_speech, all of it."""

    @property
    def uses_synthetic(self) -> bool:
        """As the setting `synthetic` states."""
        return self.synthetic

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = ()) -> list[Stage]:
        """A stage of text, then one of both."""
        both = mixed(text, speech, synthetic, self.least_speech)
        return [
            _text_stage(text, self.text_epochs, self.text_learning_rate, self.text_warmup_ratio),
            Stage(
                "mixed", both, self.speech_epochs, self.speech_learning_rate, self.speech_warmup_ratio, self.trainable
            ),
        ]


class SyntheticSpeech(Scheme):
    """All text, and all of data.synthetic_speech: no recording is needed, and no budget is asked about."""

    type: Literal["synthetic-speech"] = "synthetic-speech"
    role: ClassVar[Role] = "synthetic reference"
    epochs: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=5e-6, gt=0)
    warmup_ratio: float = Field(default=0.04, ge=0, lt=1)
    trainable: tuple[Component, ...] = Field(default=EVERYTHING, min_length=1)
    uses_speech: ClassVar[bool] = False

    @property
    def uses_synthetic(self) -> bool:
        """Synthetic speech is the only speech it learns from."""
        return True

    def stages(self, text: Pool, speech: Pool, synthetic: Pool = ()) -> list[Stage]:
        """One stage of typed and spoken text."""
        examples = mixed(text, (), synthetic, 0)
        return [Stage("mixed", examples, self.epochs, self.learning_rate, self.warmup_ratio, self.trainable)]


def _text_stage(text: Pool, epochs: int, learning_rate: float, warmup_ratio: float) -> Stage:
    return Stage("text", as_text(text), epochs, learning_rate, warmup_ratio, LANGUAGE_MODEL_ONLY)


def _scheme(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """A scheme as YAML has it; an object from Python is taken as it is."""
    return value if isinstance(value, Scheme) else validate(value)


AnyScheme = Annotated[
    Untuned | Prompted | Cascade | TextOnly | SyntheticSpeech | DirectMixing | Curriculum,
    Field(discriminator="type"),
    WrapValidator(_scheme),
    PlainSerializer(lambda scheme: scheme.model_dump(mode="json")),
]
"""A scheme that a YAML names by its type, or one of the user's own from Python."""
SCHEMES = (Untuned, Prompted, Cascade, TextOnly, SyntheticSpeech, DirectMixing, Curriculum)
"""All schemes that a YAML can name, in the order in which reports list them."""
