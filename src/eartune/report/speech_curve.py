"""The learning curve of each scheme over its budgets, with a check of how well it forecasts.

rows -> a measurement without speech and one a budget, with their common errors -> LearningCurve -> Hindsight
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eartune.evaluation.learning_curve import FEWEST, Forecast, LearningCurve, Measurement, clipped
from eartune.evaluation.metrics import score_covariance
from eartune.evaluation.metrics.power import Z_LEVEL
from eartune.report.answers import RunAnswers
from eartune.report.scheme_result import SchemeResult
from eartune.wording import listed

BUDGETS = 3
"""The number of different budgets that a forecast needs, beside the score without speech."""


@dataclass(frozen=True)
class Hindsight:
    """What the same fit, without the largest budget, forecasts for it, and what was measured there."""

    budget: str
    forecast: Forecast
    measured: float

    @property
    def is_inside(self) -> bool:
        """Whether the measured score lies in the interval of the forecast."""
        return self.forecast.low <= clipped(self.measured) <= self.forecast.high


@dataclass(frozen=True)
class SpeechCurve:
    """The learning curve of a scheme over the number of recordings, from the score of its reference without any."""

    scheme: str
    """The label of the scheme."""
    name: str
    """The name of the scheme inside a sentence."""
    curve: LearningCurve
    hindsight: Hindsight | None
    """None where too few amounts are left without the largest."""
    hours_of_one: float | None = None
    """The mean length of one recording in hours, if it is known."""
    unit: str = "recording"
    """What amounts of speech are counted in, in the singular."""

    @property
    def amount(self) -> float:
        """The largest amount that was measured."""
        return self.curve.largest

    @property
    def score(self) -> float:
        """The best score that was measured at that amount."""
        return max(one.score for one in self.curve.measurements if one.amount == self.amount)


@dataclass(frozen=True)
class Fits:
    """The curves of all schemes that have one, the best first, and the reasons why others have none."""

    curves: tuple[SpeechCurve, ...]
    missing: tuple[str, ...]

    def of(self, rows: Sequence[SchemeResult]) -> "Fits":
        """Return those of the schemes of some rows, such as those of one architecture, without the reasons."""
        schemes = {row.scheme for row in rows}
        return Fits(tuple(one for one in self.curves if one.scheme in schemes), ())


def fit_schemes(rows: Sequence[SchemeResult], metric: str, answers: RunAnswers | None) -> Fits:
    """Fit the curve of each scheme with budgets; where there is none, the reason says what to add to the YAML."""
    curves, missing = [], []
    short: dict[int, list[str]] = {}
    for scheme in dict.fromkeys(row.scheme for row in rows if row.budget is not None):
        spoken = [row for row in rows if row.scheme == scheme and row.budget is not None and row.score(metric)]
        reference = _reference(rows, spoken, metric)
        if (different := len({_recordings(row) for row in spoken})) < BUDGETS:
            name = next(row.prose_name for row in rows if row.scheme == scheme)
            short.setdefault(different, []).append(name)
        elif reference is None:
            missing.append(_no_reference(spoken[0]))
        else:
            curves.append(_fit((reference, *spoken), metric, answers))
    best = sorted(curves, key=lambda one: -one.curve.score(one.curve.largest).value)
    return Fits(tuple(best), (*(_more_budgets(names, finished) for finished, names in short.items()), *missing))


def _fit(rows: Sequence[SchemeResult], metric: str, answers: RunAnswers | None) -> SpeechCurve:
    """The curve of a reference, the first row, and of budgets."""
    measured = [_measurement(row, metric) for row in rows]
    covariance = _covariance(rows, metric, answers)
    budgets = {one.amount: str(row.budget) for row, one in zip(rows, measured, strict=True)}
    hours = sum(row.mean(lambda one: one.speech_hours) or 0.0 for row in rows)
    return SpeechCurve(
        scheme=rows[1].scheme,
        name=rows[1].prose_name,
        curve=LearningCurve.fit(measured, covariance),
        hindsight=look_back(measured, budgets, covariance),
        hours_of_one=hours / sum(one.amount for one in measured),
    )


def look_back(
    measured: Sequence[Measurement], names: Mapping[float, str], covariance: NDArray[np.float64] | None = None
) -> Hindsight | None:
    """Forecast the score of the largest amount from the others; None if there are too few. `names` are the amounts'."""
    largest = max(measured, key=lambda one: one.amount)
    kept = [place for place, one in enumerate(measured) if one.amount < largest.amount]
    if len({measured[place].amount for place in kept}) < FEWEST:
        return None
    among = None if covariance is None else covariance[np.ix_(kept, kept)]
    before = LearningCurve.fit([measured[place] for place in kept], among)
    return Hindsight(names[largest.amount], before.model_score(largest.amount, largest.deviation), largest.score)


