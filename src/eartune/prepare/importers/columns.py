"""Match a file's columns with our names: as the user named them, or guessed from their headings."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from eartune.errors import InputError

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "uid", "utt_id", "key"),
    "text": (
        *("text", "sentence", "transcript", "transcription", "utterance", "utt", "query", "normalized_text"),
        "annot_utt",  # MASSIVE's text with its entities marked, for tables that have nothing else
    ),
    "audio": (
        *(
            "audio",
            "audio_path",
            "audio_filepath",
            "audio_file",
            "audio_filename",
            "audio_file_name",
            "audio_file_path",
        ),
        *("file", "file_name", "filepath", "path", "wav", "wav_path", "wav_file", "wav_filename", "wav_filepath"),
        *("audios", "audio_paths", "audio_files", "wavs", "clips"),
        *("clip", "clip_path", "recording", "recording_path", "recording_file", "sound", "sound_file", "audio_url"),
        "recordings",
    ),
    "language": ("language", "lang", "locale", "language_code"),
    "speaker": ("speaker", "speaker_id", "client_id", "user", "spk", "spk_id"),
    "intent": ("intent_name", "intent_text", "intent", "label_text", "label_name", "label", "intent_label"),
    "scenario": ("scenario", "domain"),
    "action": ("action",),
    "entities": ("entities", "slots", "tags", "spans", "annot_utt"),
    "semantics": ("semantics",),  # the whole frame, as SpeechBrain's preparation of SLURP has it
    "start": (
        *("start", "start_time", "start_sec", "start_seconds", "start_s", "segment_start", "begin", "begin_time"),
        *("onset", "offset", "start_ms", "start_time_ms", "begin_ms", "begin_time_ms", "offset_ms", "xmin"),
    ),
    "end": (
        *("end", "end_time", "end_sec", "end_seconds", "end_s", "segment_end", "stop", "stop_time"),
        *("end_ms", "end_time_ms", "stop_ms", "stop_time_ms", "offset", "xmax"),
    ),
    "duration": (
        "duration",
        "dur",
        "duration_sec",
        "duration_seconds",
        "duration_s",
        "segment_duration",
        "duration_ms",
    ),
    "channel": ("channel", "channel_id", "audio_channel", "channel_selector"),
    "split": ("split", "partition", "subset", "fold", "set", "dataset"),  # where every row names one
}
"""Our names, and the headings of others, the likeliest first; case, blanks, brackets, "-" and "_" do not count."""
LABELS = ("intent", "scenario", "action", "entities")
_NUMBERED: Mapping[str, str] = {
    named: numbered for numbered in ("intent", "label") for named in (f"{numbered}name", f"{numbered}text")
}
"""The columns that hold the numbers of names in another, both without what does not count."""
_PAIR, _PART = {"scenario", "action"}, {"start", "end", "duration", "channel"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")  # of startMs, START_MS and "start (ms)" the last is ms; of items it is not


def match_columns(header: Collection[str], named: Mapping[str, str], path: Path) -> dict[str, str]:
    """Return the file's columns by our names; raises InputError if `named`, the user's choice, does not fit.

    The entities' column may be several, `size,drink`, each of which holds the words of one type of slot. One that is
    named as nothing is not guessed.
    """
    for ours in named:
        if ours not in NAMES:
            raise InputError(f"columns: {ours!r} is none of {', '.join(NAMES)}")
    left_out, named = {ours for ours in named if not named[ours]}, {ours: name for ours, name in named.items() if name}
    for ours, theirs in named.items():
        for name in slot_columns(header, named) if ours == "entities" else [theirs]:
            if name not in header:
                raise InputError(f"{path}: has no column {name!r} for {ours}; it has {', '.join(header)}")
    taken = {*named.values(), *slot_columns(header, named)}
    guessed = guess([name for name in header if name not in taken], NAMES.keys() - named.keys() - left_out)
    columns = {ours: (guessed | dict(named))[ours] for ours in NAMES if ours in guessed or ours in named}
    missing = _PAIR - columns.keys()
    if len(missing) == 1 and _PAIR & named.keys():
        raise InputError(f"{path}: scenario and action go together; name the column of the {min(missing)} too")
    if "entities" not in {*columns, *left_out} and plain(columns.get("text", "")) == "annotutt":
        columns["entities"] = columns["text"]
    if "id" not in {*columns, *left_out} and plain(columns.get("audio", "")) in map(plain, NAMES["id"]):
        columns["id"] = columns["audio"]  # recordings that are called by their ids
    return _without_half_a_pair(without_half_a_part(columns, named))


def slot_columns(header: Collection[str], named: Mapping[str, str]) -> list[str]:
    """Return the columns that the user named for the entities: one, or several with commas between them."""
    theirs = named.get("entities")
    if theirs is None:
        return []
    return [theirs] if theirs in header else [name for part in theirs.split(",") if (name := part.strip())]


def without_half_a_part(columns: Mapping[str, str], named: Mapping[str, str] = {}) -> dict[str, str]:
    """Return the columns without what is no part of a recording, unless the user named it.

    These are the times of rows without a recording, a length alone, and a start without an end.
    """
    is_part = "start" in columns and bool({"end", "duration"} & columns.keys() or plain(columns["start"]) == "offset")
    dropped = set() if "audio" in columns and is_part else {"start", "end", "duration"}
    dropped |= set() if "audio" in columns else {"channel"}
    return {ours: theirs for ours, theirs in columns.items() if ours in named or ours not in dropped}


def other_columns(
    header: Collection[str], columns: Mapping[str, str], named: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return further columns by our names, which may say what rows lack in the one in `columns`.

    JSON lines of two tools may say "slots" in one row and "entities" in another. A column that the user named has none.
    """
    free = {plain(name): name for name in reversed(list(header)) if name not in columns.values()}
    free.pop(_NUMBERED.get(plain(columns.get("intent", "")), ""), None)
    found = {ours: [free[known] for known in map(plain, NAMES[ours]) if known in free] for ours in columns}
    return {
        ours: [name for name in names if plain(name) != "annotutt"]
        for ours, names in found.items()
        if names and ours not in named and ours not in {*_PAIR, *_PART, "split"}
    }


