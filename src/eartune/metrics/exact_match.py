"""Was all of it understood? The whole frame of one utterance is right or wrong."""

from collections import Counter

from eartune.metrics.counts import LabelCounts, accuracy_counts
from eartune.semantics import SemanticFrame


def exact_match_counts(reference: SemanticFrame, predicted: SemanticFrame | None) -> LabelCounts:
    """Right if the intent is, and each (type, filler) is said as often as it is gold, in any order."""
    return accuracy_counts(
        predicted is not None
        and predicted.intent == reference.intent
        and Counter(predicted.entities) == Counter(reference.entities)
    )
