"""Exact match: whether the whole frame of one utterance is right."""

from collections import Counter

from eartune.data.frame import SemanticFrame
from eartune.evaluation.metrics.counts import Marks, accuracy_marks


def is_exact(reference: SemanticFrame, predicted: SemanticFrame | None) -> bool:
    """Return whether the intent is right, and each (type, filler) is predicted as often as it is gold, in any order."""
    if predicted is None or predicted.intent != reference.intent:
        return False
    found, gold = predicted.entities, reference.entities
    return found == gold or (len(found) == len(gold) and Counter(found) == Counter(gold))


def exact_match_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Return a hit if the frame matches exactly, else an error."""
    return accuracy_marks(is_exact(reference, predicted))
