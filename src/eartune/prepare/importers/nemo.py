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
from eartune.prepare.importers.columns import LABELS, guess, known_values, without_half_a_part
from eartune.prepare.importers.excerpt import part_and_channel, recording_fields
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.named_recordings import each_recording
from eartune.prepare.importers.row import Row, is_blank
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
    stated = {"seconds": content.get("duration"), "speaker": speaker}
    return values | {"recordings": [file | stated | _part(content, are_parts)]}


def _part(content: dict[str, Any], are_parts: bool) -> dict[str, Any]:
    """The part and the channel of a row, as tables have them; the channel may stand in a list by itself."""
    named = without_half_a_part(guess(content, ("audio", "start", "end", "duration", "channel")))
    values = {ours: content[theirs] for ours, theirs in named.items()}
    channel = values.get("channel")
    if isinstance(channel, list) and len(channel) == 1:
        values["channel"] = channel[0]
    if are_parts:
        offset = content.get("offset")
        values |= {"start": 0 if is_blank(offset) else offset, "duration": content.get("duration")}
    return part_and_channel(values, named)


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
