"""Predictions: what a model wrote about each recording, the parsed answer, and the files that hold them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eartune.errors import InputError
from eartune.files import read_lines, write_lines
from eartune.tasks.task import Answer, ParseStatus, Task


@dataclass(frozen=True)
class Prediction:
    """The model's answer to one utterance, as text and parsed.

    `id` is the utterance's; `file` names the recording, and is None if the model was given text.
    """

    id: str
    file: str | None
    text: str
    status: ParseStatus
    answer: Answer | None
    """The answer that the task parsed from the text; None if it could not be parsed."""
    words: str | None = None
    """The words that the model wrote down and read; None unless it answered through words."""

    def to_json(self, task: Task) -> dict[str, Any]:
        """Return the row of a predictions file: raw text, status, and the keys of the parsed answer if there is one.

        It begins with the words of a model that answered through words.
        """
        head: dict[str, Any] = {"id": self.id, "file": self.file}
        head |= {} if self.words is None else {"words": self.words}
        head |= {"text": self.text, "status": self.status.value}
        return head | ({} if self.answer is None else task.answer_fields(self.answer))


def write_predictions(path: Path, predictions: Iterable[Prediction], task: Task) -> None:
    """Write a predictions file: JSON lines, one object for each prediction."""
    write_lines(path, (prediction.to_json(task) for prediction in predictions))


def read_predictions(path: Path, task: Task) -> tuple[Prediction, ...]:
    """Return the predictions in a file; raises InputError with the file and the row for an invalid row or no rows."""
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
    words = row.get("words")  # another system may list its words, which are then none of ours
    return Prediction(key, file, str(row.get("text", "")), status, answer, words if isinstance(words, str) else None)


def read_status(row: dict[str, Any], place: str, has_answer: bool) -> ParseStatus:
    """Return the status of a row; a row without one counts as OK if it has an answer, and else as NOT_JSON."""
    status = row.get("status", "OK" if has_answer else "NOT_JSON")
    if not isinstance(status, str) or status not in ParseStatus.__members__:
        raise InputError(f"{place}: the status {status!r} is none of {', '.join(ParseStatus.__members__)}")
    return ParseStatus(status)
