"""The result of reading a file: its utterances, and its rows that cannot be used, with the reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eartune.data.utterance import Utterance


@dataclass(frozen=True)
class Rejected:
    """A row that could not be read as an utterance; it goes to the quarantine file."""

    place: str
    """"FILE, row N", as error messages name it."""
    row: Any
    """The row as it was read, as far as JSON can hold it."""
    reason: str
    """One clause that says what would be right."""
    split: str = ""
    """The split that the row names, if any."""


@dataclass(frozen=True)
class OfSplit(Utterance):
    """An utterance whose row names its split."""

    split: str = ""
    place: str = ""
    """"FILE, row N"."""


@dataclass(frozen=True)
class Imported:
    """The rows of a file, in its order; lengths that the file does not state are nan until they are measured."""

    utterances: tuple[Utterance, ...]
    rejected: tuple[Rejected, ...]
    columns: Mapping[str, str]
    """The file's columns by our names, as guessed or named; empty for formats in which nothing is guessed."""
    ignored: tuple[str, ...] = ()
    """The columns of the file that are not read."""
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Further columns by our names, which are read where a row lacks the first one."""
    notes: tuple[str, ...] = ()
    """Sentences about the file that its reader should see: what looks like data and is not read."""
    right_row: tuple[str, ...] = ()
    """Of a file with rows that cannot be used: sentences that show a right one."""
