"""Rank correlation over a few items, such as target languages: Spearman's rho, its interval, and an exact p."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

FEWEST = 4
"""With three items even a perfect order has a p of 1/3."""
MOST_PERMUTED, DRAWS = 8, 20_000
"""Up to so many items all orders are tried; for more, so many are drawn."""
RESAMPLES = 2_000

Ranks = NDArray[np.float64]


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rho of two lists, -1 to 1, with a 95 % interval over items and the two-sided p of permutations."""

    rho: float
    low: float
    high: float
    p: float
    n: int


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> RankCorrelation | None:
    """Return the rank correlation of two lists of figures of the same items; None for too few, or without any order.

    The interval is the middle 95 % of a bootstrap over items, which with so few says little more than how much hangs on
    single ones; draws in which either list has one rank alone are left out. p is the share of all orders of the second
    list, or of draws, whose rho is at least as far from 0. Raises ValueError if the lists differ in length.
    """
    if len(one) != len(other):
        raise ValueError("a rank correlation is of two lists of the same items")
    first, second = np.array(one, np.float64), np.array(other, np.float64)
    if len(first) < FEWEST or len(set(one)) == 1 or len(set(other)) == 1:
        return None
    rho = spearman(first, second)
    low, high = _interval(first, second)
    return RankCorrelation(rho, min(low, rho), max(high, rho), _p(first, second, rho), len(first))


def spearman(one: Ranks, other: Ranks) -> float:
    """Return Spearman's rho: the correlation of ranks, of which equal figures share the mean."""
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])


def ranks(values: Ranks) -> Ranks:
    """Return the ranks from 1; equal values have the mean of their ranks."""
    below = (values[None, :] < values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1)
    return np.asarray(below + (equal + 1) / 2, np.float64)


def _interval(one: Ranks, other: Ranks) -> tuple[float, float]:
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(one), size=(RESAMPLES, len(one)))
    several = [row for row in drawn if len(set(one[row])) > 1 and len(set(other[row])) > 1]
    low, high = np.quantile([spearman(one[row], other[row]) for row in several], (0.025, 0.975))
    return float(low), float(high)


def _p(one: Ranks, other: Ranks, rho: float) -> float:
    first, second = _standardised(ranks(one)), _standardised(ranks(other))
    seen = abs(rho) - 1e-12  # sums in another order differ in their last digits
    if len(one) <= MOST_PERMUTED:
        orders = np.array(list(permutations(second)))
        return float((np.abs(orders @ first) >= seen).mean())
    random = np.random.default_rng(0)
    orders = np.array([random.permutation(second) for _ in range(DRAWS)])
    return float((1 + (np.abs(orders @ first) >= seen).sum()) / (1 + DRAWS))


def _standardised(values: Ranks) -> Ranks:
    """The values with mean 0 and length 1, so that a product of two such lists is their correlation."""
    centred = values - values.mean()
    return np.asarray(centred / np.linalg.norm(centred), np.float64)
