"""Confidence intervals of scores: a bootstrap over clusters within one run, and Student's t between seeds."""

import math
from collections.abc import Hashable, Iterable, Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from eartune.evaluation.metrics.count_table import Counts, CountTable
from eartune.evaluation.metrics.resampling import drawn_sums
from eartune.evaluation.metrics.score import Score

Interval = tuple[float, float]
Seeds = tuple[Hashable, Hashable]  # of the training of a run, and of its selection of speech
UNKNOWN = (0.0, 1.0)

# Student's t for a two-sided 95 % interval, by degrees of freedom from 1.
_STUDENT_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def score_intervals(tables: Sequence[CountTable], strata: Sequence[int], resamples: int, seed: int) -> list[Interval]:
    """Return the 95 % percentile interval of each table's score; all tables use the same draws of clusters.

    A draw in which a table has no counts is left out, and so are labels without counts from a draw's mean, since the
    macro average is one over the labels that occur. Without resamples every interval is 0 to 1.
    """
    if not resamples:
        return [UNKNOWN] * len(tables)
    return [percentile_interval(values, UNKNOWN) for values in drawn_scores(tables, strata, resamples, seed)]


def drawn_scores(tables: Sequence[CountTable], strata: Sequence[int], resamples: int, seed: int) -> Counts:
    """Return the scores of all tables in the same draws of clusters, shape (tables, draws); NaN without any count."""
    joined = np.concatenate([table.counts for table in tables], axis=1)
    drawn = [scores_of_each(sums, tables) for sums in drawn_sums(joined, strata, resamples, seed)]
    return np.concatenate(drawn, axis=1)


def scores_of_each(sums: Counts, tables: Sequence[CountTable]) -> Counts:
    """Return the score of each table, from sums joined along the labels: (draws, labels, 3) -> (tables, draws)."""
    borders = np.cumsum([len(table.labels) for table in tables])[:-1]
    return np.stack([table.ratio(part) for table, part in zip(tables, np.split(sums, borders, axis=1), strict=True)])


def percentile_interval(values: NDArray[np.float64], unknown: Interval) -> Interval:
    """Return the middle 95 % of the values without NaN; `unknown` if all are NaN."""
    known = values[~np.isnan(values)]
    if not len(known):
        return unknown
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def over_seeds(scores: Sequence[Score], seeds: Sequence[Seeds] | None = None) -> Score:
    """Return the mean score over seeds; its interval covers the uncertainty of the test set and of the seeds.

    The half-width is sqrt(h^2 + s^2): h is the mean half-width of the runs' intervals, s is Student's t times the
    standard error between the runs, 0 for a single run. `seeds` are those of each run, as `between_runs` takes them;
    without them all runs are independent.
    """
    if not scores:
        raise ValueError("a mean over seeds needs the score of one run at least")
    values = [score.value for score in scores]
    value = float(np.mean(values))
    within = float(np.mean([(score.high - score.low) / 2 for score in scores]))
    half_width = math.hypot(within, between_seeds(values) if seeds is None else between_runs(values, seeds))
    return Score(
        value=value,
        low=max(0.0, value - half_width),
        high=min(1.0, value + half_width),
        n=scores[0].n,
        precision=_mean(score.precision for score in scores),
        recall=_mean(score.recall for score in scores),
    )


def between_runs(values: Sequence[float], seeds: Sequence[Seeds]) -> float:
    """Return the half-width of the mean of runs that may share a seed of training or a selection of speech.

    Runs that share one err together, so that no single run is a draw of its own: it is the larger of the half-widths
    over the means of each training seed and over those of each selection. Where all runs differ in one of the two
    alone, that is their `between_seeds`.
    """
    return max(between_seeds(_means_of_groups(values, names)) for names in zip(*seeds, strict=True))


def _means_of_groups(values: Sequence[float], names: Sequence[Hashable]) -> list[float]:
    """The mean of the values of each name, in the order of the names."""
    groups: dict[Hashable, list[float]] = {}
    for value, name in zip(values, names, strict=True):
        groups.setdefault(name, []).append(value)
    return [fmean(group) for group in groups.values()]


def between_seeds(values: Sequence[float]) -> float:
    """Return the half-width of the mean of independent runs: Student's t times the standard error; 0 for one run."""
    freedom = len(values) - 1
    if not freedom:
        return 0.0
    student_t = _STUDENT_T[freedom - 1] if freedom <= len(_STUDENT_T) else 1.96
    return student_t * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def _mean(values: Iterable[float | None]) -> float | None:
    listed = list(values)
    known = [value for value in listed if value is not None]
    return float(np.mean(known)) if len(known) == len(listed) else None
