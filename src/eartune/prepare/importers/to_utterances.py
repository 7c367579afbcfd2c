"""Turn rows of any format into utterances: each format translates its rows to our names, which are then read alike.

    row -> translate -> {"id", "text", "language", "intent" | "scenario" + "action", "entities", "recordings"}
        -> Utterance, or Rejected with the reason

A row that cannot be used never stops the reading.
"""

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, label_fields
from eartune.files import RepeatedKeyError
from eartune.prepare.importers.entities import text_and_entities
from eartune.prepare.importers.excerpt import Excerpt, channel_of, part_fields
from eartune.prepare.importers.import_result import Imported, OfSplit, Rejected
from eartune.prepare.importers.recording_files import RecordingFiles
from eartune.prepare.importers.row import (
    Row,
    RowError,
    bare_or_none,
    is_blank,
    json_compatible,
    label_or_none,
    text_or_none,
)
from eartune.prepare.importers.split_column import checked_split, split_in

Translation = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Translates a row to the names of our manifest; raises RowError if it cannot."""


def to_utterances(
    rows: Iterable[Row],
    translate: Translation,
    folder: Path,
    columns: Mapping[str, str] | None = None,
    labelled: bool = True,
) -> Imported:
    """Return the utterances of all rows that can be used, and the other rows with the reasons.

    Recordings are searched for in `folder`; `columns` is only passed on to the result. Where rows need not be
    `labelled`, one without an intent is an utterance without a frame.
    """
    files, ids, rejected = RecordingFiles(folder), _Ids(folder), []
    utterances: list[Utterance] = []
    for row in rows:
        try:
            values = translate(_object(row))
            utterances.append(ids.identified(_of_split(_utterance(values, files, labelled), values, row), row.place))
        except (RowError, RepeatedKeyError) as error:
            reason = _by_its_column(str(error), row.content, columns or {})
            split = (
                split_in(dict.get(row.content, (columns or {}).get("split"))) if isinstance(row.content, dict) else None
            )
            rejected.append(Rejected(row.place, json_compatible(row.content), reason, split or ""))
    return Imported(tuple(utterances), tuple(rejected), dict(columns or {}))


def _by_its_column(reason: str, content: Any, columns: Mapping[str, str]) -> str:
    """A reason that begins with one of our names, with the name of the column that the value is from."""
    ours = next((name for name in columns if reason.startswith(f'"{name}" ')), None)
    value = dict.get(content, columns[ours]) if ours and isinstance(content, dict) else None
    if ours is None or is_blank(value):  # then it is from another column, if from any
        return reason
    own = f'"{columns[ours]}"'
    if ours == "entities" and columns[ours] != ours:
        own += " is read as entities (if it is for something else, add --map entities=) and"
    return reason.replace(f'"{ours}"', own, 1)


def _object(row: Row) -> dict[str, Any]:
    if row.fault:
        raise RowError(row.fault)
    if not isinstance(row.content, dict):
        raise RowError(f"must be an object, {{...}}, not {type(row.content).__name__}")
    return row.content


def _utterance(values: Mapping[str, Any], files: RecordingFiles, labelled: bool) -> Utterance:
    """The utterance of a row; its id is empty if the row states none."""
    text, entities = text_and_entities(text_or_none(values.get("text"), "text"), values.get("entities"))
    recordings = _recordings(values.get("recordings"), files)
    if text is None and not recordings:
        raise RowError("has neither text nor a recording")
    language = text_or_none(values.get("language"), "language") or "und"
    frame = _frame(values, entities, labelled)
    return Utterance(label_or_none(values.get("id"), "id") or "", text, language, frame, recordings)


def _of_split(utterance: Utterance, values: Mapping[str, Any], row: Row) -> Utterance:
    """The utterance with the split that its row names, where the rows of its file name splits."""
    if "split" not in values:
        return utterance
    own = {field.name: getattr(utterance, field.name) for field in fields(utterance)}
    return OfSplit(**own, split=checked_split(values["split"]), place=row.place)


def _frame(values: Mapping[str, Any], entities: tuple[Entity, ...], labelled: bool) -> SemanticFrame | None:
    intent, scenario, action = (_label(values.get(key), key) for key in ("intent", "scenario", "action"))
    if not labelled and intent is None and (scenario is None or action is None):
        return None
    if scenario is not None and action is not None:
        return SemanticFrame.of(scenario, action, entities)
    is_half = scenario is not None or action is not None
    if "scenario" in values and "action" in values and (is_half or intent is None):
        raise RowError('needs both "scenario" and "action", as the file has them')
    if intent is None:
        raise RowError('needs an "intent", or "scenario" and "action"')
    return SemanticFrame(intent, entities)


def _label(value: Any, name: str) -> str | None:
    return bare_or_none(text_or_none(value, name))


def _recordings(listed: Any, files: RecordingFiles) -> tuple[Recording, ...]:
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise RowError('"recordings" must be a list of {"file": ...}')
    return tuple(_recording(each, files) for each in listed)


def _recording(row: Any, files: RecordingFiles) -> Recording:
    name = text_or_none(row.get("file"), "file") if isinstance(row, dict) else None
    if name is None:
        raise RowError('each of "recordings" needs a "file", as text')
    stored, seconds = row.get("stored"), _seconds(row.get("seconds"))
    path = files.find(name) if stored is None else files.folder / name
    speaker = label_or_none(row.get("speaker"), "speaker")
    if stored is None and all(row.get(key) is None for key in ("start", "end", "channel")):
        return Recording(path, seconds, speaker)
    part = part_fields(row.get("start"), row.get("end"), None)
    return Excerpt(path, seconds, speaker, channel=channel_of(row.get("channel")), stored=stored, **part)


def _seconds(value: Any) -> float:
    if is_blank(value):
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise RowError("the length of a recording must be a number of seconds above 0, or left out to be measured")
    return float(value)


class _Ids:
    """Gives each utterance of a file an id of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, str] = {}
        self._copies: Counter[str] = Counter()

    def identified(self, utterance: Utterance, place: str) -> Utterance:
        """Return the utterance with the id that its row states, or one made from its content.

        Raises RowError for an id that an earlier row has.
        """
        if not utterance.id:
            utterance = replace(utterance, id=self._from_content(utterance))
        earlier = self._places.setdefault(utterance.id, place)
        if earlier != place:
            raise RowError(f"{earlier.rpartition(', ')[2]} has the id {utterance.id!r} already; ids must differ")
        return utterance

    def _from_content(self, utterance: Utterance) -> str:
        """Twelve hexadecimal digits; the second row of the same content, which may be meant, gets "-2" after them."""
        files = [os.path.relpath(recording.path, self._folder) for recording in utterance.recordings]
        content = json.dumps([utterance.text, files, label_fields(utterance)])
        digest = hashlib.sha256(content.encode()).hexdigest()[:12]
        while True:
            self._copies[digest] += 1
            name = digest if self._copies[digest] == 1 else f"{digest}-{self._copies[digest]}"
            if name not in self._places:
                return name
