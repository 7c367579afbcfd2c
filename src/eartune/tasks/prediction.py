"""An answer of the model about one recording, with what could be read from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eartune.errors import InputError
from eartune.files import read_lines, write_lines
from eartune.tasks.task import Answer, ParseStatus, Task


@dataclass(frozen=True)
class Prediction:
    """One answer: `id` names the utterance, `file` the recording (None where text was shown)."""

    id: str
    file: str | None
    text: str
    status: ParseStatus
    answer: Answer | None
    """What the task read in the text; None where it read nothing."""

    def to_json(self, task: Task) -> dict[str, Any]:
        """The row of a predictions file: raw text, status, and the answer's keys if one was read."""
        head: dict[str, Any] = {"id": self.id, "file": self.file, "text": self.text, "status": self.status.value}
        return head | ({} if self.answer is None else task.answer_fields(self.answer))


def write_predictions(path: Path, predictions: Iterable[Prediction], task: Task) -> None:
    """One JSON object a line."""
    write_lines(path, (prediction.to_json(task) for prediction in predictions))


def read_predictions(path: Path, task: Task) -> tuple[Prediction, ...]:
    """The predictions in a file; raises InputError naming file and row for anything that does not fit."""
    predictions = tuple(_prediction(row, place, task) for place, row in read_lines(path))
    if not predictions:
        raise InputError(f"{path}: holds no predictions")
    return predictions


def _prediction(row: dict[str, Any], place: str, task: Task) -> Prediction:
    key = row.get("id", row.get("file"))
    if not isinstance(key, str):
        raise InputError(f'{place}: needs an "id" (or a "file"), as text')
    file = row.get("file")
    if file is not None and not isinstance(file, str):
        raise InputError(f'{place}: "file" must be text, not {file!r}')
    answer = task.read_answer(row, place)
    status = read_status(row, place, answer is not None)
    return Prediction(key, file, str(row.get("text", "")), status, answer)


def read_status(row: dict[str, Any], place: str, has_answer: bool) -> ParseStatus:
    """The status of a row; of rows that name none, whether they hold an answer."""
    status = row.get("status", "OK" if has_answer else "NOT_JSON")
    if not isinstance(status, str) or status not in ParseStatus.__members__:
        raise InputError(f"{place}: the status {status!r} is none of {', '.join(ParseStatus.__members__)}")
    return ParseStatus(status)
