"""Marks: hits and errors of one utterance by label; the score of a corpus is computed from their sums."""

from functools import lru_cache
from typing import NamedTuple


class Mark(NamedTuple):
    """Hits and errors under one label, as fractions, since distance metrics count parts of an error."""

    label: str
    true_positives: float
    false_positives: float
    false_negatives: float


Marks = list[Mark]

# The only label of a metric that counts whether whole utterances are right.
UTTERANCE = "utterance"

# A corpus has a few hundred labels and a hundred thousand marks, so equal ones are made once.
_made_once = lru_cache(maxsize=10_000)


@_made_once
def hit(label: str) -> Mark:
    """Return the mark of a label that is both gold and predicted."""
    return Mark(label, 1.0, 0.0, 0.0)


@_made_once
def spurious(label: str) -> Mark:
    """Return the mark of a label that is predicted but not gold."""
    return Mark(label, 0.0, 1.0, 0.0)


@_made_once
def missed(label: str) -> Mark:
    """Return the mark of a label that is gold but not predicted."""
    return Mark(label, 0.0, 0.0, 1.0)


def class_marks(gold: str, predicted: str | None) -> Marks:
    """Return a hit, or else a miss of the gold label and, unless the prediction is None, a spurious predicted one."""
    if predicted == gold:
        return [hit(gold)]
    return [missed(gold)] if predicted is None else [missed(gold), spurious(predicted)]


def accuracy_marks(right: bool) -> Marks:
    """Return one mark; a wrong answer is both missed and spurious, so that F1 equals the accuracy."""
    return _RIGHT if right else _WRONG


_RIGHT = [Mark(UTTERANCE, 1.0, 0.0, 0.0)]
_WRONG = [Mark(UTTERANCE, 0.0, 1.0, 1.0)]
