"""What became of a file of somebody's own: utterances, and the rows that are none, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eartune.data.utterance import Utterance


@dataclass(frozen=True)
class Rejected:
    """A row that could not be used; it goes to the quarantine file and is not lost."""

    place: str
    """"FILE, row N", as error messages name it."""
    row: Any
    """The row as it was read, fit for JSON."""
    reason: str
    """One clause that says what would be right."""


@dataclass(frozen=True)
class Imported:
    """Rows in the order of the file. Durations that the file does not state are nan until somebody measures them."""

    utterances: tuple[Utterance, ...]
    rejected: tuple[Rejected, ...]
    columns: Mapping[str, str]
    """Our names to the file's, as guessed or told; empty for shapes that leave nothing to guess."""
