"""A scheme at a budget: the cells that differ in nothing but the seed, joined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from eartune.evaluation.metrics import Score
from eartune.evaluation.metrics.confidence import over_seeds
from eartune.report.result import RunResult

SCHEME_ORDER = ("untuned", "prompted", "cascade", "text-only", "synthetic-speech", "direct-mixing", "curriculum")
STATUSES = ("OK", "UNKNOWN_LABEL", "WRONG_SHAPE", "NOT_JSON", "TRUNCATED")  # of answers, from best to worst
PARSED = STATUSES[:2]  # those that could be read


@dataclass(frozen=True)
class Row:
    """What a table shows as one line. Its numbers are those of the finished cells alone."""

    scheme: str
    budget: str | None
    finished: tuple[RunResult, ...]
    failed: tuple[RunResult, ...]

    @property
    def key(self) -> tuple[str, str | None]:
        """What tells it from the other rows."""
        return self.scheme, self.budget

    def score(self, metric: str) -> Score | None:
        """Over the seeds that have it; None when none has."""
        scores = [result.scores[metric] for result in self.finished if metric in result.scores]
        return over_seeds(scores) if len(scores) > 1 else scores[0] if scores else None

    def mean(self, number: Callable[[RunResult], float | None]) -> float | None:
        """Over the seeds that have the number; None when none has."""
        numbers = [found for result in self.finished if (found := number(result)) is not None]
        return fmean(numbers) if numbers else None

    @property
    def share(self) -> float:
        """The part of the speech pool that was used, 0 to 1."""
        return fmean(_share(result) for result in self.finished + self.failed)

    @property
    def uses_all_speech(self) -> bool:
        """Whether no recording of the pool was left out."""
        return self.share >= 1


def join_seeds(results: Sequence[RunResult]) -> tuple[Row, ...]:
    """Cells by scheme and budget: schemes in SCHEME_ORDER, budgets by the speech they use."""
    keys = dict.fromkeys((result.scheme, result.budget) for result in results)
    rows = (_row(results, scheme, budget) for scheme, budget in keys)
    return tuple(sorted(rows, key=lambda row: (_place(row.scheme), row.scheme, row.share)))


def parsed_share(result: RunResult) -> float | None:
    """The part of the answers that could be read; None when nothing was asked."""
    asked = sum(result.answers.values())
    return sum(result.answers.get(status, 0) for status in PARSED) / asked if asked else None


def _row(results: Sequence[RunResult], scheme: str, budget: str | None) -> Row:
    cells = [result for result in results if (result.scheme, result.budget) == (scheme, budget)]
    return Row(
        scheme,
        budget,
        finished=tuple(cell for cell in cells if cell.finished),
        failed=tuple(cell for cell in cells if not cell.finished),
    )


def _share(result: RunResult) -> float:
    return result.speech_utterances / result.pool_utterances if result.pool_utterances else 0.0


def _place(scheme: str) -> int:
    return SCHEME_ORDER.index(scheme) if scheme in SCHEME_ORDER else len(SCHEME_ORDER)