def guess(header: Iterable[str], names: Collection[str] = NAMES.keys()) -> dict[str, str]:
    """Return the columns of a header that are likely to be ours, by our names; each column is used once."""
    free = {plain(name): name for name in reversed(list(header))}
    guessed: dict[str, str] = {}
    for ours in NAMES:
        found = next((known for known in map(plain, NAMES[ours]) if known in free), None) if ours in names else None
        if found:
            guessed[ours] = free.pop(found)
    return guessed


def is_in_ms(heading: str) -> bool:
    """Return whether the name of a column of times says that they are milliseconds."""
    known = {plain(name) for names in NAMES.values() for name in names if name.endswith("_ms")}
    if "ss.ms" in heading.lower():  # ELAN's hh:mm:ss.ms
        return False
    return plain(heading) in known or [word.lower() for word in _WORD.findall(heading)][-1:] == ["ms"]


@lru_cache(maxsize=4096)
def plain(heading: str) -> str:
    """Return a heading without what people write differently: speakerId, Speaker ID and speaker_id are one."""
    return re.sub(r"[\s_()\[\]-]+", "", heading.lower())


def known_values(content: Mapping[str, Any], names: Collection[str] = LABELS) -> dict[str, Any]:
    """Return a row's values by our names, guessed for this row alone."""
    return {ours: content[theirs] for ours, theirs in _without_half_a_pair(guess(content, names)).items()}


def _without_half_a_pair(columns: dict[str, str]) -> dict[str, str]:
    """Drop a scenario without an action: MASSIVE has it beside the intent, which already contains it."""
    return columns if columns.keys() >= _PAIR else {ours: columns[ours] for ours in columns if ours not in _PAIR}
