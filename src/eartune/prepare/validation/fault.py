"""A fault of a row, a recording or a split, and what becomes of what has it."""

from dataclasses import dataclass
from enum import StrEnum


class Treatment(StrEnum):
    """The treatment of a row or recording with a fault."""

    SET_ASIDE = "set aside"
    WARNING = "warning"


@dataclass(frozen=True)
class Rule:
    """One kind of fault, with its treatment and description."""

    treatment: Treatment
    message: str
    """A clause that says what was found and what would be right; names in braces are filled in."""


@dataclass(frozen=True)
class Fault:
    """One fault that was found."""

    kind: str
    treatment: Treatment
    split: str
    subject: str
    """The id of the row, the file of the recording, or the label, sentence or speaker."""
    message: str
    row: int | None = None
    """The row's place among the split's utterances; None for a fault of the whole split."""
    recording: int | None = None
    """The recording's place in its row; None for a fault of the whole row."""


def escaped(text: str) -> str:
    """Return the text with lone halves of surrogate pairs, which no file can hold, written as JSON escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
