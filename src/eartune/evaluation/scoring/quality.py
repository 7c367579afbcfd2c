"""Measures the quality of answers: can they be parsed, are their labels known, are their fillers in the text?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from eartune.data.fillers import absent_fillers
from eartune.evaluation.scoring.match import Pair
from eartune.evaluation.scoring.positions import locate_entities
from eartune.tasks.repair import repair
from eartune.tasks.slu import Schema
from eartune.tasks.task import ParseStatus


@dataclass(frozen=True)
class AnswerQuality:
    """Counts over all answers that exist."""

    answers: int
    statuses: dict[str, int]
    unknown_labels: dict[str, int]
    """The number of times that each intent or entity type was predicted that no reference has."""
    invented: int
    """The number of entities whose filler is not in the words of the reference."""
    checked: int
    """The number of entities that could be looked up, which needs a reference with words."""

    @property
    def invented_share(self) -> float:
        """The share of invented entities among those looked up, 0 to 1; 0 if there are none."""
        return self.invented / self.checked if self.checked else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the shares and counts for a JSON file."""
        return {
            "statuses": {status: count / self.answers for status, count in self.statuses.items()},
            "unknown_labels": self.unknown_labels,
            "invented_fillers": {"share": self.invented_share, "count": self.invented, "entities": self.checked},
        }


def answer_quality(pairs: Sequence[Pair]) -> AnswerQuality:
    """Return the quality of the answers to these references."""
    schema = Schema.of(pair.reference.frame for pair in pairs)
    statuses: Counter[ParseStatus] = Counter()
    unknown: Counter[str] = Counter()
    invented = checked = 0
    for pair in pairs:
        if pair.prediction is None:
            continue
        statuses[pair.prediction.status] += 1
        frame, text = pair.prediction.answer, pair.reference.text
        if frame is None:
            continue
        unknown.update(label for label in [frame.intent] if label not in schema.intents)
        unknown.update(entity.type for entity in frame.entities if entity.type not in schema.entity_types)
        if text is not None and not pair.reference.tokens:
            checked += len(frame.entities)
            invented += len(absent_fillers(frame.entities, text, pair.reference.language))
    in_order = {status.value: statuses[status] for status in ParseStatus if statuses[status]}
    return AnswerQuality(sum(statuses.values()), in_order, dict(unknown.most_common()), invented, checked)


def repair_answers(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Parse again, with the forgiving parser, the answers that the strict one could not parse."""
    return tuple(pair if pair.is_answered else _repair(pair) for pair in pairs)


def _repair(pair: Pair) -> Pair:
    if pair.prediction is None:
        return pair
    reference = pair.reference
    frame = repair(pair.prediction.text)
    if frame and reference.tokens:
        frame = replace(frame, entities=locate_entities(frame.entities, reference.tokens, reference.language))
    return replace(pair, prediction=replace(pair.prediction, answer=frame))
