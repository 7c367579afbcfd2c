"""Comparison of two systems on the same test: how much they differ, and whether chance alone explains it.

The overlap of the two intervals does not answer this: both systems answer the same utterances, and where they fail
together the difference is more certain than either score. So the difference itself is resampled.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eartune.evaluation.metrics.confidence import UNKNOWN, drawn_scores, percentile_interval, scores_of_each
from eartune.evaluation.metrics.count_table import CountTable
from eartune.evaluation.metrics.evaluate import (
    Answered,
    Average,
    Mode,
    clusters_of,
    is_scored,
    metric_tables,
    metrics_of,
    refuse_unknown,
    value_of,
)
from eartune.evaluation.metrics.exact_match import is_exact
from eartune.evaluation.metrics.metric import Metrics
from eartune.evaluation.metrics.resampling import Clusters, swapped_sums
from eartune.evaluation.metrics.score import Score

# Differences closer than this are equal: sums in another order differ in their last digits.
_ROUNDING = 1e-12

Drawn = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """The second system's score minus the first's, with its 95 % interval and the p-value of the permutation test."""

    value: float
    low: float
    high: float
    p: float
    first: Score
    second: Score

    @property
    def apart(self) -> bool:
        """Whether the intervals of the two systems do not overlap, which is stricter than p < 0.05."""
        return self.first.high < self.second.low or self.second.high < self.first.low

    def to_json(self) -> dict[str, Any]:
        """Return all fields, and whether the intervals do not overlap."""
        scores = {"first": self.first.to_json(), "second": self.second.to_json()}
        return asdict(self) | scores | {"intervals_apart": self.apart}


class Share(NamedTuple):
    """A system's score as a fraction of another's, with its 95 % interval; it may be above 1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Changes:
    """The numbers of the rows that the second system fixes or breaks, and of those that are wrong in both."""

    fixed: tuple[int, ...]
    broken: tuple[int, ...]
    wrong_in_both: tuple[int, ...]


def compare(
    first: Iterable[Answered],
    second: Iterable[Answered],
    metrics: Metrics | None = None,
    *,
    mode: Mode = "strict",
    average: Average = "micro",
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Difference]:
    """Return the difference in each metric between two systems' answers to the same rows in the same order.

    `metrics` are those of semantic frames by default. The interval is that of a paired bootstrap: both systems are
    scored on the same draws of clusters. p is that of a permutation test (Noreen 1989): each cluster's answers are
    swapped between the systems or not, at random; p is the fraction of 1 + `resamples` such assignments, the real one
    among them, whose difference is at least as large. Raises ValueError if the rows of the systems differ.
    """
    first, second = tuple(first), tuple(second)
    refuse_unknown(mode, average, resamples)
    if not resamples:
        raise ValueError("a comparison needs 1 resample at least")
    _refuse_other_rows(first, second)
    clusters, judged = clusters_of(first), metrics_of(first, metrics)
    one, other = (_tables(rows, clusters, judged, mode, average) for rows in (first, second))
    scored = [sum(is_scored(row, mode) for row in rows) for rows in (first, second)]
    drawn = drawn_scores([*one.values(), *other.values()], clusters.strata, resamples, seed)
    p_values = _permutation_p(one, other, resamples, seed)
    return {
        name: _difference(one[name], other[name], before, after, p, scored)
        for name, before, after, p in zip(one, *np.split(drawn, 2), p_values, strict=True)
    }


def share_of(
    first: Iterable[Answered],
    second: Iterable[Answered],
    metrics: Metrics,
    metric: str,
    *,
    average: Average = "micro",
    resamples: int = 10_000,
    seed: int = 0,
) -> Share | None:
    """Return the first system's score as a fraction of the second's, None if that is 0; both on the same draws.

    Where both systems fail on the same sentences, the fraction is more certain than the intervals of the two scores
    let it seem. Raises ValueError if the rows of the systems differ.
    """
    first, second = tuple(first), tuple(second)
    _refuse_other_rows(first, second)
    clusters, judged = clusters_of(first), {metric: metrics[metric]}
    one, other = (_tables(rows, clusters, judged, "strict", average)[metric] for rows in (first, second))
    if not value_of(other):
        return None
    above, below = drawn_scores([one, other], clusters.strata, resamples, seed)
    value = value_of(one) / value_of(other)
    drawn = np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)
    low, high = percentile_interval(drawn, (0.0, math.inf))
    return Share(value, min(low, value), max(high, value))


