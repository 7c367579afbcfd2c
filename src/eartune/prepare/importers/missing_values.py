"""Blank the cells of a CSV in which tools write that a value is missing: NaN, #N/A, <NA>, nan, NULL.

In the text nan and NULL stay, as somebody may have said so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from eartune.prepare.importers.row import Row
from eartune.wording import counted, listed

_MISSING = ("NaN", "#N/A", "<NA>")
_MAY_BE_SAID = ("nan", "NULL")


def without_missing_values(rows: Iterable[Row], text: str | None) -> tuple[list[Row], tuple[str, ...]]:
    """Return the rows with such cells blank, and sentences on them; `text` is the column of the words, if any."""
    blanked: Counter[str] = Counter()
    kept: Counter[str] = Counter()

    def cell(column: str, value: Any) -> Any:
        if column == text and value in _MAY_BE_SAID:
            kept[value] += 1
        elif value in (*_MISSING, *_MAY_BE_SAID):
            blanked[value] += 1
            return ""
        return value

    found = [
        row._replace(content={column: cell(column, value) for column, value in row.content.items()})
        if isinstance(row.content, dict)
        else row
        for row in rows
    ]
    return found, tuple(_notes(blanked, kept, text))


def _notes(blanked: Counter[str], kept: Counter[str], text: str | None) -> Iterator[str]:
    if blanked:
        cells = f"{counted(blanked.total(), 'cell')} with {listed(list(blanked))}"
        yield f"{cells}, as tools write what is missing, read as blank"
    if kept:
        rows = f"{counted(kept.total(), 'row')} with {listed(list(kept))} for {text}"
        yield f"{rows}, which is kept as words; leave the cell blank where nobody said so"
