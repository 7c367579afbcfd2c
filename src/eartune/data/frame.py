"""The meaning of an utterance: what is wanted, and the values that go with it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Entity:
    """A value said in an utterance and what kind of value it is; the words are SLURP's."""

    type: str
    filler: str


@dataclass(frozen=True)
class SemanticFrame:
    """Intent and entities, in the order in which they are said.

    Where a corpus has scenario and action, the intent is scenario_action; where it has not (coffee orders,
    SNIPS), both are None and the intent stands alone.
    """

    intent: str
    entities: tuple[Entity, ...] = ()
    scenario: str | None = None
    action: str | None = None

    @classmethod
    def of(cls, scenario: str, action: str, entities: Iterable[Entity] = ()) -> "SemanticFrame":
        """The frame of a corpus that names scenario and action."""
        return cls(f"{scenario}_{action}", tuple(entities), scenario, action)
