"""Was all of it understood? The whole frame of one utterance is right or wrong."""

from collections import Counter

from eartune.data.frame import SemanticFrame
from eartune.evaluation.metrics.counts import Marks, accuracy_marks


def is_exact(reference: SemanticFrame, predicted: SemanticFrame | None) -> bool:
    """Whether the intent is right, and each (type, filler) is predicted as often as it is gold, in any order."""
    if predicted is None or predicted.intent != reference.intent:
        return False
    said, gold = predicted.entities, reference.entities
    return said == gold or (len(said) == len(gold) and Counter(said) == Counter(gold))


def exact_match_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """A hit if the frame is exact."""
    return accuracy_marks(is_exact(reference, predicted))
