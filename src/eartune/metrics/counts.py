"""Hits and errors of an utterance by label; kept as counts, so that the score of a corpus is a sum."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Floats, because a distance metric counts a filler that is half wrong as half an error."""

    true_positives: float = 0.0
    false_positives: float = 0.0
    false_negatives: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
        )


HIT = Counts(true_positives=1.0)
SPURIOUS = Counts(false_positives=1.0)
MISSED = Counts(false_negatives=1.0)
WRONG = Counts(false_positives=1.0, false_negatives=1.0)

LabelCounts = dict[str, Counts]


def by_label(marks: Iterable[tuple[str, Counts]]) -> LabelCounts:
    """The sum of the marks that each label was given."""
    sums: LabelCounts = {}
    for label, counts in marks:
        sums[label] = sums.get(label, Counts()) + counts
    return sums


def accuracy_counts(right: bool) -> LabelCounts:
    """One label for all, and an error on both sides if wrong: so precision, recall and F1 are all the accuracy."""
    return {"utterance": HIT if right else WRONG}
