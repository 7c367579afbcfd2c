"""A row of a file, and the checks that its values go through."""

import json
import math
import unicodedata
from typing import Any, NamedTuple

from eartune.files import object_of_pairs, writable

_JOINERS = "\u200c\u200d"


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
    """Whether the value is absent, blank or NaN: a table has a blank cell where a JSON object has no key."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or is_nan or (isinstance(value, str) and not value.strip())


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


def bare_or_none(label: str | None) -> str | None:
    """Return a label without what nobody sees at its ends, and which would make another label of it; None if it is all.

    Joiners (U+200C and U+200D) shape the letter beside them in scripts that join, from Hebrew on, and stay there.
    """
    if label is None:
        return None
    if label.isascii():
        return label.strip() or None
    kept = _JOINERS if any(char >= "\u0590" and not is_unseen(char) for char in label) else ""
    seen = [place for place, char in enumerate(label) if char in kept or not (char.isspace() or is_unseen(char))]
    return label[seen[0] : seen[-1] + 1] if seen else None


def is_unseen(char: str) -> bool:
    """Return whether a character only says how others are written, as soft hyphens and marks of direction do."""
    return unicodedata.category(char) == "Cf"


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
