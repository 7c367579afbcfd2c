"""Write the rows and recordings that are set aside, each with the reason, so that nothing is lost.

{"split":"train","id":"u7","file":"clips/u7.wav","fault":"missing","reason":"there is no such file",
 "row":{"id":"u7","text":"a small latte","language":"en","intent":"orderDrink","entities":[],
        "recordings":[{"file":"/data/clips/u7.wav"}]}}
"""

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eartune.data.utterance import Recording, Utterance, label_fields
from eartune.files import write_text
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Rejected
from eartune.prepare.validation.fault import Fault, escaped

NOT_READ = "not-read"  # the kind of fault of rows that no importer could read


@dataclass(frozen=True)
class Quarantined:
    """A row, or a row with one of its recordings, that is not in the manifest."""

    split: str
    name: str
    """The row's id, or "FILE, row N" for a row that could not be read."""
    file: str | None
    """The recording; None if the whole row is set aside."""
    fault: str
    """The kind of the fault."""
    reason: str
    row: Any
    """The row as in a manifest, with absolute paths, so that it can be prepared again; a row that could not be read is
    kept as it stands in its file."""

    @property
    def sentence(self) -> str:
        """The file or row, and what is wrong with it."""
        return escaped(f"{self.file or self.name}: {self.reason}")

    def to_json(self) -> dict[str, Any]:
        """Return a line of the quarantine file."""
        head = {"split": self.split, "place" if self.fault == NOT_READ else "id": self.name}
        return head | {"file": self.file, "fault": self.fault, "reason": self.reason, "row": self.row}


def rejected_row(split: str, rejected: Rejected) -> Quarantined:
    """Set aside a row that could not be read."""
    return Quarantined(split, rejected.place, None, NOT_READ, rejected.reason, rejected.row)


def unusable_row(fault: Fault, utterance: Utterance) -> Quarantined:
    """Set aside a row with all its recordings."""
    row = _manifest_row(utterance, utterance.recordings)
    return Quarantined(fault.split, utterance.id, None, fault.kind, fault.message, row)


def unusable_recording(fault: Fault, utterance: Utterance, recording: Recording) -> Quarantined:
    """Set aside one recording of a row; the row's other recordings are judged by themselves."""
    row = _manifest_row(utterance, (recording,))
    return Quarantined(fault.split, utterance.id, str(recording.path), fault.kind, fault.message, row)


def write_quarantine(path: Path, quarantined: Iterable[Quarantined]) -> None:
    """Write one JSON object a line."""
    lines = (json.dumps(entry.to_json(), ensure_ascii=False, separators=(",", ":")) for entry in quarantined)
    write_text(path, "".join(f"{escaped(line)}\n" for line in lines))  # a backslash escape is valid JSON


def _manifest_row(utterance: Utterance, recordings: Sequence[Recording]) -> dict[str, Any]:
    head = {"id": utterance.id, "text": utterance.text, "language": utterance.language}
    return head | label_fields(utterance) | {"recordings": [_manifest_recording(r) for r in recordings]}


def _manifest_recording(recording: Recording) -> dict[str, Any]:
    stated = {"seconds": recording.seconds} if math.isfinite(recording.seconds) else {}  # JSON has no nan
    speaker = {"speaker": recording.speaker} if recording.speaker else {}
    return {"file": os.path.abspath(recording.path)} | stated | speaker | _part(recording)


def _part(recording: Recording) -> dict[str, Any]:
    """The keys of a part of a file, as they are read again; sound that the row itself held is not kept."""
    if not isinstance(recording, Excerpt) or recording.stored is not None:
        return {}
    part = dict(zip(("start", "end", "channel"), recording.part, strict=True))
    return {key: value for key, value in part.items() if value is not None}
