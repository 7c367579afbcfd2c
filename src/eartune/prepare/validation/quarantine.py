"""What is set aside: every row and recording that cannot be used, with the reason, so that nothing is lost.

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
from eartune.prepare.importers.import_result import Rejected
from eartune.prepare.validation.finding import Finding, escaped

NOT_READ = "not-read"  # the fault of rows of which no utterance could be made


@dataclass(frozen=True)
class Quarantined:
    """A row, or one of its recordings with it, that did not get into the manifest."""

    split: str
    name: str
    """The row's id; "FILE, row N" for a row of which no utterance could be made."""
    file: str | None
    """The recording; None where the row as a whole is set aside."""
    fault: str
    reason: str
    row: Any
    """As in a manifest, with absolute paths, so that it can be prepared again; as it was read if it was not."""

    @property
    def sentence(self) -> str:
        """What it is and what is wrong with it."""
        return escaped(f"{self.file or self.name}: {self.reason}")

    def to_json(self) -> dict[str, Any]:
        """A line of the quarantine file."""
        head = {"split": self.split, "place" if self.fault == NOT_READ else "id": self.name}
        return head | {"file": self.file, "fault": self.fault, "reason": self.reason, "row": self.row}


def rejected_row(split: str, rejected: Rejected) -> Quarantined:
    """A row of which no utterance could be made."""
    return Quarantined(split, rejected.place, None, NOT_READ, rejected.reason, rejected.row)


def unusable_row(finding: Finding, utterance: Utterance) -> Quarantined:
    """A row that is set aside with all its recordings."""
    row = _manifest_row(utterance, utterance.recordings)
    return Quarantined(finding.split, utterance.id, None, finding.fault, finding.says, row)


def unusable_recording(finding: Finding, utterance: Utterance, recording: Recording) -> Quarantined:
    """One recording that is set aside; the row's others are judged by themselves."""
    row = _manifest_row(utterance, (recording,))
    return Quarantined(finding.split, utterance.id, str(recording.path), finding.fault, finding.says, row)


def write_quarantine(path: Path, quarantined: Iterable[Quarantined]) -> None:
    """One JSON object a line."""
    lines = (json.dumps(entry.to_json(), ensure_ascii=False, separators=(",", ":")) for entry in quarantined)
    write_text(path, "".join(f"{escaped(line)}\n" for line in lines))  # a backslash escape is JSON's own, too


def _manifest_row(utterance: Utterance, recordings: Sequence[Recording]) -> dict[str, Any]:
    head = {"id": utterance.id, "text": utterance.text, "language": utterance.language}
    return head | label_fields(utterance) | {"recordings": [_manifest_recording(r) for r in recordings]}


def _manifest_recording(recording: Recording) -> dict[str, Any]:
    stated = {"seconds": recording.seconds} if math.isfinite(recording.seconds) else {}  # JSON has no nan
    speaker = {"speaker": recording.speaker} if recording.speaker else {}
    return {"file": os.path.abspath(recording.path)} | stated | speaker
