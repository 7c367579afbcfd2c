"""Predictions: what a model wrote about each recording, the parsed answer, and the files that hold them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eartune.errors import InputError
from eartune.files import RepeatedKeyError, RepeatedKeys, object_of_pairs, read_lines, write_lines
from eartune.tasks.task import Answer, Labels, ParseStatus, Task

_NAMES = frozenset(("id", "slurp_id", "file"))  # keys that name an utterance or a recording


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


def read_predictions(path: Path, task: Task, labels: Labels | None = None) -> tuple[Prediction, ...]:
    """Return the predictions in a file; raises InputError with the file and the row for an invalid row or no rows.

    With the `labels` of the references, files of other tools are read that hold a model's text alone, {"id", "text"};
    one of which no answer can be read is an InputError then, because its score would be 0 whatever the model knows.
    """
    return tuple(_prediction(row, place, task) for place, row in prediction_rows(path, task, labels))


def prediction_rows(
    path: Path, task: Task, labels: Labels | None, keys: Collection[str] = ()
) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of a file with their places; raises InputError as `read_predictions` does.

    With `labels`, a row that has neither an answer nor a status gets those of its text. A row in which a key stands
    twice has the wrong shape, and no answer: each parser would keep another value. `keys` are others than the task's
    own under which a row may have its answer.
    """
    rows = [(place, _checked(row, place)) for place, row in read_lines(path, object_of_pairs)]
    if not rows:
        raise InputError(f"{path}: holds no predictions")
    if labels is None or any("status" in row or row.keys() & set(keys) for _, row in rows):
        return rows
    read = [(place, _with_answer_of_text(row, place, task, labels)) for place, row in rows]
    if all(task.read_answer(row, place) is None and row.keys() & _NAMES for place, row in read):
        said = f", the first text being {str(rows[0][1]['text'])[:60]!r}" if "text" in rows[0][1] else ""
        raise InputError(
            f"{path}: holds no answer that can be read{said}; each row needs the keys of an answer, or a "
            '"text" that is the JSON of one and nothing else'
        )
    return read


def _checked(row: dict[str, Any], place: str) -> dict[str, Any]:
    """The row itself, or the names in it and a status if a key stands twice anywhere in it."""
    if not _repeats_a_key(row):
        return row
    try:
        names = {key: row[key] for key in row if key in _NAMES}
    except RepeatedKeyError as error:
        raise InputError(f"{place}: {error}") from error
    return names | {"status": ParseStatus.WRONG_SHAPE.value}


def _with_answer_of_text(row: dict[str, Any], place: str, task: Task, labels: Labels) -> dict[str, Any]:
    """The row of another tool with the status of its text and the keys of the answer in it, where it has no others."""
    text = row.get("text")
    if not isinstance(text, str) or task.read_answer(row, place) is not None:
        return row
    answer, status = task.parse(text, labels)
    return row | {"status": status.value} | ({} if answer is None else task.answer_fields(answer))


def _repeats_a_key(value: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(value, RepeatedKeys) or any(map(_repeats_a_key, value.values()))
    return isinstance(value, list) and any(map(_repeats_a_key, value))


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
