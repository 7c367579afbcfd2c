"""Two systems on one test: how far they are apart, and how often chance would part them as far."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import bootstrap, permutation_test

from builders import frame
from eartune.data.frame import SemanticFrame
from eartune.evaluation.metrics import Answered, Average, Changes, Difference, Mode, changes, compare, evaluate, holm

SET, QUERY, PLAY = frame("alarm.set", "date:friday"), frame("alarm.query"), frame("music.play", "song:yesterday")
NEAR, FAR = frame("alarm.set", "date:this friday", "place:home"), frame("lists.query", "list:food")
GOLD = (SET, QUERY, PLAY, SET, PLAY, QUERY, SET, SET, PLAY, SET)
ONE = (SET, SET, None, NEAR, PLAY, QUERY, QUERY, PLAY, None, SET)
OTHER = (SET, QUERY, PLAY, SET, PLAY, None, NEAR, SET, FAR, NEAR)
SENTENCES = "aabcdefggh"  # eight clusters

Says = Sequence[SemanticFrame | None]


def rows_of(said: Says, gold: Sequence[SemanticFrame] = GOLD, clusters: Sequence[str] = SENTENCES) -> list[Answered]:
    return [Answered(*row) for row in zip(gold, said, clusters, strict=True)]


def accuracy_rows(right: np.ndarray) -> list[Answered]:
    """Right or wrong, each row a cluster of its own."""
    return [Answered(SET, SET if is_right else QUERY, str(n)) for n, is_right in enumerate(right)]


def in_accuracy(first: np.ndarray, second: np.ndarray, resamples: int = 10_000, seed: int = 0) -> Difference:
    found = compare(accuracy_rows(first), accuracy_rows(second), resamples=resamples, seed=seed)
    return found["intent_accuracy"]


def test_a_system_does_not_differ_from_itself() -> None:
    for difference in compare(rows_of(ONE), rows_of(ONE)).values():
        assert (difference.value, difference.low, difference.high, difference.p) == (0, 0, 0, 1)
        assert not difference.apart


@pytest.mark.parametrize("mode", ["strict", "official"])
@pytest.mark.parametrize("average", ["micro", "macro"])
def test_the_difference_is_that_of_the_scores(mode: Mode, average: Average) -> None:
    """In official mode the two systems leave different rows out."""
    before, after = (evaluate(rows_of(said), mode=mode, average=average, resamples=10) for said in (ONE, OTHER))
    for name, difference in compare(rows_of(ONE), rows_of(OTHER), mode=mode, average=average, resamples=99).items():
        assert difference.value == pytest.approx(after[name].value - before[name].value, abs=1e-12)
        assert difference.low <= difference.value <= difference.high and 0 < difference.p <= 1
        for score, known in ((difference.first, before[name]), (difference.second, after[name])):
            assert (score.value, score.n) == (pytest.approx(known.value, abs=1e-12), known.n)
            assert score.low <= score.value <= score.high


@pytest.mark.parametrize("mode", ["strict", "official"])
@pytest.mark.parametrize("average", ["micro", "macro"])
def test_p_is_the_share_of_all_swaps_that_part_the_systems_as_far(mode: Mode, average: Average) -> None:
    seen = compare(rows_of(ONE), rows_of(OTHER), mode=mode, average=average)
    swaps = [by_how_much(swap, mode, average) for swap in product((False, True), repeat=8)]
    for name, difference in seen.items():
        as_far = [abs(swap[name]) >= abs(difference.value) - 1e-12 for swap in swaps]
        assert difference.p == pytest.approx(sum(as_far) / 2**8, abs=0.02), name


def by_how_much(swap: tuple[bool, ...], mode: Mode, average: Average) -> dict[str, float]:
    """The differences after some sentences' answers went to the other system."""
    swapped = dict(zip("abcdefgh", swap, strict=True))
    answers = [(b, a) if swapped[s] else (a, b) for a, b, s in zip(ONE, OTHER, SENTENCES, strict=True)]
    one, other = (evaluate(rows_of(s), mode=mode, average=average, resamples=0) for s in zip(*answers, strict=True))
    return {name: other[name].value - one[name].value for name in one}


def test_p_and_interval_of_single_rows_are_those_of_scipy() -> None:
    random = np.random.default_rng(4)
    first, second = random.random(80) < 0.6, random.random(80) < 0.75
    found = in_accuracy(first, second)
    further = (second.astype(float), first.astype(float))
    known = permutation_test(
        further, lambda a, b: np.mean(a) - np.mean(b), permutation_type="samples", n_resamples=10_000, rng=1
    )
    assert found.p == pytest.approx(known.pvalue, abs=0.02)
    interval = bootstrap(
        (further[0] - further[1],), np.mean, method="percentile", n_resamples=10_000, rng=1
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.015)


