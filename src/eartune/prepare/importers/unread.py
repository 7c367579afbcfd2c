"""What a table seems to hold and is not read: recordings in a column without a known name, entities in the text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eartune.prepare.importers.entities import MARKED_TEXT
from eartune.prepare.importers.recording_files import RecordingFiles
from eartune.prepare.importers.row import Row

_ROWS = 1000  # that are looked at, of which one shows what a column holds


class Unread:
    """The first rows of a table, as far as they are not read or are read as plain text."""

    def __init__(self, columns: Mapping[str, str], ignored: Sequence[str], path: Path) -> None:
        self._files, self._ignored = RecordingFiles(path.parent), ignored
        self._text = None if columns.get("entities") == columns.get("text") else columns.get("text")
        self._rows: list[dict[str, Any]] = []

    def passing(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows, and remember the first of them."""
        names = (*self._ignored, *([self._text] if self._text else []))
        for row in rows:
            if len(self._rows) < _ROWS and isinstance(row.content, dict):
                self._rows.append({name: dict.get(row.content, name) for name in names})
            yield row

    def notes(self) -> Iterator[str]:
        """Yield a sentence about each column of files that exist, and one about text in which entities are marked."""
        for name in self._ignored:
            if any(self._files.exist(row[name]) for row in self._rows):
                yield f"the column {name} names files that exist and is not read; for recordings add --map audio={name}"
        if self._text and any(MARKED_TEXT.search(str(row[self._text])) for row in self._rows):
            yield (
                f"the column {self._text} has [type : words] in it and is read as plain text; "
                f"for entities add --map text={self._text} --map entities={self._text}"
            )
