"""A row of a file, and the checks that its values go through."""

import json
from typing import Any, NamedTuple

from eartune.files import object_of_pairs, writable


class RowError(ValueError):
    """A row cannot be used; the message is one clause that says what would be right."""


class Row(NamedTuple):
    """A row as it is in its file."""

    place: str
    """"FILE, row N"."""
    content: Any
    fault: str = ""
    """Why the row cannot be used, if that was seen when it was read."""


def is_blank(value: Any) -> bool:
    """Whether the value is absent or blank: a table has a blank cell where a JSON object has no key."""
    return value is None or (isinstance(value, str) and not value.strip())


def text_or_none(value: Any, name: str) -> str | None:
    """Return the text called `name` unchanged, or None if it is blank; raises RowError for anything else."""
    if is_blank(value):
        return None
    if not isinstance(value, str):
        raise RowError(f'"{name}" must be text, not {type(value).__name__}')
    if writable(value) != value:
        raise RowError(f'"{name}" holds half of a surrogate pair, which is not a character')
    return value


def label_or_none(value: Any, name: str) -> str | None:
    """Return text as `text_or_none` does, or a number as text: ids and fillers may be written as numbers."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _limit(value)
    return str(value) if is_number else text_or_none(value, name)


def _limit(value: float) -> float:
    """The number from which on a number is no id: a float is not exact there, an integer that long is nonsense."""
    return 1e15 if isinstance(value, float) else 10**100


def json_compatible(value: Any) -> Any:
    """Return the value with what JSON cannot hold replaced by text."""
    try:
        written = json.dumps(value, ensure_ascii=False, skipkeys=True, default=_described)
    except (ValueError, RecursionError):
        return "a row that JSON cannot hold"
    return json.loads(writable(written), parse_constant=str, object_pairs_hook=object_of_pairs)


def _described(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
