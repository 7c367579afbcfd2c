"""Read the rows of a JSON file, which holds one object a line or a list of objects."""

import json
from pathlib import Path
from typing import Any

from eartune.errors import InputError
from eartune.files import object_of_pairs
from eartune.prepare.importers.row import Row
from eartune.prepare.importers.text import read_text


def json_rows(path: Path) -> list[Row]:
    """Return a row for every line that is not blank, or every item of a list; a line that is not JSON has a fault.

    Raises InputError for a file that cannot be read, or is one object over many lines.
    """
    text = read_text(path)
    whole = _decoded(text)
    if isinstance(whole, dict) and "\n" in text.strip():
        raise InputError(f"{path}: is a single JSON object; write one object a line, or a list of objects")
    if isinstance(whole, list) and any(isinstance(item, dict) for item in whole):
        return [Row(f"{path}, row {number}", item) for number, item in enumerate(whole, start=1)]
    lines = enumerate(text.split("\n"), start=1)
    return [_row(f"{path}, row {number}", line) for number, line in lines if line.strip()]


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
