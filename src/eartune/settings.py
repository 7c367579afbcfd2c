"""The sections an experiment is written in: frozen, torch-free, unknown keys refused with the nearest known one."""

import difflib
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class Component(StrEnum):
    """The parts of an audio LLM that can be frozen or trained."""

    AUDIO_ENCODER = "audio-encoder"
    MODALITY_ADAPTER = "modality-adapter"
    LANGUAGE_MODEL = "language-model"


class Section(BaseModel):
    """A part of an experiment's YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest_key(cls, values: Any) -> Any:
        """pydantic says that a key is unknown; what the writer needs is the key that was meant."""
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    raise ValueError(f"unknown key {key!r}{_nearest(str(key), list(cls.model_fields))}")
        return values


class Lora(Section):
    """Low-rank updates of the language model instead of training all of its weights."""

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    dora: bool = False
    """Train the length of each row of a weight apart from its direction (DoRA, arXiv 2402.09353)."""


class Training(Section):
    """How every stage is trained; what differs between stages stands in the scheme."""

    batch_size: int = Field(default=128, ge=1)
    """Examples per optimizer step, whatever the micro-batch."""
    micro_batch_size: int = Field(default=8, ge=1)
    """Examples per forward pass, at most."""
    micro_batch_tokens: int | None = Field(default=None, ge=1)
    """At most as many positions a forward pass, rows counted as long as the longest; None: micro_batch_size rows."""
    workers: int | None = Field(default=None, ge=0)
    """Processes that read recordings ahead; None: two beside a GPU, none on a CPU, whose cores training needs."""
    encoded_gb: float = Field(default=10.0, ge=0)
    """How much disk a run may take for what a frozen encoder makes of recordings; 0 encodes them each time."""
    recompute_activations: bool = False
    """Forget the decoder's activations and compute them again going backward: slower, and far less memory."""
    lora: Lora | None = None
    """None trains all weights of the language model, as the paper does."""
    optimizer: Literal["adamw", "adamw-8bit"] = "adamw"
    """`adamw` keeps float32 weights and moments, 12 bytes a trained parameter. `adamw-8bit` keeps moments of 8 bits,
    2 bytes, and rounds weights at random, so that small steps count on average; needs pip install 'eartune[train]'."""
    rate_factors: dict[Component, float] = {}
    """What a stage's learning rate is multiplied by for a component; 1 for those that are not named."""
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)


class Decoding(Section):
    """How answers are searched for."""

    beams: int = Field(default=3, ge=1)
    """Beam size; 1 is greedy. 3 is REPORTED for the paper."""
    max_new_tokens: int = Field(default=128, ge=1)
    """The longest answer of SLURP's test needs fewer than 100 tokens of Qwen's vocabulary."""
    batch_size: int = Field(default=16, ge=1)
    """Utterances decoded together."""
    constrain: Literal["nothing", "schema"] = "nothing"
    """`schema` lets a search write nothing but JSON with labels of the data; longer answers are closed at the limit."""


def explain(error: ValidationError, name: str) -> str:
    """The first fault of a settings file as one sentence: file, place, what is wrong."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "[key]")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in first["ctx"]["expected_tags"].split(",")]
        key = first["ctx"]["discriminator"].strip("'")
        message = f"unknown {key} {first['ctx']['tag']!r}{_nearest(first['ctx']['tag'], tags)}"
    elif first["type"] == "union_tag_not_found":
        message = f"needs the key {first['ctx']['discriminator']}"
    return f"{name}: {place + ': ' if place else ''}{message[0].lower()}{message[1:]}"


def _nearest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"
