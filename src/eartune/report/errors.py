"""The errors of a run's models: what is wrong with each answer, in parts, and of which kind that is.

test + predictions -> rows with the wrong answers of every model -> kinds of errors, rows that a model fixes or breaks
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from eartune.data.utterance import Utterance
from eartune.report.answers import RunAnswers
from eartune.report.result import RunResult
from eartune.tasks.prediction import Prediction
from eartune.tasks.task import Part

Parts = tuple[Part, ...]


class ErrorKind(StrEnum):
    """The kinds of errors, as a page names them; one answer may have several."""

    NOT_PARSED = "not parsed"
    LABEL = "label wrong"
    MISSED = "missed"
    INVENTED = "invented"
    VALUE = "wrong value"
    MISHEARD = "misheard value"
    """A wrong value that was said in these words, which are not in the untuned model's transcript either."""


@dataclass(frozen=True)
class WrongAnswer:
    """An answer of a model that is not the right one; `parts` is None if it could not be parsed."""

    parts: Parts | None
    text: str
    kinds: tuple[ErrorKind, ...]
    confidence: float | None = None
    """How sure the model was of it, 0 to 1; None where that is not known."""


@dataclass(frozen=True)
class TestRow:
    """A recording of the test, or an utterance given as text, with what its models got wrong."""

    id: str
    words: str
    right: Parts
    heard: str | None
    """The untuned model's transcript, if the run has one."""
    recording: Path | None
    wrong: dict[int, WrongAnswer]
    """The wrong answers, by the place of the model."""


@dataclass(frozen=True)
class Errors:
    """The test rows that at least one model got wrong, and how many there are in all."""

    models: tuple[str, ...]
    rows: tuple[TestRow, ...]
    tested: int

    def count(self, model: int) -> int:
        """Return the number of rows that a model got wrong."""
        return sum(model in row.wrong for row in self.rows)


def find_errors(answers: RunAnswers, results: Sequence[RunResult]) -> Errors | None:
    """Return the errors of these models; None if the answers of none are at hand."""
    with_answers = [result for result in results if answers.predictions(result)]
    if not with_answers:
        return None
    heard = answers.transcripts
    rows: dict[tuple[str, str | None], TestRow] = {}
    for place, result in enumerate(with_answers):
        for prediction in answers.predictions(result):
            key = prediction.id, prediction.file
            if key not in rows:
                rows[key] = _row(answers, prediction, heard)
            if wrong := _wrong(answers, rows[key], prediction):
                rows[key].wrong[place] = wrong
    names = tuple(result.name for result in with_answers)
    return Errors(names, tuple(row for row in rows.values() if row.wrong), len(rows))


def kinds_of(right: Parts, said: Parts | None, heard: str | None = None, words: str = "") -> tuple[ErrorKind, ...]:
    """Return the kinds of errors of an answer; none if it says the same, in whatever order.

    The first part is the label. Of the others, one that was said with another value has a wrong value, and one whose
    name was not said at all is missed; the reverse is invented. Only what stands in the words, where these are known,
    can be misheard: a translation is in none.
    """
    if said is None:
        return (ErrorKind.NOT_PARSED,)
    missing, extra = Counter(right) - Counter(said), Counter(said) - Counter(right)
    found = [ErrorKind.LABEL] if right[:1] != said[:1] else []
    missed = [part for part in right[1:] if part in missing]
    invented = Counter(name for name, _ in (part for part in said[1:] if part in extra))
    for name, value in missed:
        if not invented[name]:
            found.append(ErrorKind.MISSED)
            continue
        invented[name] -= 1
        was_said = not words or value.lower() in words.lower()
        lost = was_said and heard is not None and value.lower() not in heard.lower()
        found.append(ErrorKind.MISHEARD if lost else ErrorKind.VALUE)
    if invented.total():
        found.append(ErrorKind.INVENTED)
    return tuple(dict.fromkeys(found))


def _row(answers: RunAnswers, prediction: Prediction, heard: dict[tuple[str, str | None], str]) -> TestRow:
    utterance = answers.test[prediction.id]
    return TestRow(
        id=prediction.id,
        words=utterance.text or "",
        right=answers.task.parts(answers.task.reference(utterance)),
        heard=heard.get((prediction.id, prediction.file)),
        recording=_recording(utterance, prediction.file),
        wrong={},
    )


def _wrong(answers: RunAnswers, row: TestRow, prediction: Prediction) -> WrongAnswer | None:
    said = None if prediction.answer is None else answers.task.parts(prediction.answer)
    kinds = kinds_of(row.right, said, row.heard, row.words)
    return WrongAnswer(said, prediction.text, kinds, prediction.confidence) if kinds else None


def _recording(utterance: Utterance, file: str | None) -> Path | None:
    """The recording that a prediction names by the end of its path."""
    if file is None:
        return None
    return next((one.path for one in utterance.recordings if one.path.as_posix().endswith(file)), None)
