"""Read NeMo's manifests for spoken language understanding, whose "semantics" are a Python literal inside of JSON.

    {"audio_filepath": "a.flac", "duration": 2.1, "text": "wake me on friday",
     "semantics": "{'scenario': 'alarm', 'action': 'set', 'entities': [{'type': 'date', 'filler': 'friday'}]}"}

The labels may also be keys of the row.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eartune.prepare.importers.columns import LABELS, known_values
from eartune.prepare.importers.entities import decode
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.recording_files import recording_name
from eartune.prepare.importers.row import Row, RowError, is_blank
from eartune.prepare.importers.to_utterances import to_utterances


def read_nemo(rows: Sequence[Row], path: Path) -> Imported:
    """Read one utterance from each row; a row that is a part of its file is rejected."""
    return to_utterances(rows, _translated, path.parent)


def _translated(content: dict[str, Any]) -> dict[str, Any]:
    if content.get("offset"):
        raise RowError("begins inside its recording; recordings are taken whole, so cut it into a file of its own")
    values = known_values(content, ("id", "text", "language", "speaker", *LABELS)) | known_values(_semantics(content))
    speaker, file = values.pop("speaker", None), recording_name(content.get("audio_filepath"))
    recording = {"file": file, "seconds": content.get("duration"), "speaker": speaker}
    return values | {"recordings": [recording] if file else []}


def _semantics(content: dict[str, Any]) -> dict[str, Any]:
    stated = content.get("semantics")
    meaning = decode(stated, "semantics") if isinstance(stated, str) and not is_blank(stated) else stated
    if is_blank(meaning):
        return {}
    if not isinstance(meaning, dict):
        raise RowError('"semantics" must be {"scenario": ..., "action": ..., "entities": [...]}')
    return meaning
