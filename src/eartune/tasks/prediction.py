"""An answer of the model about one recording, with what could be read from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eartune.data.frame import SemanticFrame
from eartune.data.utterance import frame_fields, read_frame
from eartune.errors import InputError
from eartune.files import read_lines, write_lines
from eartune.tasks.slu import ParseStatus


@dataclass(frozen=True)
class Prediction:
    """`id` names the utterance, `file` the recording that was heard (None where text was shown)."""

    id: str
    file: str | None
    text: str
    status: ParseStatus
    frame: SemanticFrame | None

    def to_json(self) -> dict[str, Any]:
        """The row of a predictions file: raw text, status, and the frame's keys if one was read."""
        head: dict[str, Any] = {"id": self.id, "file": self.file, "text": self.text, "status": self.status.value}
        return head | ({} if self.frame is None else frame_fields(self.frame))


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """One JSON object a line."""
    write_lines(path, (prediction.to_json() for prediction in predictions))


def read_predictions(path: Path) -> tuple[Prediction, ...]:
    """The predictions in a file; raises InputError naming file and row for anything that does not fit."""
    predictions = tuple(_prediction(row, place) for place, row in read_lines(path))
    if not predictions:
        raise InputError(f"{path}: holds no predictions")
    return predictions


def _prediction(row: dict[str, Any], place: str) -> Prediction:
    key = row.get("id", row.get("file"))
    if not isinstance(key, str):
        raise InputError(f'{place}: needs an "id" (or a "file"), as text')
    file = row.get("file")
    if file is not None and not isinstance(file, str):
        raise InputError(f'{place}: "file" must be text, not {file!r}')
    has_frame = "intent" in row or "scenario" in row
    status = read_status(row, place, has_frame)
    frame = read_frame(row, place) if has_frame else None
    return Prediction(key, file, str(row.get("text", "")), status, frame)


def read_status(row: dict[str, Any], place: str, has_frame: bool) -> ParseStatus:
    """The status of a row; of rows that name none, whether they hold a frame."""
    status = row.get("status", "OK" if has_frame else "NOT_JSON")
    if not isinstance(status, str) or status not in ParseStatus.__members__:
        raise InputError(f"{place}: the status {status!r} is none of {', '.join(ParseStatus.__members__)}")
    return ParseStatus(status)