def score_covariance(
    systems: Sequence[Iterable[Answered]],
    metrics: Metrics,
    metric: str,
    *,
    average: Average = "micro",
    resamples: int = 2000,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the covariance, shape (systems, systems), of the scores that systems reach on the same rows of one test.

    Systems that answer the same test err together, as far as it is the test that is easy or hard: all are scored on the
    same draws of clusters. Raises ValueError if their rows differ.
    """
    answered = [tuple(rows) for rows in systems]
    for other in answered[1:]:
        _refuse_other_rows(answered[0], other)
    clusters = clusters_of(answered[0])
    tables = [_tables(rows, clusters, {metric: metrics[metric]}, "strict", average)[metric] for rows in answered]
    drawn = drawn_scores(tables, clusters.strata, resamples, seed)
    return np.atleast_2d(np.cov(drawn[:, ~np.isnan(drawn).any(axis=0)]))


def changes(
    first: Sequence[Answered], second: Sequence[Answered], is_right: Callable[[Any, Any], bool] = is_exact
) -> Changes:
    """Return which rows the second system fixes, breaks, or leaves wrong; by default a frame must match exactly."""
    before, after = ([is_right(row.reference, row.predicted) for row in rows] for rows in (first, second))
    pairs = list(zip(before, after, strict=True))

    def places(kind: tuple[bool, bool]) -> tuple[int, ...]:
        return tuple(place for place, pair in enumerate(pairs) if pair == kind)

    return Changes(places((False, True)), places((True, False)), places((False, False)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values of several comparisons, adjusted so that the chance of any false claim stays below the level.

    Holm (1979): the k-th smallest of m is multiplied by m - k + 1, and no value gets below that of a smaller one.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = largest
    return adjusted


def _refuse_other_rows(first: Sequence[Answered], second: Sequence[Answered]) -> None:
    if [(row.reference, row.cluster) for row in first] != [(row.reference, row.cluster) for row in second]:
        raise ValueError("the two systems did not answer the same rows in the same order")


def _tables(
    rows: Sequence[Answered], clusters: Clusters, metrics: Metrics, mode: Mode, average: Average
) -> dict[str, CountTable]:
    """Counts of all clusters, including those that a system did not answer, so that both systems have the same."""
    scored = [place for place, row in enumerate(rows) if is_scored(row, mode)]
    kept = Clusters(clusters.of_row[scored], clusters.strata)
    return metric_tables([rows[place] for place in scored], kept, metrics, average)


def _difference(one: CountTable, other: CountTable, before: Drawn, after: Drawn, p: float, n: list[int]) -> Difference:
    first, second = _score(one, before, n[0]), _score(other, after, n[1])
    value = second.value - first.value
    low, high = percentile_interval(after - before, (-1.0, 1.0))
    return Difference(value, min(low, value), max(high, value), p, first, second)


def _score(table: CountTable, drawn: Drawn, n: int) -> Score:
    value = value_of(table)
    low, high = percentile_interval(drawn, UNKNOWN)
    return Score(value, min(low, value), max(high, value), n)


def _permutation_p(one: dict[str, CountTable], other: dict[str, CountTable], resamples: int, seed: int) -> list[float]:
    same_labels = [_with_labels_of_both(one[name], other[name]) for name in one]
    before = np.concatenate([pair[0].counts for pair in same_labels], axis=1)
    after = np.concatenate([pair[1].counts for pair in same_labels], axis=1)
    tables = [pair[0] for pair in same_labels]
    seen = _apart(
        scores_of_each(before.sum(axis=0)[np.newaxis], tables), scores_of_each(after.sum(axis=0)[np.newaxis], tables)
    )
    as_far = np.zeros(len(tables))
    for swapped_before, swapped_after in swapped_sums(before, after, resamples, seed):
        apart = _apart(scores_of_each(swapped_before, tables), scores_of_each(swapped_after, tables))
        as_far += (apart >= seen - _ROUNDING).sum(axis=1)
    return [float(p) for p in (1 + as_far) / (1 + resamples)]


def _apart(before: Drawn, after: Drawn) -> Drawn:
    apart: Drawn = np.abs(np.nan_to_num(after) - np.nan_to_num(before))
    return apart


def _with_labels_of_both(one: CountTable, other: CountTable) -> tuple[CountTable, CountTable]:
    """Both tables over the union of their labels, so that counts can be swapped between them."""
    labels = tuple(sorted({*one.labels, *other.labels}))
    return one.spread(labels), other.spread(labels)
