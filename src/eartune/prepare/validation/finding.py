"""Something that is wrong with a row, a recording or a split, and what becomes of it."""

from dataclasses import dataclass
from enum import StrEnum


class Treatment(StrEnum):
    """What becomes of what has a fault."""

    SET_ASIDE = "set aside"
    WARNING = "warning"


@dataclass(frozen=True)
class Rule:
    """How one kind of fault is dealt with."""

    treatment: Treatment
    says: str
    """A clause on what was found and what would be right; what stands in braces is filled in."""


@dataclass(frozen=True)
class Finding:
    """One fault of one thing."""

    fault: str
    treatment: Treatment
    split: str
    what: str
    """The id of the row, the file of the recording, or the label, sentence or speaker."""
    says: str
    row: int | None = None
    """Its place among the split's utterances; None for what concerns a whole split."""
    recording: int | None = None
    """Its place among the row's recordings; None for what concerns the whole row."""


def escaped(text: str) -> str:
    """The text with halves of UTF-16 pairs, which JSON can bring in and no file can hold, written as in JSON."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
