"""Confusions: which labels a model takes for which others, as a picture and as sentences about the largest."""

from collections import Counter
from dataclasses import dataclass

from eartune.report.answers import RunAnswers
from eartune.report.result import RunResult

NO_ANSWER = "no answer"
LABELS_SHOWN = 16
NAMED = 8


@dataclass(frozen=True)
class Cell:
    """How often one label was answered where another is right; `share` is of all its occurrences, 0 to 1."""

    right: str
    said: str
    count: int
    share: float


@dataclass(frozen=True)
class Confusions:
    """The labels of a model that are confused most, and how often each was answered for each."""

    model: str
    labels: tuple[str, ...]
    said: tuple[str, ...]
    """The labels that were answered: the same, and if it occurs, that there was no answer."""
    cells: tuple[Cell, ...]
    largest: tuple[str, ...]
    """The largest confusions, as sentences."""
    wrong: int
    of_all: int

    def cell(self, right: str, said: str) -> Cell | None:
        """Return how often `said` was answered where `right` is right; None if it never was."""
        return next((cell for cell in self.cells if (cell.right, cell.said) == (right, said)), None)


def find_confusions(answers: RunAnswers, result: RunResult) -> Confusions | None:
    """Return the confusions of a model; None if its answers are not at hand."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in answers.answered(result):
        answered = NO_ANSWER if one.predicted is None else answers.task.parts(one.predicted)[0][1]
        counts[answers.task.parts(one.reference)[0][1], answered] += 1
    if not counts:
        return None
    occurs: Counter[str] = Counter()
    for (right, _), count in counts.items():
        occurs[right] += count
    confused = [(pair, count) for pair, count in counts.most_common() if pair[0] != pair[1]]
    labels = _most_confused(confused)
    said = (*labels, NO_ANSWER) if any(pair[1] == NO_ANSWER for pair, _ in confused) else labels
    cells = [
        Cell(right, other, counts[right, other], counts[right, other] / max(1, occurs[right]))
        for right in labels
        for other in said
        if counts[right, other]
    ]
    largest = tuple(
        f"{right}: {count} of {occurs[right]} answered as {other}"
        if other != NO_ANSWER
        else f"{right}: {count} of {occurs[right]} without an answer"
        for (right, other), count in confused[:NAMED]
    )
    wrong = sum(count for _, count in confused)
    return Confusions(result.name, labels, said, tuple(cells), largest, wrong, counts.total())


def _most_confused(confused: list[tuple[tuple[str, str], int]]) -> tuple[str, ...]:
    """The labels of the largest confusions, by name, as many as a picture can show."""
    labels: dict[str, None] = {}
    for pair, _ in confused:
        new = [label for label in pair if label not in labels and label != NO_ANSWER]
        if len(labels) + len(new) <= LABELS_SHOWN:
            labels |= dict.fromkeys(new)
    return tuple(sorted(labels))
