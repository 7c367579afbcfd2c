"""NeMo's manifests for spoken language understanding, whose "semantics" is text in the text.

    {"audio_filepath": "a.flac", "duration": 2.1, "text": "wake me on friday",
     "semantics": "{'scenario': 'alarm', 'action': 'set', 'entities': [{'type': 'date', 'filler': 'friday'}]}"}

The labels may also be keys of the row.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eartune.prepare.importers.clips import clip_name
from eartune.prepare.importers.columns import LABELS, pick
from eartune.prepare.importers.entities import decoded
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.row import Row, RowError, is_blank
from eartune.prepare.importers.to_utterances import gather


def read_nemo(rows: Sequence[Row], path: Path) -> Imported:
    """An utterance a row; one that is a part of its file is none."""
    return gather(rows, _translated, path.parent)


def _translated(content: dict[str, Any]) -> dict[str, Any]:
    if content.get("offset"):
        raise RowError("begins inside its recording; recordings are taken whole, so cut it into a file of its own")
    values = pick(content, ("id", "text", "language", "speaker", *LABELS)) | pick(_semantics(content))
    speaker, file = values.pop("speaker", None), clip_name(content.get("audio_filepath"))
    recording = {"file": file, "seconds": content.get("duration"), "speaker": speaker}
    return values | {"recordings": [recording] if file else []}


def _semantics(content: dict[str, Any]) -> dict[str, Any]:
    stated = content.get("semantics")
    meaning = decoded(stated, "semantics") if isinstance(stated, str) and not is_blank(stated) else stated
    if is_blank(meaning):
        return {}
    if not isinstance(meaning, dict):
        raise RowError('"semantics" must be {"scenario": ..., "action": ..., "entities": [...]}')
    return meaning
