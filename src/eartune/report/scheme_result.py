"""A scheme at a budget: the cells of a grid that differ in nothing but the seed, joined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from eartune.evaluation.metrics import Score
from eartune.evaluation.metrics.confidence import over_seeds
from eartune.report.result import RunResult
from eartune.report.wording import scheme_in_prose
from eartune.training.schemes import SCHEMES, Role

ROLES: dict[str, Role] = {scheme.model_fields["type"].default: scheme.role for scheme in SCHEMES}
"""The role of each scheme that eartune brings, by its type and in the order of a report."""

STATUSES = ("OK", "UNKNOWN_LABEL", "WRONG_SHAPE", "NOT_JSON", "TRUNCATED")  # of answers, from best to worst
PARSED = STATUSES[:2]  # those that could be read


@dataclass(frozen=True)
class SchemeResult:
    """One line of the report's table. Its numbers are those of the finished cells alone."""

    scheme: str
    """The scheme's label, which is its name or else its type."""
    scheme_type: str
    role: Role
    budget: str | None
    finished: tuple[RunResult, ...]
    failed: tuple[RunResult, ...]

    @property
    def key(self) -> tuple[str, str | None]:
        """The label and the budget, which no other line shares."""
        return self.scheme, self.budget

    @property
    def prose_name(self) -> str:
        """The scheme inside a sentence: `the curriculum`, or the name that the user gave it."""
        return scheme_in_prose(self.scheme) if self.scheme == self.scheme_type else self.scheme

    def score(self, metric: str) -> Score | None:
        """The mean over the seeds that have this metric; None when none has."""
        scores = [result.scores[metric] for result in self.finished if metric in result.scores]
        return over_seeds(scores) if len(scores) > 1 else scores[0] if scores else None

    def mean(self, number: Callable[[RunResult], float | None]) -> float | None:
        """The mean over the seeds that have this number; None when none has."""
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


def join_seeds(results: Sequence[RunResult]) -> tuple[SchemeResult, ...]:
    """One line for each scheme and budget: schemes in the order of ROLES, budgets by the speech that they use."""
    cells: dict[tuple[str, str | None], list[RunResult]] = {}
    for result in results:
        cells.setdefault((result.scheme, result.budget), []).append(result)
    lines = [
        SchemeResult(
            scheme,
            scheme_type(own[0]),
            own[0].scheme_role or ROLES.get(scheme_type(own[0]), "other"),
            budget,
            finished=tuple(cell for cell in own if cell.finished),
            failed=tuple(cell for cell in own if not cell.finished),
        )
        for (scheme, budget), own in cells.items()
    ]
    order = [*ROLES]
    return tuple(
        sorted(
            lines,
            key=lambda line: (
                order.index(line.scheme_type) if line.scheme_type in ROLES else len(order),
                line.scheme,
                line.share,
            ),
        )
    )


def scheme_type(result: RunResult) -> str:
    """The type of a result's scheme; results written before it was stored have it in their settings or as the label."""
    if result.scheme_type is not None:
        return result.scheme_type
    for scheme in result.settings.get("grid", {}).get("schemes", ()):
        if (scheme.get("name") or scheme.get("type")) == result.scheme and "type" in scheme:
            return str(scheme["type"])
    return result.scheme


def baselines(results: Sequence[SchemeResult]) -> tuple[SchemeResult, ...]:
    """What other schemes are compared with at a budget, in the order of the table.

    These are the lines of the schemes that declare it; where there is none, those of the first scheme with budgets.
    """
    spoken = [result for result in results if result.budget is not None]
    declared = [result for result in spoken if result.role == "baseline"]
    return tuple(declared or [result for result in spoken if result.scheme == spoken[0].scheme])


def parsed_share(result: RunResult) -> float | None:
    """The part of the answers that could be read; None when nothing was asked."""
    asked = sum(result.answers.values())
    return sum(result.answers.get(status, 0) for status in PARSED) / asked if asked else None


def _share(result: RunResult) -> float:
    return result.speech_utterances / result.pool_utterances if result.pool_utterances else 0.0
