"""A stage of training: what the trainer shows, for how long, at which rate, and which components learn."""

from dataclasses import dataclass
from typing import Literal

from eartune.data.example import Example
from eartune.settings import Augmentation, Component, Decoding

EVERYTHING = tuple(Component)
LANGUAGE_MODEL_ONLY = (Component.LANGUAGE_MODEL,)

Order = Literal["shuffled", "by-length"]
"""The order of batches in an epoch: drawn anew for each, or short recordings and short sentences first."""


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
