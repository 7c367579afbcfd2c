"""Whether a model knows when it is right: reliability of its confidences, and what rejecting unsure answers gains.

confidences 0 to 1, right or not -> reliability -> expected_calibration_error
confidences 0 to 1, right or not -> Rejection -> accuracy of what remains

Neither depends on the order of the answers: equally sure ones are never told apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eartune.errors import InputError
from eartune.evaluation.metrics.power import Z_LEVEL


@dataclass(frozen=True)
class Bin:
    """Answers of about the same confidence: how sure the model is of them, and how many of them are right."""

    n: int
    confidence: float
    """The mean confidence, 0 to 1."""
    right: float
    """The share of right answers, 0 to 1."""
    low: float
    """The lower end of the share's 95 % interval (Wilson's)."""
    high: float
    """The upper end of it."""


def reliability(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> tuple[Bin, ...]:
    """Return bins of about equally many answers, the least sure first.

    Answers of one confidence stay in one bin, that in which their middle lies, so that bins may be uneven, or fewer
    than `bins`. Raises InputError for no answers, for lists of different lengths and for confidences outside 0 to 1.
    """
    groups = _Groups.of(confidences, right)
    middles = np.cumsum(groups.n) - groups.n / 2
    of_group = np.minimum((middles * bins / groups.n.sum()).astype(np.int64), bins - 1)
    found = []
    for one in np.unique(of_group):
        inside = of_group == one
        n, n_right = int(groups.n[inside].sum()), float(groups.right[inside].sum())
        confidence = float((groups.confidence * groups.n)[inside].sum() / n)
        found.append(Bin(n, confidence, n_right / n, *wilson(n_right, n)))
    return tuple(found)


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Return how far confidence is from the share of right answers, 0 to 1: the mean over bins, weighed by answers."""
    return sum(one.n * abs(one.confidence - one.right) for one in bins) / sum(one.n for one in bins)


@dataclass(frozen=True)
class Rejection:
    """The accuracy of what remains if the least sure answers are rejected, as a person or a question back takes them.

    Of equally sure answers of which some are rejected, every one is as likely to be: the accuracy is the expected one.
    """

    kept: NDArray[np.float64]
    """The number of answers that are as sure as each confidence that occurs, or surer; from 0, rising to all."""
    right: NDArray[np.float64]
    """How many of these are right."""

    @classmethod
    def of(cls, confidences: Sequence[float], right: Sequence[bool]) -> "Rejection":
        """Return the curve of some answers; raises InputError as `reliability` does."""
        groups = _Groups.of(confidences, right)
        return cls(*(np.concatenate([[0.0], np.cumsum(counts[::-1])]) for counts in (groups.n, groups.right)))

    @property
    def n(self) -> int:
        """The number of all answers."""
        return int(self.kept[-1])

    def accuracy(self, rejected: float) -> float:
        """Return the accuracy of what remains if a share of the answers is rejected, 0 up to but not 1."""
        if not 0 <= rejected < 1:
            raise InputError(f"a share of {rejected} cannot be rejected; it must be 0 or more, and less than 1")
        return float(self._accuracies(np.array([self.n * (1 - rejected)]))[0])

    def curve(self) -> tuple[tuple[float, float], ...]:
        """Return (share rejected, accuracy of the rest) for each number of rejected answers, none of them first."""
        kept = np.arange(self.n, 0, -1, dtype=np.float64)
        return tuple(zip((1 - kept / self.n).tolist(), self._accuracies(kept).tolist(), strict=True))

    @property
    def area(self) -> float:
        """The mean accuracy over the points of the curve, 0 to 1; that of all answers if confidence tells nothing."""
        return float(np.mean([accuracy for _, accuracy in self.curve()]))

    def _accuracies(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(kept, self.kept, self.right) / kept


def wilson(right: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `n` answers, by Wilson's score, which stays within 0 to 1."""
    share, spread = right / n, Z_LEVEL**2 / n
    half_width = math.sqrt(spread * share * (1 - share) + spread * spread / 4)
    low, high = ((share + spread / 2 + sign * half_width) / (1 + spread) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


@dataclass(frozen=True)
class _Groups:
    """Answers grouped by their confidence, the least sure first; arrays of shape (groups,)."""

    confidence: NDArray[np.float64]
    n: NDArray[np.float64]
    right: NDArray[np.float64]

    @classmethod
    def of(cls, confidences: Sequence[float], right: Sequence[bool]) -> "_Groups":
        if not len(confidences) or len(confidences) != len(right):
            raise InputError(f"there are {len(confidences)} confidences of {len(right)} answers; give one for each")
        sure = np.asarray(confidences, np.float64)
        if not ((sure >= 0) & (sure <= 1)).all():
            wrong = next(value for value in confidences if not 0 <= value <= 1)
            raise InputError(f"the confidence {wrong} is not between 0 and 1")
        distinct, group = np.unique(sure, return_inverse=True)
        counts = np.bincount(group).astype(np.float64)
        return cls(distinct, counts, np.bincount(group, weights=np.asarray(right, np.float64)).astype(np.float64))