def _measurement(row: SchemeResult, metric: str) -> Measurement:
    score = row.score(metric)
    if score is None:
        raise ValueError(f"{row.scheme} {row.budget} has no score {metric}")
    return Measurement(_recordings(row), score.value, (score.high - score.low) / (2 * Z_LEVEL))


def _recordings(row: SchemeResult) -> float:
    return row.mean(lambda result: float(result.recordings)) or 0.0


def _covariance(rows: Sequence[SchemeResult], metric: str, answers: RunAnswers | None) -> NDArray[np.float64] | None:
    """The covariance of the rows' scores over draws of test sentences, each row's being the mean of its seeds.

    None where the answers are not at hand; the rows' intervals then have to do, as if the rows were independent.
    """
    cells = [(place, result) for place, row in enumerate(rows) for result in row.finished if metric in result.scores]
    answered = [answers.answered(result) for _, result in cells] if answers else []
    if not answers or not all(answered):
        return None
    mean = np.zeros((len(rows), len(cells)))
    for column, (place, _) in enumerate(cells):
        mean[place, column] = 1.0
    mean /= mean.sum(axis=1, keepdims=True)
    return mean @ score_covariance(answered, answers.metrics, metric) @ mean.T


def _reference(rows: Sequence[SchemeResult], spoken: Sequence[SchemeResult], metric: str) -> SchemeResult | None:
    """The row without recordings at which a scheme's curve begins: text alone, or synthetic speech if it uses that.

    Of several runs on one page, that of the scheme's own run is taken.
    """
    role = "synthetic reference" if spoken and uses_synthetic(spoken[0]) else "text reference"
    found = [row for row in rows if row.role == role and row.budget is None and row.score(metric)]
    found = [row for row in found if row.architecture == spoken[0].architecture] if spoken else found
    run = Path(spoken[0].cells[0].name).parent if spoken else None
    return min(found, key=lambda row: Path(row.cells[0].name).parent != run, default=None)


def uses_synthetic(row: SchemeResult) -> bool:
    """Return whether a scheme with budgets also trains on synthetic speech."""
    return bool(scheme_settings(row).get("synthetic"))


def scheme_settings(row: SchemeResult) -> dict[str, Any]:
    """Return the settings of a row's scheme, as far as its results hold them."""
    grid = row.cells[0].settings.get("grid", {})
    schemes: list[dict[str, Any]] = grid.get("schemes", [])
    return next((one for one in schemes if (one.get("name") or one.get("type")) == row.label), {})


def _more_budgets(names: list[str], finished: int) -> str:
    have = "it has" if len(names) == 1 else "they have"
    return (
        f"No forecast for {listed(names)}: {have} scores at {finished} of the {BUDGETS} budgets that a forecast needs; "
        "add more to grid.budgets in the YAML, each about three times the one before, such as [10%, 30%, 100%]."
    )


def _no_reference(row: SchemeResult) -> str:
    kind = "synthetic-speech" if uses_synthetic(row) else "text-only"
    return (
        f"No forecast for {row.prose_name}: its score without recordings is missing; add `type: {kind}` to "
        "grid.schemes in the YAML."
    )
