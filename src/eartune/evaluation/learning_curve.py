"""A learning curve: the score over the amount of speech, fitted so that the score of larger amounts can be forecast.

    error(n) = e0 ((1 - C) (1 + (n / n0)^k)^(-b / k) + C)

e0 is the error without speech, which a text-only model has; n0 the amount from which speech matters; b the slope of the
power law behind it; k how suddenly it begins (1: at once, 4: hardly before n0); C the share of e0 that no amount
removes. The law with k = 1 is a power law that is anchored at n = 0, so that a score without speech is on the curve.

All parameters have weak priors, and their posterior is computed on a grid. Errors are compared as log odds, in which a
point of error counts more where few are left. What the law misses has two terms there: the scatter of each model around
the curve, and the drift of the curve beyond the largest amount measured, which grows with the logarithm of the
distance.

measurements -> posterior on a grid -> draws of possible curves -> scores, gains, amounts for a target, limit
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SLOPES = np.exp(np.linspace(math.log(0.08), math.log(3.0), 14))
SLOPE_MEDIAN, SLOPE_SPREAD = 0.5, 0.6
SUDDENNESS = np.array([1.0, 2.0, 4.0])
SUDDENNESS_PRIOR = np.array([0.6, 0.25, 0.15])
FLOORS = np.linspace(0, 1, 41)  # as fine as that: a plateau between two of them would be taken for a slow rise
FLOOR_MEAN, FLOOR_ANYWHERE = 0.07, 0.012  # an exponential prior, and a little for curves that soon end or never begin
STARTS = 14  # values of n0, from a 30th of the smallest amount to the largest
NEAR_MEASURED = np.array([0.85, 0.93, 1.0, 1.07, 1.15])  # e0, as a multiple of the measured error without speech
UNKNOWN_START = np.array([0.3, 0.45, 0.6, 0.75, 0.9, 1.0])  # e0 where none was measured
SCATTER = np.array([0.05, 0.15, 0.3, 0.5])  # standard deviation of a model around the curve, in log odds
SCATTER_PRIOR = np.array([0.25, 0.35, 0.25, 0.15])
DRIFT = 0.4  # standard deviation, in log odds, at e times the largest amount
DRAWS = 4000
EPSILON = 2e-3  # errors of 0 and 1 have no log odds
LEAST_DEVIATION = 0.005  # of a measured score: no test is so large that half a point means something

FARTHEST = 5
"""The multiple of the largest amount measured beyond which nothing is forecast."""

FEWEST = 3
"""The number of different amounts that a fit needs; 0 may be one of them."""

ERRATIC = 0.33
"""The scatter, in log odds, from which measurements do not follow any learning curve. It is a quarter to a half of all
errors, up or down."""


@dataclass(frozen=True)
class Measurement:
    """A score of 0 to 1 that a model trained on `amount` of speech has, and the standard error of its measurement."""

    amount: float
    score: float
    deviation: float


@dataclass(frozen=True)
class Forecast:
    """The median of a forecast and the ends of its 95 % interval; math.inf where it lies beyond the horizon."""

    value: float
    low: float
    high: float


class LearningCurve:
    """Draws from the posterior of the law; each of them is one possible curve.

    `largest` is the largest amount measured, `horizon` the amount up to which forecasts are made.
    """

    def __init__(self, grid: "_Grid", posterior: Array, measurements: Sequence[Measurement]) -> None:
        random = np.random.default_rng(0)
        scatter, place = np.divmod(random.choice(posterior.size, DRAWS, p=posterior.ravel()), posterior.shape[1])
        self._law = grid.at(place)
        self._scatter = SCATTER[scatter]
        self._drift = DRIFT * random.standard_normal(DRAWS)
        self._noise = random.standard_normal((2, DRAWS))
        self.measurements = tuple(measurements)
        self.largest = max(one.amount for one in measurements)
        self.horizon = FARTHEST * self.largest

    @classmethod
    def fit(cls, measurements: Sequence[Measurement], covariance: Array | None = None) -> "LearningCurve":
        """Return the curve of measurements at three or more different amounts; one of them at 0 makes it more certain.

        `covariance`, shape (measurements, measurements), is that of the errors of measurement, where it is known:
        models that answer the same test err together. Raises ValueError for fewer amounts, and for values out of range.
        """
        amounts = {one.amount for one in measurements}
        if len(amounts) < FEWEST:
            raise ValueError(f"a learning curve needs scores at {FEWEST} different amounts, not {len(amounts)}")
        if any(not 0 <= one.score <= 1 or one.amount < 0 for one in measurements):
            raise ValueError("amounts must not be negative, and scores must be from 0 to 1")
        if any(not 0 <= one.deviation < 1 for one in measurements):
            raise ValueError("deviations must be from 0 to below 1, as scores are from 0 to 1")
        grid = _Grid.around(measurements)
        return cls(grid, _posterior(grid, measurements, covariance), measurements)

    def score(self, amount: float) -> Forecast:
        """Return the score of the curve at an amount: the mean of many models that are trained on so much speech."""
        return _forecast(1 - self._errors(amount))

    def model_score(self, amount: float, deviation: float = 0.0) -> Forecast:
        """Return the score of one model at an amount, measured with a standard error; it scatters around the curve."""
        odds = self._log_odds(amount) + self._scatter * self._noise[0]
        error = _probability(odds)
        if deviation:
            odds = odds + self._noise[1] * max(deviation, LEAST_DEVIATION) / float(np.median(_slope(error)))
        return _forecast(1 - _probability(odds))

    def gain(self, start: float, more: float) -> Forecast:
        """Return how much the curve rises from an amount to `more` above it."""
        return _forecast(self._errors(start) - self._errors(start + more))

    def amount_for(self, target: float) -> Forecast:
        """Return the least amount at which the curve reaches a score; math.inf where that is beyond the horizon."""
        smallest = min(one.amount for one in self.measurements if one.amount > 0)
        amounts = np.array([0.0, *np.geomspace(smallest / 10, self.horizon, 300)])
        most = 1 - clipped(target) + 1e-9  # the error of a curve at its end is rounded
        reached = np.stack([self._errors(amount) <= most for amount in amounts], axis=1)
        first = np.where(reached.any(axis=1), amounts[reached.argmax(axis=1)], math.inf)
        low, value, high = np.sort(first)[[int(DRAWS * part) for part in (0.025, 0.5, 0.975)]]
        return Forecast(float(value), float(low), float(high))

    @property
    def limit(self) -> Forecast:
        """The score that no amount of speech passes."""
        return _forecast(1 - self._law.start * self._law.floor)

    @property
    def scatter(self) -> float:
        """The standard deviation of models around the curve, in log odds: the mean of its posterior."""
        return float(self._scatter.mean())

    @property
    def is_erratic(self) -> bool:
        """Whether the measurements jump or fall by more than chance, so that no law can forecast the next."""
        return self.scatter >= ERRATIC

    def _errors(self, amount: float) -> Array:
        return _probability(self._log_odds(amount))

    def _log_odds(self, amount: float) -> Array:
        odds = _log_odds(self._law.errors(amount))
        if amount <= self.largest:
            return odds
        drifted = odds + math.log(amount / self.largest) * self._drift
        return np.minimum(drifted, _log_odds(self._law.errors(self.largest)))  # more speech does no harm on average


@dataclass(frozen=True)
class _Grid:
    """Values of the law's parameters, one of each a place, and the logarithm of their prior; all of one shape."""

    slope: Array
    begin: Array
    floor: Array
    suddenness: Array
    start: Array
    prior: Array

    @classmethod
    def around(cls, measurements: Sequence[Measurement]) -> "_Grid":
        """Return a grid that is wide enough for the amounts of the measurements."""
        amounts = [one.amount for one in measurements if one.amount > 0]
        at_zero = [1 - one.score for one in measurements if one.amount == 0]
        begins = np.geomspace(min(amounts) / 30, max(amounts), STARTS)
        starts = np.minimum(NEAR_MEASURED * float(np.mean(at_zero)), 1.0) if at_zero else UNKNOWN_START
        axes = np.meshgrid(SLOPES, begins, FLOORS, np.arange(len(SUDDENNESS)), starts, indexing="ij")
        slope, begin, floor, sudden, start = (axis.ravel() for axis in axes)
        sudden = sudden.astype(np.int64)
        prior = -0.5 * (np.log(slope / SLOPE_MEDIAN) / SLOPE_SPREAD) ** 2
        prior += np.log(np.exp(-floor / FLOOR_MEAN) + FLOOR_ANYWHERE) + np.log(SUDDENNESS_PRIOR[sudden])
        return cls(slope, begin, floor, SUDDENNESS[sudden], start, prior)

    def at(self, place: NDArray[np.int64]) -> "_Grid":
        """Return the values at the given places."""
        columns = (self.slope, self.begin, self.floor, self.suddenness, self.start, self.prior)
        return _Grid(*(column[place] for column in columns))

    def errors(self, amount: float) -> Array:
        """Return the error of the law at an amount, one for each place."""
        falling = (1 + (amount / self.begin) ** self.suddenness) ** (-self.slope / self.suddenness)
        return self.start * ((1 - self.floor) * falling + self.floor)


