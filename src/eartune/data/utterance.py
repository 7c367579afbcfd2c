"""A row of a corpus, with a frame, a label or a translation, and how it is written to and read from a manifest.

{"id":"ab12","text":"a small latte","language":"en","intent":"orderDrink",
 "entities":[{"type":"size","filler":"small"}],"recordings":[{"file":"ab12.flac"}]}
{"id":"cd34","text":"where is my train","language":"en","label":"angry","recordings":[{"file":"cd34.flac"}]}
{"id":"ef56","text":"guten morgen","language":"de","translation":"good morning","recordings":[{"file":"ef56.flac"}]}
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from eartune.data.frame import Entity, SemanticFrame, check_frame
from eartune.errors import InputError
from eartune.files import read_lines, write_lines

FRAME_KEYS = {"scenario", "action", "intent", "entities"}
_NOT_ENTITIES = ("slots", "slot", "tags")
_NOT_RECORDINGS = ("audio", "audio_path", "audio_filepath", "audio_file", "wav", "clip", "recording", "file", "path")


@dataclass(frozen=True)
class Recording:
    """A recording of an utterance: its file, its length in seconds, and who speaks, if that is known."""

    path: Path
    seconds: float
    speaker: str | None = None


@dataclass(frozen=True)
class Utterance:
    """Something that was, or could be, said: its words (None if nobody wrote them down) and what it is labelled with.

    A row that is to be learned from or scored has a frame, a label, a translation, or several of these; one that is
    only to be answered has none.
    """

    id: str
    text: str | None
    language: str
    frame: SemanticFrame | None
    recordings: tuple[Recording, ...] = ()
    label: str | None = None
    """A class that is no intent, such as an emotion."""
    translation: str | None = None
    """The words in another language, which the task names."""

    @property
    def seconds(self) -> float:
        """The length of all its recordings together, in seconds."""
        return sum(recording.seconds for recording in self.recordings)

    @property
    def is_labelled(self) -> bool:
        """Whether anything is known about the right answer: a frame, a label or a translation."""
        return self.frame is not None or self.label is not None or self.translation is not None

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The entities of its frame; none where it has no frame."""
        return () if self.frame is None else self.frame.entities


def write_manifest(path: str | Path, utterances: Iterable[Utterance], *, relative: bool = False) -> None:
    """Write a manifest, an utterance in each line; recordings inside its folder are named relative to it.

    Others are named by their absolute path or, if `relative`, from the folder too, as ../clips/a.wav: such a manifest
    may be moved together with them.
    """
    path = Path(path)
    name_of = _from if relative else _inside
    write_lines(path, (_row(utterance, path.parent, name_of) for utterance in utterances))


def read_manifest(
    path: str | Path, seconds_of: Callable[[Path], float] | None = None, labelled: bool = True
) -> tuple[Utterance, ...]:
    """Return the utterances of a manifest; raises InputError with file and row for anything that is wrong in it.

    `seconds_of` measures recordings whose row does not state their length; by default their headers are read. With
    `labelled` false, a row needs neither a frame, nor a label, nor a translation.
    """
    path = Path(path)
    utterances: dict[str, Utterance] = {}
    for place, row in read_lines(path):
        utterance = _utterance(row, place, path.parent, seconds_of or _header_seconds, labelled)
        if utterance.id in utterances:
            raise InputError(f"{place}: the id {utterance.id!r} stands in an earlier row too; ids must be unique")
        utterances[utterance.id] = utterance
    return tuple(utterances.values())


def frame_fields(frame: SemanticFrame) -> dict[str, Any]:
    """Return a frame as the keys and values that stand for it in manifests and predictions."""
    named = {"intent": frame.intent}
    if frame.scenario is not None:
        named = {"scenario": frame.scenario, "action": str(frame.action)}
    return named | {"entities": [{"type": e.type, "filler": e.filler} for e in frame.entities]}


def label_fields(utterance: Utterance) -> dict[str, Any]:
    """Return the keys by which frame, label and translation of an utterance are written in a manifest."""
    texts = {"label": utterance.label, "translation": utterance.translation}
    known = {key: text for key, text in texts.items() if text is not None}
    return ({} if utterance.frame is None else frame_fields(utterance.frame)) | known


def with_label_fields(utterance: Utterance, row: Mapping[str, Any], place: str, labelled: bool = True) -> Utterance:
    """Return an utterance with the frame, the label and the translation that a row has under these keys.

    Raises InputError, which starts with `place`, for one that is not as it must be, and, with `labelled`, for none.
    """
    label, translation = (_words(row, key, place) for key in ("label", "translation"))
    frame = check_frame(read_frame(row, place), place) if FRAME_KEYS & row.keys() else None
    found = replace(utterance, frame=frame, label=label, translation=translation)
    if labelled and not found.is_labelled:
        raise InputError(
            f'{place}: needs "scenario" and "action", or "intent", or a "label", or a "translation", as text'
        )
    return found


def read_frame(row: Mapping[str, Any], place: str) -> SemanticFrame:
    """Return the frame in a row of a reference or a prediction, from scenario and action, or intent, and entities.

    Raises InputError, which starts with `place`, where a key is missing or of another type.
    """
    if "entities" not in row and (other := next((key for key in _NOT_ENTITIES if _holds_entities(row.get(key))), None)):
        raise InputError(
            f'{place}: has "{other}"; its key must be "entities", a list of {{"type": ..., "filler": ...}}'
        )
    entities = row.get("entities", [])
    if not isinstance(entities, list) or not all(map(_is_entity, entities)):
        raise InputError(f'{place}: "entities" must be a list of {{"type": ..., "filler": ...}} with text in both')
    pairs = tuple([Entity(entity["type"], entity["filler"]) for entity in entities])
    scenario, action, intent = row.get("scenario"), row.get("action"), row.get("intent")
    if isinstance(scenario, str) and isinstance(action, str):
        return SemanticFrame.of(scenario, action, pairs)
    if isinstance(intent, str):
        return SemanticFrame(intent, pairs)
    raise InputError(f'{place}: needs "scenario" and "action", or "intent", as text')


