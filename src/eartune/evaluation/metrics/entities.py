"""Were the values understood? The entities of one utterance, by entity type.

Span marks want the very same type and filler. Distance marks ask for the type only, and count as much of an error
as the filler is far from the gold one. A prediction of None misses every gold entity.
"""

from collections.abc import Callable

from eartune.data.frame import Entity, SemanticFrame
from eartune.evaluation.metrics.counts import Mark, Marks, hit, missed, spurious
from eartune.evaluation.metrics.distance import character_distance, word_distance


def span_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Each gold entity counts as found once; an entity that is predicted more often than it is gold is spurious."""
    if predicted is not None and predicted.entities == reference.entities:
        return [hit(entity.type) for entity in reference.entities]
    remaining = list(reference.entities)
    marks: Marks = []
    for entity in _said(predicted):
        if entity in remaining:
            remaining.remove(entity)
            marks.append(hit(entity.type))
        else:
            marks.append(spurious(entity.type))
    return marks + [missed(entity.type) for entity in remaining]


def word_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Distance marks by words; one entity can bring more than one error, as word distance exceeds 1."""
    return _distance_marks(reference, predicted, word_distance)


def char_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Distance marks by characters."""
    return _distance_marks(reference, predicted, character_distance)


def _distance_marks(
    reference: SemanticFrame, predicted: SemanticFrame | None, distance: Callable[[str, str], float]
) -> Marks:
    # Greedy in the order of the predictions, as the official scorer is: a best assignment would score higher.
    remaining = list(reference.entities)
    marks: Marks = []
    for entity in _said(predicted):
        rivals = [
            (distance(gold.filler, entity.filler), place)
            for place, gold in enumerate(remaining)
            if gold.type == entity.type
        ]
        if rivals:
            apart, place = min(rivals)  # ties go to the first place
            del remaining[place]
            marks.append(Mark(entity.type, 1.0, apart, apart))
        else:
            marks.append(spurious(entity.type))
    return marks + [missed(entity.type) for entity in remaining]


def _said(predicted: SemanticFrame | None) -> tuple[Entity, ...]:
    return predicted.entities if predicted else ()
