"""Match a file's columns with our names: as the user named them, or guessed from their headings."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from eartune.errors import InputError

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "uid", "utt_id", "key"),
    "text": (
        *("text", "sentence", "transcript", "transcription", "utterance", "utt", "query", "normalized_text"),
        "annot_utt",  # MASSIVE's text with its entities marked, for tables that have nothing else
    ),
    "audio": ("audio", "audio_path", "audio_filepath", "file", "filename", "path", "wav", "clip"),
    "language": ("language", "lang", "locale"),
    "speaker": ("speaker", "speaker_id", "client_id", "user"),
    "intent": ("intent", "label", "intent_label"),
    "scenario": ("scenario", "domain"),
    "action": ("action",),
    "entities": ("entities", "slots", "tags", "annot_utt"),
}
"""Our names, and the headings that others use, the likeliest first."""
LABELS = ("intent", "scenario", "action", "entities")
_PAIR = {"scenario", "action"}


def match_columns(header: Collection[str], named: Mapping[str, str], path: Path) -> dict[str, str]:
    """Return the file's columns by our names; raises InputError if `named`, the user's choice, does not fit."""
    for ours, theirs in named.items():
        if ours not in NAMES:
            raise InputError(f"columns: {ours!r} is none of {', '.join(NAMES)}")
        if theirs not in header:
            raise InputError(f"{path}: has no column {theirs!r} for {ours}; it has {', '.join(header)}")
    guessed = guess([name for name in header if name not in named.values()], NAMES.keys() - named.keys())
    columns = {ours: (guessed | dict(named))[ours] for ours in NAMES if ours in guessed or ours in named}
    missing = _PAIR - columns.keys()
    if len(missing) == 1 and _PAIR & named.keys():
        raise InputError(f"{path}: scenario and action go together; name the column of the {min(missing)} too")
    return _without_half_a_pair(columns)


def guess(header: Iterable[str], names: Collection[str] = NAMES.keys()) -> dict[str, str]:
    """Return the columns of a header that are likely to be ours, by our names; each column is used once."""
    free = {name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in reversed(list(header))}
    guessed: dict[str, str] = {}
    for ours in NAMES:
        found = next((known for known in NAMES[ours] if known in free), None) if ours in names else None
        if found:
            guessed[ours] = free.pop(found)
    return guessed


def known_values(content: Mapping[str, Any], names: Collection[str] = LABELS) -> dict[str, Any]:
    """Return a row's values by our names, guessed for this row alone."""
    return {ours: content[theirs] for ours, theirs in _without_half_a_pair(guess(content, names)).items()}


def _without_half_a_pair(columns: dict[str, str]) -> dict[str, str]:
    """Drop a scenario without an action: MASSIVE has it beside the intent, which already contains it."""
    return columns if columns.keys() >= _PAIR else {ours: columns[ours] for ours in columns if ours not in _PAIR}
