"""Marks of the entities of one utterance, by entity type.

Span marks require the same type and the same filler. Distance marks require the same type, and count the distance
between the fillers as a fraction of an error. A prediction of None misses every gold entity.
"""

from collections.abc import Callable

from eartune.data.frame import Entity, SemanticFrame
from eartune.evaluation.metrics.counts import Mark, Marks, hit, missed, spurious
from eartune.evaluation.metrics.distance import character_distance, word_distance


def span_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Return a hit for each gold entity that is predicted; repeated predictions beyond the gold number are spurious."""
    if predicted is not None and predicted.entities == reference.entities:
        return [hit(entity.type) for entity in reference.entities]
    remaining = list(reference.entities)
    marks: Marks = []
    for entity in _predicted_entities(predicted):
        if entity in remaining:
            remaining.remove(entity)
            marks.append(hit(entity.type))
        else:
            marks.append(spurious(entity.type))
    return marks + [missed(entity.type) for entity in remaining]


def word_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Return distance marks by words; one entity can count more than one error, as a word distance can exceed 1."""
    return _distance_marks(reference, predicted, word_distance)


def char_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Return distance marks by characters, at most one error for each entity."""
    return _distance_marks(reference, predicted, character_distance)


def _distance_marks(
    reference: SemanticFrame, predicted: SemanticFrame | None, distance: Callable[[str, str], float]
) -> Marks:
    # Greedy in the order of the predictions, as the official scorer is: a best assignment would score higher.
    remaining = list(reference.entities)
    marks: Marks = []
    for entity in _predicted_entities(predicted):
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


def _predicted_entities(predicted: SemanticFrame | None) -> tuple[Entity, ...]:
    return predicted.entities if predicted else ()
