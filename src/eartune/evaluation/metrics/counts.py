"""Hits and errors of one utterance, each under its label; the score of a corpus comes from their sums."""

from functools import lru_cache
from typing import NamedTuple


class Mark(NamedTuple):
    """Floats, because a distance metric counts a filler that is half wrong as half an error."""

    label: str
    true_positives: float
    false_positives: float
    false_negatives: float


Marks = list[Mark]

# One label for all utterances, where a metric asks only whether they are right.
UTTERANCE = "utterance"

# A corpus has a few hundred labels and a hundred thousand marks, so equal ones are made once.
_made_once = lru_cache(maxsize=10_000)


@_made_once
def hit(label: str) -> Mark:
    """A label that is gold and was predicted."""
    return Mark(label, 1.0, 0.0, 0.0)


@_made_once
def spurious(label: str) -> Mark:
    """A label that was predicted but is not gold."""
    return Mark(label, 0.0, 1.0, 0.0)


@_made_once
def missed(label: str) -> Mark:
    """A label that is gold but was not predicted."""
    return Mark(label, 0.0, 0.0, 1.0)


def class_marks(gold: str, predicted: str | None) -> Marks:
    """A wrong label is missed under the gold one and spurious under the predicted one; None is missed alone."""
    if predicted == gold:
        return [hit(gold)]
    return [missed(gold)] if predicted is None else [missed(gold), spurious(predicted)]


def accuracy_marks(right: bool) -> Marks:
    """A wrong answer is both a false positive and a false negative, so precision, recall and F1 equal the accuracy."""
    return _RIGHT if right else _WRONG


_RIGHT = [Mark(UTTERANCE, 1.0, 0.0, 0.0)]
_WRONG = [Mark(UTTERANCE, 0.0, 1.0, 1.0)]
