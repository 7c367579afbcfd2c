"""Read the rows of a JSON file, which holds one object a line or a list of objects."""

import json
from pathlib import Path
from typing import Any

from eartune.errors import InputError
from eartune.files import RepeatedKeys, object_of_pairs
from eartune.prepare.importers.columns import guess
from eartune.prepare.importers.row import Row
from eartune.prepare.importers.text import read_text

_LISTS = ("data", "rows")
_WORDS_AND_SOUND = ("text", "audio")


def json_rows(path: Path) -> list[Row]:
    """Return a row for every line that is not blank, or every item of a list; a line that is not JSON has a fault.

    The list may be the "data" or the "rows" of an object; and an object of columns, as pandas writes it, has rows, too.
    Raises InputError for a file that cannot be read, or is any other object over many lines.
    """
    text = read_text(path)
    whole = _decoded(text)
    items = _items(whole) if isinstance(whole, dict) else whole
    if isinstance(items, list) and any(isinstance(item, dict) for item in items):
        return [Row(f"{path}, row {number}", item) for number, item in enumerate(items, start=1)]
    if isinstance(whole, dict) and "\n" in text.strip():
        raise not_rows(path)
    lines = enumerate(text.split("\n"), start=1)
    return [_row(f"{path}, row {number}", line) for number, line in lines if line.strip()]


def not_rows(path: Path) -> InputError:
    """Return the error for one object that is neither a row nor holds rows in a known way."""
    return InputError(f"{path}: is a single JSON object; write one object a line, or a list of objects")


def _items(whole: dict[str, Any]) -> list[Any] | None:
    """The rows that one object holds; None if it is a row itself, or of another shape."""
    named = guess(whole, _WORDS_AND_SOUND)
    if isinstance(whole, RepeatedKeys):
        return None
    if "text" in named and (numbers := _numbers_of_rows(list(whole.values()))):
        return [{name: column[number] for name, column in whole.items()} for number in numbers]
    listed = next((whole[key] for key in _LISTS if isinstance(whole.get(key), list)), None)
    if named or not listed:
        return None
    names = whole.get("columns")
    if isinstance(names, list) and all(isinstance(row, list) and len(row) == len(names) for row in listed):
        return [dict(zip(names, row, strict=True)) for row in listed]  # with orient="split"
    return [_inner(item) for item in listed]


def _numbers_of_rows(columns: list[Any]) -> list[Any]:
    """The numbers of the rows in columns that have the same ones, as pandas' to_json writes them; none for others."""
    first = columns[0]
    if all(isinstance(column, list) and len(column) == len(first) for column in columns):
        return list(range(len(first)))
    is_numbered = all(isinstance(column, dict) and column.keys() == first.keys() for column in columns)
    return list(first) if is_numbered and all(number.isdigit() for number in first) else []


def _inner(item: Any) -> Any:
    """A row, which the hub's viewer of datasets puts beside its number."""
    is_numbered = isinstance(item, dict) and "row_idx" in item and isinstance(item.get("row"), dict)
    return item["row"] if is_numbered else item


def _decoded(text: str) -> Any:
    """The value of a whole file; None for JSON lines, which together are not JSON."""
    try:
        return json.loads(text, object_pairs_hook=object_of_pairs)
    except (ValueError, RecursionError):
        return None


def _row(place: str, line: str) -> Row:
    try:
        return Row(place, json.loads(line, object_pairs_hook=object_of_pairs))
    except (ValueError, RecursionError) as error:
        return Row(place, line, f"must be JSON, but is not ({error})")