def _row(utterance: Utterance, folder: Path, name_of: Callable[[Path, Path], str]) -> dict[str, Any]:
    recordings = [
        {"file": name_of(r.path, folder), "seconds": round(r.seconds, 3)}
        | ({"speaker": r.speaker} if r.speaker else {})
        for r in utterance.recordings
    ]
    head = {"id": utterance.id, "text": utterance.text, "language": utterance.language}
    return head | label_fields(utterance) | {"recordings": recordings}


def _utterance(
    row: dict[str, Any], place: str, folder: Path, seconds_of: Callable[[Path], float], labelled: bool
) -> Utterance:
    if "recordings" not in row and (other := next((key for key in _NOT_RECORDINGS if _is_sound(row.get(key))), None)):
        raise InputError(f'{place}: has "{other}"; its key must be "recordings", a list of {{"file": ...}}')
    text, listed = row.get("text"), row.get("recordings", [])
    if not isinstance(listed, list):
        raise InputError(f'{place}: "recordings" must be a list of {{"file": ...}}')
    recordings = tuple(_recording(r, place, folder, seconds_of) for r in listed)
    if not isinstance(row.get("id"), str) or not row["id"]:
        raise InputError(f'{place}: needs an "id", as text')
    files = [recording.path.resolve() for recording in recordings] if len(recordings) > 1 else []
    if repeated := next((file for file in files if files.count(file) > 1), None):
        raise InputError(f"{place}: lists the recording {repeated} twice; name each recording once")
    if text is not None and (not isinstance(text, str) or not text.strip()):
        raise InputError(f'{place}: "text" is empty; leave the key out where nobody wrote the words down')
    if text is None and not recordings:
        raise InputError(f'{place}: has neither "text" nor "recordings"')
    language = row.get("language")
    if language is not None and not isinstance(language, str):
        raise InputError(f'{place}: "language" must be text such as "en", not {language!r}, or left out')
    utterance = Utterance(row["id"], text, language or "und", None, recordings)
    return with_label_fields(utterance, row, place, labelled)


def _words(row: Mapping[str, Any], key: str, place: str) -> str | None:
    """The text under a key that may be absent."""
    value = row.get(key)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise InputError(f'{place}: "{key}" must be text, and not empty')
    return value


def _recording(row: Any, place: str, folder: Path, seconds_of: Callable[[Path], float]) -> Recording:
    if not isinstance(row, dict) or not isinstance(row.get("file"), str):
        raise InputError(f'{place}: each of "recordings" needs a "file", as text')
    if row.keys() & {"start", "end", "offset"}:
        raise InputError(
            f"{place}: {row['file']}: names a part of it; eartune prepare writes parts to files of their own"
        )
    path, seconds, speaker = _found(row["file"], folder), row.get("seconds"), row.get("speaker")
    if speaker is not None and not isinstance(speaker, str):
        raise InputError(f'{place}: {row["file"]}: "speaker" must be text, not {speaker!r}, or left out')
    if seconds is not None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
            raise InputError(f'{place}: {row["file"]}: "seconds" must be a number above 0, or left out to be measured')
        return Recording(path, float(seconds), speaker)
    return Recording(path, seconds_of(path), speaker)


def _header_seconds(path: Path) -> float:
    from eartune.data.audio import audio_seconds  # soundfile is needed only where a manifest does not state a length

    return audio_seconds(path)


def _is_entity(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str) and isinstance(value.get("filler"), str)


def _holds_entities(value: Any) -> bool:
    """Whether the value of another key is likely to be entities; a list of texts, such as tags, is none."""
    return bool(value) and not (isinstance(value, list) and all(isinstance(each, str) for each in value))


def _is_sound(value: Any) -> bool:
    """Whether the value of another key is likely to be a recording."""
    if not isinstance(value, str):
        return isinstance(value, dict)
    from eartune.data.audio import AUDIO_SUFFIXES  # soundfile is needed only where a manifest is not right

    return Path(value).suffix.lower() in AUDIO_SUFFIXES


def _inside(path: Path, folder: Path) -> str:
    """The path relative to a folder that holds it, else the whole path."""
    whole, root = os.path.abspath(path), os.path.join(os.path.abspath(folder), "")
    return whole.removeprefix(root)


def _from(path: Path, folder: Path) -> str:
    """The path relative to a folder that may lie elsewhere."""
    inside = _inside(path, folder)
    # ".." leads out of the true folder, whatever symbolic link it was reached by.
    if not os.path.isabs(inside):
        return inside
    return os.path.relpath(os.path.join(_real(path.parent), path.name), _real(folder))


def _found(name: str, folder: Path) -> Path:
    """The path that a manifest in a folder names."""
    is_outside = name.startswith("..")
    return Path(os.path.normpath(os.path.join(_real(folder), name))) if is_outside else folder / name


def _real(folder: Path) -> str:
    return _real_path(os.path.abspath(folder))


@lru_cache(maxsize=1000)
def _real_path(folder: str) -> str:
    return os.path.realpath(folder)
