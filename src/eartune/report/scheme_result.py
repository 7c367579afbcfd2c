"""A scheme at a budget: the cells of a grid that differ in nothing but the seed, joined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from eartune.evaluation.metrics import Score
from eartune.evaluation.metrics.confidence import over_seeds
from eartune.report.result import RunResult
from eartune.report.wording import scheme_in_prose
from eartune.training.scheme import Role
from eartune.training.schemes import SCHEMES

ROLES: dict[str, Role] = {scheme.model_fields["type"].default: scheme.role for scheme in SCHEMES}
"""The role of each scheme that eartune brings, by its type and in the order of a report."""

STATUSES = ("OK", "UNKNOWN_LABEL", "WRONG_SHAPE", "NOT_JSON", "TRUNCATED")  # of answers, from best to worst
PARSED = STATUSES[:2]  # those that could be read


@dataclass(frozen=True)
class SchemeResult:
    """One row of the report's table. Its numbers are those of the finished models alone."""

    scheme: str
    """The scheme's label, which is its name or else its type, and in brackets the architecture, if there are several.
    """
    scheme_type: str
    role: Role
    budget: str | None
    finished: tuple[RunResult, ...]
    failed: tuple[RunResult, ...]
    unfinished: tuple[RunResult, ...] = ()
    architecture: str = ""
    """The name of the architecture; empty where the run has one alone."""

    @property
    def label(self) -> str:
        """The scheme's label alone, which rows of other architectures share."""
        return self.cells[0].scheme

    @property
    def cells(self) -> tuple[RunResult, ...]:
        """All seeds: those that finished, those that failed, those that are not finished yet."""
        return self.finished + self.failed + self.unfinished

    @property
    def key(self) -> tuple[str, str | None]:
        """The label and the budget, which no other row shares."""
        return self.scheme, self.budget

    @property
    def name(self) -> str:
        """The label, and the budget if it has one: `text-only`, `curriculum 5%`."""
        return row_name(self.scheme, self.budget)

    @property
    def prose_name(self) -> str:
        """The scheme inside a sentence: `the curriculum`, or the name that the user gave it."""
        name = scheme_in_prose(self.label) if self.label == self.scheme_type else self.label
        return of_architecture(name, self.architecture)

    def score(self, metric: str) -> Score | None:
        """Return the mean over the seeds that have this metric; None if no seed has it."""
        scored = [result for result in self.finished if metric in result.scores]
        scores = [result.scores[metric] for result in scored]
        if len(scores) > 1:
            return over_seeds(scores, [(result.seed, result.selection_seed) for result in scored])
        return scores[0] if scores else None

    def mean(self, number: Callable[[RunResult], float | None]) -> float | None:
        """Return the mean over the seeds that have this number; None if no seed has it."""
        numbers = [found for result in self.finished if (found := number(result)) is not None]
        return fmean(numbers) if numbers else None

    @property
    def share(self) -> float:
        """The part of the speech pool that was used, 0 to 1."""
        return fmean(
            result.speech_utterances / result.pool_utterances if result.pool_utterances else 0.0
            for result in self.cells
        )

    @property
    def uses_all_speech(self) -> bool:
        """Whether no recording of the pool was left out."""
        return self.share >= 1


def row_name(scheme: str, budget: str | None) -> str:
    """Return the name of a row of the report: `text-only`, `curriculum 5%`."""
    return scheme if budget is None else f"{scheme} {budget}"


def join_seeds(results: Sequence[RunResult]) -> tuple[SchemeResult, ...]:
    """Return one row for each architecture, scheme and budget.

    Schemes are in the order of ROLES, a plain one before its variants with names of their own, and budgets in that of
    the speech that they use.
    """
    groups: dict[tuple[str, str, str | None], list[RunResult]] = {}
    for result in results:
        groups.setdefault((result.architecture, result.scheme, result.budget), []).append(result)
    rows = []
    for (architecture, scheme, budget), cells in groups.items():
        kind = scheme_type(cells[0])
        rows.append(
            SchemeResult(
                of_architecture(scheme, architecture),
                kind,
                _role(cells[0].scheme_role, kind),
                budget,
                finished=tuple(cell for cell in cells if cell.status == "finished"),
                failed=tuple(cell for cell in cells if cell.status == "failed"),
                unfinished=tuple(cell for cell in cells if cell.status == "unfinished"),
                architecture=architecture,
            )
        )
    places = {kind: place for place, kind in enumerate(ROLES)}

    def place(row: SchemeResult) -> tuple[Any, ...]:
        has_own_name = row.label != row.scheme_type
        return row.architecture, places.get(row.scheme_type, len(places)), has_own_name, row.scheme, row.share

    return tuple(sorted(rows, key=place))


def of_architecture(name: str, architecture: str) -> str:
    """Return a name with its architecture in brackets, if there are several."""
    return f"{name} ({architecture})" if architecture else name


def by_architecture(rows: Sequence[SchemeResult]) -> list[tuple[SchemeResult, ...]]:
    """Return the rows of each architecture, as only these are compared by the roles of their schemes."""
    names = dict.fromkeys(row.architecture for row in rows)
    return [tuple(row for row in rows if row.architecture == name) for name in names]


def _role(stored: Role | None, kind: str) -> Role:
    """The stored role; where an older version stored none, or none in particular, that of the type."""
    return stored if stored not in (None, "other") else ROLES.get(kind, "other")


def scheme_type(result: RunResult) -> str:
    """Return the type of a result's scheme; older results have it in their settings or as the label."""
    if result.scheme_type is not None:
        return result.scheme_type
    for scheme in result.settings.get("grid", {}).get("schemes", ()):
        if (scheme.get("name") or scheme.get("type")) == result.scheme and "type" in scheme:
            return str(scheme["type"])
    return result.scheme


def baselines(results: Sequence[SchemeResult]) -> tuple[SchemeResult, ...]:
    """Return the rows with which other schemes are compared at a budget, in the order of the table.

    These are the rows of schemes whose role is baseline; if there are none, those of the first scheme with budgets.
    """
    spoken = [result for result in results if result.budget is not None]
    declared = [result for result in spoken if result.role == "baseline"]
    return tuple(declared or [result for result in spoken if result.label == spoken[0].label])


def parsed_share(result: RunResult) -> float | None:
    """Return the fraction of answers that could be parsed, 0 to 1; None if there are no answers."""
    answers = sum(result.answers.values())
    return sum(result.answers.get(status, 0) for status in PARSED) / answers if answers else None


def invalid_share(result: RunResult) -> float | None:
    """Return the fraction of answers that are no valid answer of the task, 0 to 1: not read, or of an unknown label."""
    answers = sum(result.answers.values())
    return 1 - result.answers.get("OK", 0) / answers if answers else None