def test_systems_that_fail_together_are_told_apart_more_surely_than_their_own_intervals_say() -> None:
    first = np.arange(200) < 120
    together, apart = np.arange(200) < 140, (np.arange(200) * 77 + 31) % 200 < 140
    joint, independent = in_accuracy(first, together), in_accuracy(first, apart)
    assert joint.value == independent.value == pytest.approx(0.1)
    assert width(joint) < 0.5 * width(independent)
    assert joint.p < 0.001 < 0.02 < independent.p
    assert not joint.apart  # papers that go by the overlap of intervals would miss it


def test_recordings_of_one_sentence_are_one_piece_of_news() -> None:
    right = np.arange(12) < 9
    rows = [accuracy_rows(np.repeat(right & kept, 20)) for kept in (np.arange(12) % 3 > 0, np.full(12, True))]
    alone = compare(*rows)["intent_accuracy"]
    sentences = [[replace(row, cluster=str(n // 20)) for n, row in enumerate(system)] for system in rows]
    by_sentence = compare(*sentences)["intent_accuracy"]
    assert by_sentence.value == alone.value == pytest.approx(0.25)
    assert alone.p < 0.001 and by_sentence.p == pytest.approx(0.25, abs=0.03)  # 3 sentences: 2 of 8 swaps


@pytest.mark.parametrize(
    "other",
    [rows_of(OTHER)[1:], rows_of(OTHER)[::-1], rows_of(OTHER, clusters="abcdefghij"), rows_of(OTHER, gold=OTHER[::-1])],
    ids=["fewer", "another order", "other clusters", "other references"],
)
def test_systems_that_were_asked_other_rows_are_not_compared(other: list[Answered]) -> None:
    with pytest.raises(ValueError, match="did not answer the same rows in the same order"):
        compare(rows_of(ONE), other)


@pytest.mark.parametrize("fault", [{"mode": "lenient"}, {"average": "weighted"}, {"resamples": 0}], ids=str)
def test_what_cannot_be_compared_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^(the (mode|average) '\w+' is not known|a comparison needs 1 resample)"):
        compare(rows_of(ONE), rows_of(OTHER), **fault)


def test_where_nothing_differs_p_is_small_as_seldom_as_it_says_and_intervals_hold_the_truth() -> None:
    random = np.random.default_rng(8)
    found = []
    for seed in range(300):
        hard = random.random(60) < 0.3  # both fail on hard rows more often
        systems = [random.random(60) < np.where(hard, 0.3, 0.85) for _ in range(2)]
        found.append(in_accuracy(*systems, resamples=200, seed=seed))
    assert 0.01 <= np.mean([difference.p < 0.05 for difference in found]) <= 0.085
    assert 0.90 <= np.mean([difference.low <= 0 <= difference.high for difference in found]) <= 0.99


def test_changes_are_places_of_rows_by_whole_frame() -> None:
    assert changes(rows_of(ONE), rows_of(OTHER)) == Changes(fixed=(1, 2, 3, 7), broken=(5, 9), wrong_in_both=(6, 8))


def test_holms_correction_is_the_hand_worked_one() -> None:
    # 0.01 x 4, then 0.02 x 3, then 0.03 x 2, which may not fall below 0.06 and does not, then 0.04 x 1, which would.
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.4, 0.6]) == pytest.approx([0.8, 0.8]) and holm([0.9, 0.8]) == [1, 1]
    assert holm([0.01]) == [0.01] and holm([]) == []


def test_holms_correction_keeps_the_order_and_lowers_nothing() -> None:
    p_values = np.random.default_rng(0).random(40).tolist()
    adjusted = holm(p_values)
    assert all(p <= after <= 1 for p, after in zip(p_values, adjusted, strict=True))
    assert sorted(adjusted) == [after for _, after in sorted(zip(p_values, adjusted, strict=True))]


def test_json_holds_both_scores_and_whether_their_intervals_part() -> None:
    row = in_accuracy(np.arange(90) < 20, np.arange(90) < 70).to_json()
    assert list(row) == ["value", "low", "high", "p", "first", "second", "intervals_apart"]
    assert row["intervals_apart"] is True and row["first"]["value"] == pytest.approx(2 / 9)
    assert row["first"]["n"] == 90 and "precision" not in row["first"]


def width(difference: Difference) -> float:
    return difference.high - difference.low
