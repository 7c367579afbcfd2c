"""Clusters drawn again within their strata, and swapped between two systems."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import bootstrap

from builders import frame
from eartune.evaluation.metrics import Answered, Score, evaluate
from eartune.evaluation.metrics.resampling import Clusters, drawn_sums, swapped_sums

RIGHT, WRONG = frame("alarm.set"), frame("alarm.query")


def drawn(counts: np.ndarray, strata: Sequence[int], resamples: int = 300, seed: int = 0) -> np.ndarray:
    return np.concatenate(list(drawn_sums(counts, strata, resamples, seed)))


def times_drawn(strata: Sequence[int], resamples: int = 300, seed: int = 0) -> np.ndarray:
    """How often each cluster is in each draw, (draws, clusters): each is counted in a column of its own."""
    return drawn(np.eye(sum(strata)), strata, resamples, seed)


def mixed_columns(clusters: int) -> np.ndarray:
    """Columns that are full, half full, rare, of one cluster alone and empty; two by three of each."""
    random = np.random.default_rng(5)
    shares = np.array([1, 0.5, 0.02, 0.01, 0])
    counts = random.normal(size=(clusters, 2, 3, 5)) * (random.random((clusters, 2, 3, 5)) < shares)
    counts[1:, 0, 0, 3] = 0
    return counts


def test_clusters_are_numbered_by_stratum_and_name_whatever_the_order_of_the_rows() -> None:
    rows = [("s2", "b"), ("s9", "a"), ("s1", "b"), ("s2", "b")]
    clusters, other = Clusters.of(rows), Clusters.of(reversed(rows))
    assert (clusters.of_row.tolist(), clusters.strata, clusters.count) == ([2, 0, 1, 2], (1, 2), 3)
    assert (other.of_row.tolist(), other.strata) == ([2, 1, 0, 2], (1, 2))


def test_a_cluster_in_two_strata_is_refused() -> None:
    with pytest.raises(ValueError, match="'s1' is in two strata, 'alarm' and 'play'"):
        Clusters.of([("s1", "alarm"), ("s2", "play"), ("s1", "play")])


@pytest.mark.parametrize("strata", [[60], [5, 1, 54], [20, 40]], ids=str)
def test_a_draw_takes_from_each_stratum_as_many_clusters_as_it_has(strata: list[int]) -> None:
    weights = times_drawn(strata)
    ends = np.cumsum(strata)
    for size, end in zip(strata, ends, strict=True):
        assert set(weights[:, end - size : end].sum(axis=1)) == {size}
    assert weights.shape == (300, 60) and weights.min() == 0 and np.array_equal(weights, weights.round())


def test_every_cluster_is_drawn_as_often_as_any_other() -> None:
    weights = times_drawn([30, 70], resamples=4_000)
    assert weights.mean(axis=0) == pytest.approx(1, abs=0.08)
    assert weights.var(axis=0)[30:] == pytest.approx(1 - 1 / 70, rel=0.15)  # binomial: 70 tries of 1/70


@pytest.mark.parametrize("strata", [[400], [3, 390, 7], [12]], ids=str)
def test_full_and_rare_columns_get_the_sums_of_a_matrix_product(strata: list[int]) -> None:
    counts = mixed_columns(sum(strata))
    sums = drawn(counts, strata)
    assert sums.shape == (300, 2, 3, 5)
    assert sums == pytest.approx(np.tensordot(times_drawn(strata), counts, axes=1), abs=1e-9)


@pytest.mark.parametrize("resamples", [1, 128, 129, 300])
def test_as_many_draws_are_made_as_were_asked_for(resamples: int) -> None:
    counts = mixed_columns(20)
    assert len(drawn(counts, [20], resamples)) == resamples
    assert sum(len(one) for one, _ in swapped_sums(counts, counts, resamples, 0)) == resamples


def test_a_swap_takes_from_one_system_what_it_gives_to_the_other() -> None:
    one, other = mixed_columns(400), mixed_columns(400)[::-1]
    for before, after in swapped_sums(one, other, 300, 0):
        total = np.broadcast_to((one + other).sum(axis=0), before.shape)
        assert before + after == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("clusters", [7, 64, 400])
def test_each_cluster_is_swapped_whole_and_by_a_fair_coin_of_its_own(clusters: int) -> None:
    mine, coins = np.eye(clusters), []
    for before, after in swapped_sums(mine, np.zeros_like(mine), 2_000, 0):
        assert np.array_equal(before + after, np.ones_like(before)) and set(before.ravel()) == {0, 1}
        coins.append(after)
    fell = np.concatenate(coins)
    assert fell.mean(axis=0) == pytest.approx(0.5, abs=0.06)
    together = np.corrcoef(fell.T) - np.eye(clusters)
    assert abs(together).max() < 0.13


def test_full_and_rare_columns_are_swapped_alike() -> None:
    one, other = mixed_columns(400), np.roll(mixed_columns(400), 7, axis=0)
    mine = np.eye(400)
    coins = np.concatenate([after for _, after in swapped_sums(mine, 0 * mine, 300, 3)])
    before = np.concatenate([before for before, _ in swapped_sums(one, other, 300, 3)])
    assert before == pytest.approx(np.tensordot(1 - coins, one, axes=1) + np.tensordot(coins, other, axes=1), abs=1e-9)


def test_an_interval_over_single_rows_is_that_of_scipy() -> None:
    right = [n % 7 < 5 for n in range(150)]
    score = accuracy([Answered(RIGHT, RIGHT if is_right else WRONG, str(n)) for n, is_right in enumerate(right)])
    known = bootstrap((np.array(right),), np.mean, method="percentile", n_resamples=10_000, random_state=1)
    interval = known.confidence_interval
    assert (score.low, score.high) == pytest.approx((interval.low, interval.high), abs=0.01)


def test_an_interval_is_narrower_where_strata_that_differ_keep_their_sizes() -> None:
    rows = [(n, "easy" if n % 2 else "hard", bool(n % 2) != (n % 20 < 2)) for n in range(200)]
    stratified = [Answered(RIGHT, RIGHT if right else WRONG, str(n), stratum) for n, stratum, right in rows]
    together = accuracy([Answered(row.reference, row.predicted, row.cluster) for row in stratified])
    apart = accuracy(stratified)
    # 90 % and 10 % right: within the strata the variance is 0.09, over all it is 0.25.
    assert apart.value == together.value
    assert width(apart) / width(together) == pytest.approx((0.09 / 0.25) ** 0.5, abs=0.06)


def test_the_order_of_rows_in_strata_does_not_matter() -> None:
    rows = [Answered(RIGHT, RIGHT if n % 3 else WRONG, str(n), "ab"[n % 2]) for n in range(60)]
    assert accuracy(rows) == accuracy(rows[::-1])


def accuracy(rows: Sequence[Answered]) -> Score:
    return evaluate(rows)["intent_accuracy"]


def width(score: Score) -> float:
    return score.high - score.low
