"""The sections of an experiment's YAML: they cannot be changed, and refuse unknown keys with the nearest known one."""

import difflib
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails


class Component(StrEnum):
    """A component of an audio LLM, which is frozen or trained."""

    AUDIO_ENCODER = "audio-encoder"
    MODALITY_ADAPTER = "modality-adapter"
    LANGUAGE_MODEL = "language-model"


class Section(BaseModel):
    """A section of an experiment's YAML, which cannot be changed after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest_key(cls, values: Any) -> Any:
        """pydantic says that a key is unknown; what the writer needs is the key that was meant."""
        known = list(cls.model_fields)
        unknown = [key for key in values if key not in known] if isinstance(values, dict) else []
        if unknown:
            raise ValueError("; ".join(f"unknown key {key!r}{_nearest(str(key), known)}" for key in unknown))
        return values


class Lora(Section):
    """Settings of LoRA: low-rank updates of the language model are trained instead of all its weights."""

    rank: int = Field(default=16, ge=1)
    """The rank of the updates."""
    alpha: float = Field(default=32, gt=0)
    """The updates are multiplied by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The share of LoRA's inputs that are set to 0 in a step."""
    dora: bool = False
    """Train the length of each row of a weight apart from its direction (DoRA, arXiv 2402.09353)."""


class Augmentation(Section):
    """How recordings are changed each time that they are shown in training; an empty section has these defaults."""

    speed: float = Field(default=0.1, ge=0, lt=0.5)
    """The most by which a recording is faster and higher, or slower and lower: 0.1 is 0.9 to 1.1 times its speed."""
    noise: float = Field(default=0.5, ge=0, le=1)
    """The probability of noise."""
    noise_db: tuple[float, float] = (8.0, 35.0)
    """The least and the most by which noise is below the recording, in dB."""
    room: float = Field(default=0.3, ge=0, le=1)
    """The probability of a room's reverberation."""
    telephone: float = Field(default=0.1, ge=0, le=1)
    """The probability that only the band of a telephone is kept, 300 to 3400 Hz."""
    bands: int = Field(default=2, ge=0)
    """The number of bands of the mel that are masked, each of up to an eighth of its bins."""
    spans: int = Field(default=2, ge=0)
    """The number of spans of time that are masked, each of up to a twentieth of the recording."""

    @model_validator(mode="after")
    def _least_noise_is_below_most(self) -> "Augmentation":
        if self.noise_db[0] > self.noise_db[1]:
            raise ValueError("noise_db needs the least and then the most, such as [8, 35]")
        return self


class Training(Section):
    """The settings of training for every stage; those that differ between stages are in the scheme."""

    batch_size: int = Field(default=128, ge=1)
    """Examples in an optimizer step, whatever the size of micro-batches."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """The most examples in a forward pass; None: only micro_batch_tokens."""
    micro_batch_tokens: int | None = Field(default=None, ge=1)
    """The most positions in a forward pass, each row counted as long as the longest; None: only micro_batch_size, and
    where that is None too, as many as pay and fit into the memory of the device."""
    workers: int | None = Field(default=None, ge=0)
    """Processes that read recordings ahead; None: two beside a GPU, none on a CPU, whose cores training needs."""
    encoded_gb: float = Field(default=10.0, ge=0)
    """The most disk, in GB, for the cache of a frozen encoder's states; 0 encodes recordings in every epoch."""
    recompute_activations: bool = False
    """Discard the decoder's activations and compute them again in the backward pass: slower, but far less memory."""
    lora: Lora | None = None
    """The settings of LoRA; None trains all weights of the language model, as in the paper."""
    optimizer: Literal["adamw", "adamw-8bit"] = "adamw"
    """`adamw` keeps float32 weights and moments, 12 bytes a trained parameter. `adamw-8bit` keeps moments of 8 bits,
    2 bytes, and rounds weights at random, so that small steps count on average; needs pip install 'eartune[train]'."""
    rate_factors: dict[Component, Annotated[float, Field(gt=0)]] = {}
    """The factor of a stage's learning rate for each component; 1 for those not listed."""
    weight_decay: float = Field(default=0.0, ge=0)
    """AdamW's weight decay."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """The norm to which the gradient of a step is scaled down where it is larger."""


Through = Literal["nothing", "words"]
"""What a model passes through on its way from a recording to its answer: nothing, or the words that it writes down."""


class Decoding(Section):
    """The settings of decoding: beams, length, batches, constraints, and whether words are written first."""

    beams: int = Field(default=3, ge=1)
    """Beam size; 1 is greedy. For the paper, 3 is reported."""
    max_new_tokens: int = Field(default=128, ge=1)
    """The most tokens of an answer; the longest of SLURP's test needs fewer than 100 of Qwen's vocabulary."""
    batch_size: int = Field(default=16, ge=1)
    """Utterances that are decoded together."""
    constrain: Literal["nothing", "schema"] = "nothing"
    """`schema` permits only JSON with labels of the data; an answer that reaches the limit of tokens is closed."""
    through: Through = "nothing"
    """`words`: a trained model writes down the words of a recording, then reads them without the sound and answers.
    It writes with its weights from before tuning, and reads with the tuned ones; without LoRA it has these alone."""


def explain(error: ValidationError, name: str) -> str:
    """Return all faults of a settings file, each in a line of its own: the file, the place, and what is wrong."""
    faults = error.errors()
    parents = {fault["loc"][:depth] for fault in faults for depth in range(1, len(fault["loc"]))}
    # A list is also said to be too short where its only item has a fault.
    return "\n".join(f"{name}: {_sentence(fault)}" for fault in faults if fault["loc"] not in parents)


def _sentence(fault: ErrorDetails) -> str:
    place = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in fault["ctx"]["expected_tags"].split(",")]
        key = fault["ctx"]["discriminator"].strip("'")
        message = f"unknown {key} {fault['ctx']['tag']!r}{_nearest(fault['ctx']['tag'], tags)}"
    elif fault["type"] == "union_tag_not_found":
        message = f"needs the key {fault['ctx']['discriminator']}"
    elif fault["type"] == "tuple_type":
        given = fault["input"]
        message = "must be a list" if isinstance(given, dict) or given is None else f"must be a list, such as [{given}]"
    elif fault["type"] == "too_short":
        message = message.replace("Tuple", "list")
    return f"{place + ': ' if place else ''}{message[0].lower()}{message[1:]}"


def _nearest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"
