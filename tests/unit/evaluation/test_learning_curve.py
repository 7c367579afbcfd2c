"""The learning curve forecasts what it has not seen, is as uncertain as it should be, and says when it cannot know."""

import math

import numpy as np
import pytest

from eartune.evaluation.learning_curve import FARTHEST, LearningCurve, Measurement

AMOUNTS = (0, 8, 16, 32, 64, 128, 256)


def law(amount: float, start: float = 0.4, begin: float = 10, slope: float = 0.7, floor: float = 0.05) -> float:
    """The score of the law with k = 1."""
    return 1 - start * ((1 - floor) * (1 + amount / begin) ** -slope + floor)


def measured(scores: dict[float, float], deviation: float = 0.01) -> list[Measurement]:
    return [Measurement(amount, score, deviation) for amount, score in scores.items()]


def exact(amounts=AMOUNTS, **parameters: float) -> list[Measurement]:
    return measured({amount: law(amount, **parameters) for amount in amounts})


def test_the_score_of_a_larger_amount_is_forecast() -> None:
    curve = LearningCurve.fit(exact())
    forecast = curve.score(1024)
    assert forecast.value == pytest.approx(law(1024), abs=0.01)
    assert forecast.low < law(1024) < forecast.high


def test_the_curve_begins_at_the_score_without_speech() -> None:
    assert LearningCurve.fit(exact()).score(0).value == pytest.approx(0.6, abs=0.02)


def test_forecasts_hold_for_curves_with_noise_nine_times_in_ten_and_beat_a_line() -> None:
    random = np.random.default_rng(3)
    inside, own, lines = [], [], []
    for _ in range(30):
        truth = {
            "start": random.uniform(0.2, 0.9),
            "begin": math.exp(random.uniform(1, 5)),
            "slope": random.uniform(0.2, 1.2),
            "floor": random.exponential(0.1),
        }
        scores = {n: float(np.clip(law(n, **truth) + random.normal(0, 0.015), 0, 1)) for n in (*AMOUNTS, 512)}
        last = scores.pop(512)
        forecast = LearningCurve.fit(measured(scores, 0.015)).model_score(512, 0.015)
        inside.append(forecast.low <= last <= forecast.high)
        own.append(abs(forecast.value - last))
        line = np.polyfit(np.log(AMOUNTS[1:]), [scores[n] for n in AMOUNTS[1:]], 1)
        lines.append(abs(np.polyval(line, math.log(512)) - last))
    assert np.mean(inside) >= 0.9
    assert np.mean(own) < 0.7 * np.mean(lines)


def test_more_noise_makes_a_wider_interval() -> None:
    sure, unsure = (LearningCurve.fit(measured({n: law(n) for n in AMOUNTS}, d)).score(512) for d in (0.005, 0.05))
    assert unsure.high - unsure.low > 1.5 * (sure.high - sure.low)


def test_one_model_scatters_around_the_curve_and_a_small_test_even_more() -> None:
    curve = LearningCurve.fit(exact())
    spans = [one.high - one.low for one in (curve.score(512), curve.model_score(512), curve.model_score(512, 0.05))]
    assert spans[0] < spans[1] < 0.7 * spans[2]


def test_errors_that_all_amounts_share_do_not_blur_the_gain() -> None:
    """A test that is too easy for one model is too easy for all, which shifts the curve and not its slope."""
    points = measured({n: law(n) for n in AMOUNTS}, 0.04)
    shared = 0.04**2 * (0.95 * np.ones((7, 7)) + 0.05 * np.eye(7))
    alone, together = LearningCurve.fit(points).gain(16, 100), LearningCurve.fit(points, shared).gain(16, 100)
    assert together.high - together.low < 0.8 * (alone.high - alone.low)


def test_a_target_needs_more_than_a_lower_one_and_none_is_named_beyond_the_horizon() -> None:
    curve = LearningCurve.fit(exact())
    assert curve.amount_for(0.8).value == pytest.approx(next(n for n in range(1, 1000) if law(n) >= 0.8), rel=0.15)
    assert curve.amount_for(0.9).value > curve.amount_for(0.8).value
    assert curve.amount_for(0.999).value == math.inf
    assert curve.horizon == FARTHEST * 256
    assert curve.amount_for(0.1).value == 0, "text alone is enough"


def test_a_gain_is_never_a_loss() -> None:
    flat = LearningCurve.fit(measured({0: 0.8, 8: 0.8, 16: 0.81, 32: 0.8, 64: 0.79, 128: 0.8, 256: 0.8}))
    assert flat.gain(256, 256).low >= 0
    assert flat.gain(256, 256).value < 0.015


def test_a_plateau_is_a_limit() -> None:
    curve = LearningCurve.fit(exact(slope=1.5, begin=4, floor=0.5))
    assert curve.limit.value == pytest.approx(0.8, abs=0.02)
    assert curve.limit.high < 0.9


@pytest.mark.parametrize("height", [0.58, 0.6, 0.62, 0.63, 0.9])
def test_a_plateau_is_seen_wherever_it_lies(height: float) -> None:
    """A coarse grid of floors took those between two of them for a slow rise, and advised to record more."""
    curve = LearningCurve.fit(measured({100.0 * 2**n: height for n in range(6)}, 0.005))
    assert curve.score(3200).value == pytest.approx(height, abs=0.01)
    assert curve.gain(3200, 3200).value < 0.005


def test_scores_that_jump_are_called_erratic_and_smooth_ones_are_not() -> None:
    jumping = measured({2.5: 0.06, 5: 0.14, 10: 0.09, 20: 0.61, 50: 0.6})
    falling = measured({0: 0.8, 10: 0.6, 30: 0.45, 100: 0.3})
    assert LearningCurve.fit(jumping).is_erratic
    assert LearningCurve.fit(falling).is_erratic
    assert not LearningCurve.fit(exact()).is_erratic


def test_perfect_scores_and_scores_of_zero_can_be_fitted() -> None:
    curve = LearningCurve.fit(measured({0: 0.0, 10: 0.5, 30: 1.0, 90: 1.0}, 0.0))
    assert 0.9 < curve.score(90).value <= 1
    assert all(map(math.isfinite, (curve.limit.low, curve.limit.high)))


def test_the_same_measurements_give_the_same_forecast() -> None:
    assert LearningCurve.fit(exact()).score(300) == LearningCurve.fit(exact()).score(300)


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({0: 0.5, 10: 0.6}, "3 different amounts, not 2"),
        ({0: 0.5, 10: 0.6, 20: 1.2}, "from 0 to 1"),
        ({-1: 0.5, 10: 0.6, 20: 0.7}, "not be negative"),
    ],
)
def test_what_cannot_be_fitted_is_refused(scores: dict[float, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LearningCurve.fit(measured(scores))


def test_a_deviation_as_wide_as_all_scores_is_refused() -> None:
    """A table of percentages with deviations of 100 ended in "Probabilities contain NaN"."""
    with pytest.raises(ValueError, match="deviations must be from 0 to below 1"):
        LearningCurve.fit(measured({0: 0.5, 10: 0.6, 20: 0.7}, 1.0))
