"""What a table seems to hold and is not read: recordings in a column of unknown name, times, entities, slots."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eartune.data.utterance import Utterance
from eartune.prepare.importers.entities import MARKED_TEXT, has_places
from eartune.prepare.importers.excerpt import is_time
from eartune.prepare.importers.recording_files import RecordingFiles
from eartune.prepare.importers.row import Row, is_blank
from eartune.prepare.importers.whole_recordings import whole_in_several
from eartune.wording import listed

_ROWS = 1000  # that are looked at, of which one shows what a column holds
_LEAST_SHARE = 0.8  # of the cells of a column of slots, whose words stand in the text of their rows


_AS_ENTITIES = "if it marks an entity, write the words alone, and the entity into a column called entities"
_MARKS = {
    re.compile(r"\[[^\[\]]+\]\([\w.:-]+\)"): _AS_ENTITIES,
    re.compile(r"<(\w[\w.-]*)>[^<>]+</\1>"): _AS_ENTITIES,
    re.compile(r"&(#\d+|#x[0-9a-fA-F]+|amp|quot|apos|lt|gt|nbsp);"): "if it is HTML, decode it first",
}
"""What looks like marks in a text, Rasa's and those of XML and HTML, and what to do about them."""


class Unread:
    """The first rows of a table, as far as they are not read or are read as plain text."""

    def __init__(self, columns: Mapping[str, str], ignored: Sequence[str], path: Path) -> None:
        self._files, self._ignored = RecordingFiles(path.parent), ignored
        self._id = columns.get("id") if "audio" not in columns else None
        self._has_entities = "entities" in columns
        self._text = None if columns.get("entities") == columns.get("text") else columns.get("text")
        self._rows: list[dict[str, Any]] = []

    def passing(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows, and remember the first of them."""
        names = (*self._ignored, *(name for name in (self._id, self._text) if name))
        for row in rows:
            if len(self._rows) < _ROWS and isinstance(row.content, dict):
                self._rows.append({name: dict.get(row.content, name) for name in names})
            yield row

    def notes(self, utterances: Sequence[Utterance]) -> Iterator[str]:
        """Yield a sentence for each column of files that exist, and one each for marked text, slots and times.

        Times are missed where a whole recording stands in several of the utterances that were read.
        """
        for name in self._ignored:
            if any(self._files.exist(cell) for row in self._rows for cell in _listed(row[name])):
                yield f"the column {name} names files that exist and is not read; for recordings add --map audio={name}"
        if self._id and any(self._files.exist(row[self._id]) for row in self._rows):
            yield (
                f"the column {self._id} names files that exist and is read as ids alone; "
                f"for recordings add --map audio={self._id}, which keeps the ids"
            )
        if self._text and any(MARKED_TEXT.search(str(row[self._text])) for row in self._rows):
            yield (
                f"the column {self._text} has [type : words] in it and is read as plain text; "
                f"for entities add --map text={self._text} --map entities={self._text}"
            )
        yield from self._marks()
        if not self._has_entities:
            for name in (name for name in self._ignored if any(has_places(row[name]) for row in self._rows)):
                yield f"the column {name} has places in a text and is not read; for entities add --map entities={name}"
        if slots := [name for name in self._ignored if self._holds_words_of_the_text(name)]:
            yield (
                f"words of the text stand in {', '.join(slots)}, which {'is' if len(slots) == 1 else 'are'} not read; "
                f"for a slot of each name add --map entities={','.join(slots)}{',' if len(slots) == 1 else ''}"
            )

        times = [name for name in self._ignored if self._holds_times(name)]
        if times and (whole := whole_in_several(utterances)):
            named = f"{listed(times)} {'is the time' if len(times) == 1 else 'are times'}"
            file = next(iter(whole)).name
            yield (
                f"{file} is whole in rows with different words; "
                f"if {named} of a part, add --map start=COLUMN --map end=COLUMN"
            )

    def _marks(self) -> Iterator[str]:
        """Sentences on what looks like marks in the words, the first of each kind, which would be learned as words."""
        for sign, remedy in _MARKS.items():
            texts = (str(row[self._text]) for row in self._rows) if self._text else ()
            if found := next((mark.group() for text in texts if (mark := sign.search(text))), None):
                yield f"the column {self._text} has {found[:60]} in it and is read as plain text; {remedy}"

    def _holds_times(self, name: str) -> bool:
        cells = [row[name] for row in self._rows if not is_blank(row[name])]
        return all(map(is_time, cells)) and any(cell != cells[0] for cell in cells)

    def _holds_words_of_the_text(self, name: str) -> bool:
        """Whether a column names, in most rows where it is not blank, words of the text that are not all of it."""
        cells = [(row[name], row[self._text]) for row in self._rows if self._text and not is_blank(row[name])]
        found = [f" {cell} ".casefold() in f" {text} ".casefold() and cell != text for cell, text in cells]
        return bool(found) and sum(found) >= _LEAST_SHARE * len(found)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
