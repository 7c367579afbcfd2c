"""A lenient parser for answers that the strict parser refuses; it shows how much of a score is lost to form alone."""

from typing import Any

from json_repair import repair_json

from eartune.data.frame import Entity, SemanticFrame
from eartune.files import writable

_BEGINNINGS = 8  # opening braces to try; prose rarely has one, and a hopeless answer must not take long


def repair(answer: str) -> SemanticFrame | None:
    """Return the frame that a lenient parser finds in an answer: text around JSON, cuts and unknown keys are ignored.

    None if it finds neither scenario and action nor an intent. It is never counted in a strict score.
    """
    start = -1
    for _ in range(_BEGINNINGS):
        start = answer.find("{", start + 1)
        if start < 0:
            return None
        if frame := _frame(_mended(answer[start:])):
            return frame
    return None


def _mended(text: str) -> Any:
    """The first object that json_repair finds in a text that starts with a brace."""
    try:
        value: Any = repair_json(text, return_objects=True, skip_json_loads=True)
    except (ValueError, AssertionError, RecursionError):  # nesting by the thousand; a code fence inside a key
        return None
    return next((item for item in value if isinstance(item, dict)), None) if isinstance(value, list) else value


def _frame(value: Any) -> SemanticFrame | None:
    if not isinstance(value, dict):
        return None
    scenario, action, intent = (_label(value.get(key)) for key in ("scenario", "action", "intent"))
    entities = tuple(_entities(value.get("entities")))
    if scenario and action:
        return SemanticFrame.of(scenario, action, entities)
    return SemanticFrame(intent, entities) if intent else None


def _label(value: Any) -> str | None:
    return writable(value) if isinstance(value, str) and value else None


def _entities(value: Any) -> list[Entity]:
    """All pairs of texts, in both notations of an entity: {"date": "friday"}, and {"type": ..., "filler": ...}."""
    listed = value if isinstance(value, list) else [value]
    found: list[tuple[Any, Any]] = []
    for item in listed:
        if isinstance(item, dict):
            found += [(item["type"], item["filler"])] if item.keys() >= {"type", "filler"} else item.items()
    return [
        Entity(writable(kind), writable(filler))
        for kind, filler in found
        if isinstance(kind, str) and kind and isinstance(filler, str)
    ]
