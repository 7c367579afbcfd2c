"""The meaning of an utterance: what is wanted (the intent), and the values that go with it (the entities)."""

from collections.abc import Iterable
from dataclasses import dataclass

from eartune.errors import InputError


@dataclass(frozen=True)
class Entity:
    """A value in an utterance and its type; the names `type` and `filler` are those of SLURP."""

    type: str
    filler: str


@dataclass(frozen=True)
class SemanticFrame:
    """An intent and its entities, in the order in which they stand in the utterance.

    Where a corpus has scenario and action, the intent is scenario_action; where it has neither (coffee orders,
    SNIPS), both are None and the intent stands alone.
    """

    intent: str
    entities: tuple[Entity, ...] = ()
    scenario: str | None = None
    action: str | None = None

    @classmethod
    def of(cls, scenario: str, action: str, entities: Iterable[Entity] = ()) -> "SemanticFrame":
        """Return the frame of a corpus that names scenario and action."""
        return cls(f"{scenario}_{action}", tuple(entities), scenario, action)


def check_frame(frame: SemanticFrame, place: str) -> SemanticFrame:
    """Return the frame of a reference itself; raises InputError, which starts with `place`, for a blank label or value.

    Such a frame could be trained on, and would end the run in scoring: no answer can be compared with a blank.
    Predictions are not checked, because a model may answer anything.
    """
    for entity in frame.entities:
        if not entity.type.strip():
            raise InputError(
                f"{place}: the entity {entity.filler!r} has a blank type; name it, or leave the entity out"
            )
        if not entity.filler.strip():
            raise InputError(f"{place}: the entity {entity.type!r} has no words; write them, or leave the entity out")
    for key, label in (("scenario", frame.scenario), ("action", frame.action), ("intent", frame.intent)):
        if label is not None and not label.strip():
            raise InputError(f"{place}: the {key} is blank; every utterance needs one")
    return frame
