"""Which of a file's columns is which of ours: guessed from their names, or told."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from eartune.errors import InputError

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "uid", "utt_id", "key"),
    "text": (
        *("text", "sentence", "transcript", "transcription", "utterance", "utt", "query", "normalized_text"),
        "annot_utt",  # MASSIVE's text with its entities marked, for tables that kept nothing else
    ),
    "audio": ("audio", "audio_path", "audio_filepath", "file", "filename", "path", "wav", "clip"),
    "language": ("language", "lang", "locale"),
    "speaker": ("speaker", "speaker_id", "client_id", "user"),
    "intent": ("intent", "label", "intent_label"),
    "scenario": ("scenario", "domain"),
    "action": ("action",),
    "entities": ("entities", "slots", "tags", "annot_utt"),
}
"""Our names and what others call them, the likeliest first."""
LABELS = ("intent", "scenario", "action", "entities")
_PAIR = {"scenario", "action"}


def match_columns(header: Collection[str], told: Mapping[str, str], path: Path) -> dict[str, str]:
    """Our names to the file's; raises InputError for what was told and cannot be."""
    for ours, theirs in told.items():
        if ours not in NAMES:
            raise InputError(f"columns: {ours!r} is none of {', '.join(NAMES)}")
        if theirs not in header:
            raise InputError(f"{path}: has no column {theirs!r} for {ours}; it has {', '.join(header)}")
    guessed = guess([name for name in header if name not in told.values()], NAMES.keys() - told.keys())
    columns = {ours: (guessed | dict(told))[ours] for ours in NAMES if ours in guessed or ours in told}
    lacking = _PAIR - columns.keys()
    if len(lacking) == 1 and _PAIR & told.keys():
        raise InputError(f"{path}: scenario and action go together; name the column of the {min(lacking)} too")
    return _without_half_a_pair(columns)


def guess(header: Iterable[str], names: Collection[str] = NAMES.keys()) -> dict[str, str]:
    """Those of our names that a header is likely to have, to its own; a column is taken once."""
    free = {name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in reversed(list(header))}
    guessed: dict[str, str] = {}
    for ours in NAMES:
        found = next((known for known in NAMES[ours] if known in free), None) if ours in names else None
        if found:
            guessed[ours] = free.pop(found)
    return guessed


def pick(content: Mapping[str, Any], names: Collection[str] = LABELS) -> dict[str, Any]:
    """A row's values under our names, for rows that are guessed one by one."""
    return {ours: content[theirs] for ours, theirs in _without_half_a_pair(guess(content, names)).items()}


def _without_half_a_pair(columns: dict[str, str]) -> dict[str, str]:
    """A scenario alone (MASSIVE has it beside the intent) says nothing that the intent does not."""
    return columns if columns.keys() >= _PAIR else {ours: columns[ours] for ours in columns if ours not in _PAIR}
