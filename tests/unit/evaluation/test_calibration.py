"""Calibration of confidences, against values worked out by hand."""

import random

import pytest

from eartune.errors import InputError
from eartune.evaluation.calibration import Rejection, expected_calibration_error, reliability, wilson

CONFIDENCES = (0.9, 0.2, 0.8, 0.6, 0.4, 1.0)
RIGHT = (True, False, True, False, True, True)


def test_bins_hold_equally_many_answers_the_least_sure_first() -> None:
    low, middle, high = reliability(CONFIDENCES, RIGHT, bins=3)
    assert [(one.n, one.right) for one in (low, middle, high)] == [(2, 0.5), (2, 0.5), (2, 1.0)]
    assert [one.confidence for one in (low, middle, high)] == pytest.approx([0.3, 0.7, 0.95])
    assert (low.low, low.high) == pytest.approx(wilson(1, 2))


def test_the_calibration_error_is_the_mean_distance_weighed_by_answers() -> None:
    assert expected_calibration_error(reliability(CONFIDENCES, RIGHT, bins=3)) == pytest.approx((0.2 + 0.2 + 0.05) / 3)
    uneven = reliability([0.5, 0.5, 0.5, 1.0], [True, False, False, True], bins=2)
    assert [one.n for one in uneven] == [3, 1]
    assert expected_calibration_error(uneven) == pytest.approx((3 * (0.5 - 1 / 3) + 0) / 4)


def test_wilsons_interval_has_the_published_values() -> None:
    """Newcombe 1998 (Statistics in Medicine 17), table I, method 3."""
    for (right, n), published in {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }.items():
        assert wilson(right, n) == pytest.approx(published, abs=5e-5)
    assert wilson(20, 20)[1] == 1.0


def test_the_least_sure_are_rejected_first() -> None:
    """From the surest on: right, right, right, wrong (0.6), right (0.4), wrong (0.2)."""
    rejection = Rejection.of(CONFIDENCES, RIGHT)
    assert [accuracy for _, accuracy in rejection.curve()] == pytest.approx([4 / 6, 4 / 5, 3 / 4, 1, 1, 1])
    assert [rejected for rejected, _ in rejection.curve()] == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    assert rejection.area == pytest.approx((4 / 6 + 4 / 5 + 3 / 4 + 3) / 6)
    assert rejection.accuracy(0.5) == 1.0 and rejection.accuracy(0) == pytest.approx(4 / 6)


def test_between_two_answers_a_share_of_one_is_rejected() -> None:
    """10 % of 6 is 0.6 of the least sure, which is wrong: 4 right of 5.4."""
    assert Rejection.of(CONFIDENCES, RIGHT).accuracy(0.1) == pytest.approx(4 / 5.4)


def test_equally_sure_answers_are_rejected_evenly_whatever_their_order() -> None:
    """Of four answers with 0.5 one is right; one of them is expected to be rejected, which takes a quarter of it."""
    tied = [(0.9, True), (0.5, True), (0.5, False), (0.5, False), (0.5, False)]
    expected = [2 / 5, (1 + 3 / 4) / 4, (1 + 2 / 4) / 3, (1 + 1 / 4) / 2, 1]
    for seed in range(5):
        random.Random(seed).shuffle(tied)
        confidences, right = zip(*tied, strict=True)
        rejection = Rejection.of(confidences, right)
        assert [accuracy for _, accuracy in rejection.curve()] == pytest.approx(expected)
        assert reliability(confidences, right, bins=2) == reliability(
            [0.5] * 4 + [0.9], [True] + [False] * 3 + [True], 2
        )


def test_confidence_that_tells_nothing_gains_nothing() -> None:
    rejection = Rejection.of([0.7] * 4, [True, False, False, True])
    assert rejection.area == rejection.accuracy(0.2) == 0.5
    assert [one.n for one in reliability([0.7] * 4, [True, False, False, True])] == [4]


@pytest.mark.parametrize(
    ("confidences", "right", "said"),
    [
        ([], [], "0 confidences of 0 answers"),
        ([0.5], [True, False], "1 confidences of 2 answers"),
        ([0.5, 1.2], [True, False], "the confidence 1.2 is not between 0 and 1"),
        ([float("nan")], [True], "the confidence nan"),
    ],
)
def test_confidences_that_are_none_are_refused(confidences: list[float], right: list[bool], said: str) -> None:
    with pytest.raises(InputError, match=said):
        reliability(confidences, right)
    with pytest.raises(InputError, match=said):
        Rejection.of(confidences, right)


def test_not_everything_can_be_rejected() -> None:
    with pytest.raises(InputError, match="less than 1"):
        Rejection.of([0.5], [True]).accuracy(1)
