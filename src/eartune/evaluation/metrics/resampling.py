"""Resampling of clusters: draws with replacement, and random swaps between two systems.

Recordings of one sentence tend to be right or wrong together, so whole sentences are drawn, not recordings; on SLURP
this makes intervals about twice as wide as if all recordings were independent.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eartune.errors import InputError
from eartune.evaluation.metrics.count_table import Counts

# Draws are made in chunks to limit memory: 128 x 13,078 clusters are 13 MB for each array.
_CHUNK = 128
# A column with counts in a larger fraction of clusters than this is summed by a matrix product.
_DENSE = 0.03

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """The cluster of each row; clusters of one stratum have consecutive numbers and are drawn from that stratum."""

    of_row: NDArray[np.int64]
    """The number of each row's cluster, shape (rows,)."""
    strata: tuple[int, ...]
    """The number of clusters in each stratum."""

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str]]) -> "Clusters":
        """Return the clusters of rows (cluster, stratum), numbered by name, so that draws do not depend on their order.

        Raises InputError for a cluster in two strata.
        """
        names = list(rows)
        stratum_of: dict[str, str] = {}
        for cluster, stratum in names:
            if stratum_of.setdefault(cluster, stratum) != stratum:
                raise InputError(f"{cluster!r} is in two strata, {stratum_of[cluster]!r} and {stratum!r}")
        ordered = sorted(stratum_of, key=lambda cluster: (stratum_of[cluster], cluster))
        places = {cluster: place for place, cluster in enumerate(ordered)}
        in_order = [stratum_of[cluster] for cluster in ordered]
        sizes = tuple(in_order.count(stratum) for stratum in dict.fromkeys(in_order))
        return cls(np.array([places[cluster] for cluster, _ in names], np.int64), sizes)

    @property
    def count(self) -> int:
        """The number of clusters in all strata together."""
        return sum(self.strata)


def drawn_sums(counts: Counts, strata: Sequence[int], resamples: int, seed: int) -> Iterator[Counts]:
    """Yield sums over clusters drawn with replacement within strata: (clusters, ...) -> chunks of (draws, ...)."""
    random = np.random.default_rng(seed)
    weigh = _weighted_sums(counts.reshape(len(counts), math.prod(counts.shape[1:])))
    for draws in _chunks(resamples):
        yield weigh(_times_drawn(random, draws, strata)).reshape(draws, *counts.shape[1:])


def swapped_sums(one: Counts, other: Counts, resamples: int, seed: int) -> Iterator[tuple[Counts, Counts]]:
    """Yield the sums of two systems after each cluster is swapped between them with probability 1/2."""
    random = np.random.default_rng(seed)
    weigh = _weighted_sums((other - one).reshape(len(one), -1))
    for draws in _chunks(resamples):
        moved = weigh(_coins(random, draws, len(one))).reshape(draws, *one.shape[1:])
        yield one.sum(axis=0) + moved, other.sum(axis=0) - moved


def _chunks(resamples: int) -> list[int]:
    return [min(_CHUNK, resamples - start) for start in range(0, resamples, _CHUNK)]


def _times_drawn(random: np.random.Generator, draws: int, strata: Sequence[int]) -> Weights:
    """The number of times each cluster is drawn, shape (draws, clusters); each row sums to the number of clusters."""
    total = sum(strata)
    ends = np.cumsum(strata)
    drawn = [random.integers(end - size, end, size=(draws, size)) for end, size in zip(ends, strata, strict=True)]
    cells = np.concatenate(drawn, axis=1) if drawn else np.zeros((draws, 0), np.int64)
    cells += total * np.arange(draws)[:, np.newaxis]  # one bin per draw and cluster
    return np.bincount(cells.ravel(), minlength=draws * total).reshape(draws, total).astype(np.float64)


def _coins(random: np.random.Generator, draws: int, clusters: int) -> Weights:
    """Zeros and ones with equal probability, shape (draws, clusters)."""
    bits = np.frombuffer(random.bytes(draws * (clusters // 8 + 1)), np.uint8).reshape(draws, -1)
    return np.unpackbits(bits, axis=1, count=clusters).astype(np.float64)


def _weighted_sums(flat: Weights) -> Callable[[Weights], Weights]:
    """A function from weights (draws, clusters) to the weighted sums of the columns of `flat` (clusters, columns).

    Most labels occur in few clusters, and only those few are added up; one matrix product over all of them would
    take ten times as long on SLURP's macro averages.
    """
    filled = np.count_nonzero(flat, axis=0) / max(1, len(flat))
    dense = np.flatnonzero(filled > _DENSE)
    rare = np.flatnonzero((filled > 0) & (filled <= _DENSE))
    dense_part, rare_part = flat[:, dense], flat[:, rare]
    columns, rows = np.nonzero(rare_part.T)
    values = rare_part[rows, columns]
    starts = np.flatnonzero(np.diff(columns, prepend=-1))

    def sums(weights: Weights) -> Weights:
        found = np.zeros((len(weights), flat.shape[1]))
        found[:, dense] = weights @ dense_part
        if len(rare):
            found[:, rare] = np.add.reduceat(weights[:, rows] * values, starts, axis=1)
        return found

    return sums
