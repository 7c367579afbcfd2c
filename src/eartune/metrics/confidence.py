"""How sure a score is: a bootstrap over clusters within one run, and Student's t between seeds.

Recordings of one sentence are right or wrong together, so whole sentences are drawn again, not recordings; on SLURP
that makes the interval about twice as wide as if every recording were news.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from eartune.metrics.score import Score
from eartune.metrics.table import Table, f1

Interval = tuple[float, float]

# Drawing in chunks bounds the memory: 256 x 4,000 clusters are 8 MB an array.
_CHUNK = 256

# Student's t for a two-sided 95 % interval, by degrees of freedom from 1.
_STUDENT_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def f1_intervals(tables: Sequence[Table], resamples: int, seed: int) -> list[Interval]:
    """The 95 % percentile interval of each table's F1, all tables from the same draws of clusters.

    A draw in which a table has nothing to count says nothing and is left out. Labels that a draw does not meet are
    left out of its mean, since the macro average is one over the labels seen.
    """
    joined = np.concatenate(tables, axis=1)
    borders = np.cumsum([table.shape[1] for table in tables])[:-1]
    drawn = [
        [f1(sums) for sums in np.split(chunk, borders, axis=1)] for chunk in _resampled_sums(joined, resamples, seed)
    ]
    return [_percentiles(np.concatenate(values)) for values in zip(*drawn, strict=True)]


def over_seeds(scores: Sequence[Score]) -> Score:
    """The mean of one cell's runs; its interval holds what the test set and what the seed leaves uncertain.

    The half-width is sqrt(h^2 + s^2): h is the mean half-width of the runs' own intervals, s is Student's t times the
    standard error between the runs, 0 for a single one.
    """
    if not scores:
        raise ValueError("a mean over seeds needs the score of one run at least")
    value = float(np.mean([score.value for score in scores]))
    within = float(np.mean([(score.high - score.low) / 2 for score in scores]))
    half_width = math.hypot(within, _between_seeds([score.value for score in scores]))
    return Score(
        value=value,
        low=max(0.0, value - half_width),
        high=min(1.0, value + half_width),
        n=scores[0].n,
        precision=_mean([score.precision for score in scores]),
        recall=_mean([score.recall for score in scores]),
    )


def _resampled_sums(table: Table, resamples: int, seed: int) -> Iterator[Table]:
    """Sums over clusters drawn with replacement, shape (draws of this chunk, labels, 3)."""
    clusters, labels, _ = table.shape
    if not clusters:
        yield np.zeros((resamples, labels, 3))
        return
    random = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        times = _times_drawn(random, min(_CHUNK, resamples - start), clusters)
        yield (times @ table.reshape(clusters, -1)).reshape(-1, labels, 3)


def _times_drawn(random: np.random.Generator, draws: int, clusters: int) -> NDArray[np.float64]:
    """How often each cluster is in each draw; a row sums to the number of clusters."""
    drawn = random.integers(clusters, size=(draws, clusters))
    drawn += clusters * np.arange(draws)[:, np.newaxis]  # one bin per draw and cluster
    return np.bincount(drawn.ravel(), minlength=draws * clusters).reshape(draws, clusters).astype(np.float64)


def _percentiles(values: NDArray[np.float64]) -> Interval:
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 1.0  # nothing was counted, so any value is as likely as any other
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def _between_seeds(values: Sequence[float]) -> float:
    freedom = len(values) - 1
    if not freedom:
        return 0.0
    student_t = _STUDENT_T[freedom - 1] if freedom <= len(_STUDENT_T) else 1.96
    return student_t * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
