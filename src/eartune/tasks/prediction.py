"""Predictions: what a model wrote about each recording, the parsed answer, and the files that hold them."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eartune.data.example import Example
from eartune.data.pauses import Span
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered
from eartune.files import RepeatedKeyError, RepeatedKeys, object_of_pairs, read_lines, write_lines
from eartune.tasks.task import Answer, Labels, ParseStatus, Task

_NAMES = frozenset(("id", "slurp_id", "file"))  # keys that name an utterance or a recording


@dataclass(frozen=True)
class Written:
    """The text that a model wrote, and how sure it is of it; what another system wrote has the text alone."""

    text: str
    log_probability: float | None = None
    """The mean log probability of the tokens, the end included, in nats; 0 is certain.

    Each is the probability among the tokens that were permitted: all of them, or those that the task's grammar allows.
    """
    margin: float | None = None
    """How much more probable it is than the second beam, in nats per token; None for greedy search."""

    def to_json(self) -> dict[str, Any]:
        """Return the text, and the numbers there are to six places; float32 has no more."""
        sure = {"log_probability": self.log_probability, "margin": self.margin}
        known = {name: round(value, 6) + 0.0 for name, value in sure.items() if value is not None}  # -0.0 is 0.0
        return {"text": self.text} | known

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Written":
        """Return what a row holds; a number that is none, or no log probability, says nothing and is not known."""
        sure = _number(row.get("log_probability"))
        is_probability = sure is not None and sure <= 0
        return cls(str(row.get("text", "")), sure if is_probability else None, _number(row.get("margin")))


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
    log_probability: float | None = None
    """How sure the model is of its text, as `Written` has it: the mean log probability of a token, in nats."""
    margin: float | None = None
    """How far the text is ahead of the second beam, in nats per token; None for greedy search."""
    span: Span | None = None
    """The piece of the recording that is answered; None for all of it. It is written, and not read again."""

    @property
    def confidence(self) -> float | None:
        """The geometric mean of the probabilities of the text's tokens, 0 to 1; None if they are not known."""
        return None if self.log_probability is None else math.exp(self.log_probability)

    def to_json(self, task: Task) -> dict[str, Any]:
        """Return the row of a predictions file: raw text, status, and the keys of the parsed answer if there is one.

        It begins with where a piece of a recording stands, and the words of a model that answered through words; how
        sure the model is stands after the text.
        """
        head: dict[str, Any] = {"id": self.id, "file": self.file}
        head |= {} if self.span is None else self.span.to_json()
        head |= {} if self.words is None else {"words": self.words}
        head |= Written(self.text, self.log_probability, self.margin).to_json() | {"status": self.status.value}
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
    if labels is None:
        return rows
    has_own = ["status" in row or bool(row.keys() & set(keys)) for _, row in rows]
    read = [
        (place, row if is_own else _with_answer_of_text(row, place, task, labels))
        for (place, row), is_own in zip(rows, has_own, strict=True)
    ]
    if not any(has_own) and all(task.read_answer(row, place) is None and row.keys() & _NAMES for place, row in read):
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
    if not isinstance(words, str):
        words = None
    written = Written.from_json(row)
    return Prediction(key, file, written.text, status, answer, words, written.log_probability, written.margin)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    return float(value) if is_number else None


def read_status(row: dict[str, Any], place: str, has_answer: bool) -> ParseStatus:
    """Return the status of a row; a row without one counts as OK if it has an answer, and else as NOT_JSON."""
    status = row.get("status", "OK" if has_answer else "NOT_JSON")
    if not isinstance(status, str) or status not in ParseStatus.__members__:
        raise InputError(f"{place}: the status {status!r} is none of {', '.join(ParseStatus.__members__)}")
    return ParseStatus(status)


def answered(task: Task, examples: Sequence[Example], predictions: Sequence[Prediction]) -> list[Answered]:
    """Return right answers with the predicted ones; sentences are the clusters."""
    return [
        Answered(task.reference(example.utterance), prediction.answer, example.utterance.id)
        for example, prediction in zip(examples, predictions, strict=True)
    ]
