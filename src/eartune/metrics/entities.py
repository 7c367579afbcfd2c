"""Were the values understood? Counts of entities for one utterance, by entity type.

Span counts want the very same type and filler. Distance counts ask for the type only, and count as much of an error
as the filler is far from the gold one. A prediction of None misses every gold entity.
"""

from collections.abc import Callable

from eartune.metrics.counts import HIT, MISSED, SPURIOUS, Counts, LabelCounts, by_label
from eartune.metrics.distance import character_distance, word_distance
from eartune.semantics import Entity, SemanticFrame


def span_counts(reference: SemanticFrame, predicted: SemanticFrame | None) -> LabelCounts:
    """Each gold entity can be found once; what is said once more than it is gold is spurious."""
    remaining = list(reference.entities)
    marks: list[tuple[str, Counts]] = []
    for entity in _said(predicted):
        if entity in remaining:
            remaining.remove(entity)
            marks.append((entity.type, HIT))
        else:
            marks.append((entity.type, SPURIOUS))
    return by_label(marks + [(entity.type, MISSED) for entity in remaining])


def word_counts(reference: SemanticFrame, predicted: SemanticFrame | None) -> LabelCounts:
    """Distance counts by words; one entity can bring more than one error, as word distance exceeds 1."""
    return _distance_counts(reference, predicted, word_distance)


def char_counts(reference: SemanticFrame, predicted: SemanticFrame | None) -> LabelCounts:
    """Distance counts by characters."""
    return _distance_counts(reference, predicted, character_distance)


def _distance_counts(
    reference: SemanticFrame, predicted: SemanticFrame | None, distance: Callable[[str, str], float]
) -> LabelCounts:
    # Greedy in the order of the predictions, as the official scorer is: a best assignment would score higher.
    remaining = list(reference.entities)
    marks: list[tuple[str, Counts]] = []
    for entity in _said(predicted):
        rivals = [
            (distance(gold.filler, entity.filler), place)
            for place, gold in enumerate(remaining)
            if gold.type == entity.type
        ]
        if rivals:
            apart, place = min(rivals)  # ties go to the first place
            del remaining[place]
            marks.append((entity.type, Counts(1.0, apart, apart)))
        else:
            marks.append((entity.type, SPURIOUS))
    return by_label(marks + [(entity.type, MISSED) for entity in remaining])


def _said(predicted: SemanticFrame | None) -> tuple[Entity, ...]:
    return predicted.entities if predicted else ()
