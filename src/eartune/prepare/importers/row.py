"""A row as it stands in a file, what may be wrong with it, and the values in it."""

import json
from typing import Any, NamedTuple

from eartune.files import writable


class RowError(ValueError):
    """A row that cannot be used; the message is one clause that says what would be right."""


class Row(NamedTuple):
    """What a file holds in one place."""

    place: str
    """"FILE, row N"."""
    content: Any
    fault: str = ""
    """Why there is nothing in it to use, where reading already showed that."""


def is_blank(value: Any) -> bool:
    """Whether there is nothing: a cell of a table is blank where a JSON object has no key."""
    return value is None or (isinstance(value, str) and not value.strip())


def text_or_none(value: Any, name: str) -> str | None:
    """The text called `name`, as it stands, or None for a blank; raises RowError for anything else."""
    if is_blank(value):
        return None
    if not isinstance(value, str):
        raise RowError(f'"{name}" must be text, not {type(value).__name__}')
    if writable(value) != value:
        raise RowError(f'"{name}" holds half of a surrogate pair, which is no character')
    return value


def label_or_none(value: Any, name: str) -> str | None:
    """Like `text_or_none` for what may also be written as a number: ids, speakers, two shots of espresso."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return str(value) if is_number else text_or_none(value, name)


def fit_for_json(value: Any) -> Any:
    """The value with whatever no JSON file can hold put into words."""
    try:
        written = json.dumps(value, ensure_ascii=False, skipkeys=True, default=_in_words)
    except (ValueError, RecursionError):
        return "a row that no JSON file can hold"
    return json.loads(writable(written), parse_constant=str)


def _in_words(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