def clipped(score: float) -> float:
    """Return a score as a curve can have it: a forecast of 1 or 0 has no log odds, and is never made."""
    return min(max(score, EPSILON), 1 - EPSILON)


def _posterior(grid: _Grid, measurements: Sequence[Measurement], covariance: Array | None) -> Array:
    """The probability of each place on the grid under each scatter, shape (scatters, places)."""
    errors = np.clip([1 - one.score for one in measurements], EPSILON, 1 - EPSILON)
    deviations = np.maximum([one.deviation for one in measurements], LEAST_DEVIATION)
    shared = np.zeros((len(errors), len(errors))) if covariance is None else covariance
    covariance = shared + np.diag(np.maximum(deviations**2 - np.diag(shared), 0))  # seeds differ beside the test
    slopes = _slope(np.clip(errors, deviations, 1 - deviations))  # an error of 0 is as sure as one of a deviation
    in_log_odds = covariance / np.outer(slopes, slopes)
    missed = np.stack(
        [odds - _log_odds(grid.errors(one.amount)) for one, odds in zip(measurements, _log_odds(errors), strict=True)]
    )
    likelihoods = []
    for scatter, prior in zip(SCATTER, SCATTER_PRIOR, strict=True):
        root = np.linalg.cholesky(in_log_odds + scatter**2 * np.eye(len(errors)))
        whitened = np.linalg.solve(root, missed)
        likelihoods.append(-0.5 * (whitened**2).sum(axis=0) - np.log(np.diag(root)).sum() + math.log(prior))
    logs = np.stack(likelihoods) + grid.prior
    weights: Array = np.exp(logs - logs.max())
    weights /= weights.sum()
    return weights


def _log_odds(probability: Array) -> Array:
    clipped = np.clip(probability, EPSILON, 1 - EPSILON)
    return np.log(clipped / (1 - clipped))


def _probability(log_odds: Array) -> Array:
    return 1 / (1 + np.exp(-log_odds))


def _slope(probability: Array) -> Array:
    """The change of a probability per unit of its log odds."""
    return probability * (1 - probability)


def _forecast(values: Array) -> Forecast:
    low, value, high = np.quantile(values, (0.025, 0.5, 0.975))
    return Forecast(float(value), float(low), float(high))
