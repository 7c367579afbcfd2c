"""Read NeMo's manifests for spoken language understanding, whose "semantics" are a Python literal inside of JSON.

    {"audio_filepath": "a.flac", "duration": 2.1, "text": "wake me on friday",
     "semantics": "{'scenario': 'alarm', 'action': 'set', 'entities': [{'type': 'date', 'filler': 'friday'}]}"}

The labels may also be keys of the row. `write_nemo` writes such rows, with the keys id, lang and speaker beside them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from eartune.data.utterance import Utterance
from eartune.files import write_lines
from eartune.prepare.importers.columns import LABELS, known_values
from eartune.prepare.importers.excerpt import channel_of, part_fields, recording_fields
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.named_recordings import each_recording
from eartune.prepare.importers.row import Row
from eartune.prepare.importers.semantics import labels_of_frame
from eartune.prepare.importers.to_utterances import to_utterances


def read_nemo(rows: Sequence[Row], path: Path) -> Imported:
    """Read one utterance from each row; where any row has an offset, each is a part of its file, as NeMo reads them."""
    are_parts = any("offset" in row.content for row in rows if isinstance(row.content, dict))
    return to_utterances(rows, partial(_translated, are_parts=are_parts), path.parent)


def _translated(content: dict[str, Any], are_parts: bool) -> dict[str, Any]:
    values = known_values(content, ("id", "text", "language", "speaker", *LABELS)) | labels_of_frame(
        content.get("semantics")
    )
    speaker, file = values.pop("speaker", None), recording_fields(content.get("audio_filepath"))
    if file is None:
        return values | {"recordings": []}
    part: dict[str, Any] = {"seconds": content.get("duration"), "speaker": speaker, "channel": _channel(content)}
    if are_parts:
        part |= part_fields(content.get("offset"), None, content.get("duration"))
    return values | {"recordings": [file | part]}


def _channel(content: dict[str, Any]) -> int | str | None:
    """The channel of a row, which may stand in a list by itself."""
    selected = known_values(content, ("channel",)).get("channel")
    return channel_of(selected[0] if isinstance(selected, list) and len(selected) == 1 else selected)


def write_nemo(path: Path, utterances: Sequence[Utterance], fields: Callable[[Utterance], Mapping[str, Any]]) -> None:
    """Write a row for each recording; rows of text alone have none. `fields` gives the labels of an utterance."""
    write_lines(path, _rows(utterances, fields))


def _rows(
    utterances: Sequence[Utterance], fields: Callable[[Utterance], Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    for name, utterance, recording in each_recording(utterances):
        if recording is None:
            continue
        row: dict[str, Any] = {
            "audio_filepath": str(recording.path.absolute()),
            "duration": round(recording.seconds, 3),
        }
        row |= {} if utterance.text is None else {"text": utterance.text}
        row |= {"semantics": str(dict(fields(utterance))), "lang": utterance.language, "id": name}
        yield row | ({"speaker": recording.speaker} if recording.speaker else {})
