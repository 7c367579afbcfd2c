"""Intervals by resampling clusters, and the spread between seeds."""

import math
import random
import time
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from eartune.evaluation.metrics import Score, over_seeds
from eartune.evaluation.metrics.confidence import (
    _STUDENT_T,
    Interval,
    between_runs,
    between_seeds,
    score_intervals,
)
from eartune.evaluation.metrics.count_table import CountTable


def table_of(clusters: int, labels: int = 1, seed: int = 0) -> CountTable:
    counts = np.random.default_rng(seed).integers(0, 6, size=(clusters, labels, 3)).astype(float)
    return CountTable(tuple(f"label{place}" for place in range(labels)), counts)


def intervals(*tables: CountTable, resamples: int = 300, seed: int = 0) -> list[Interval]:
    """Of tables whose clusters lie in one stratum."""
    return score_intervals(tables, [len(tables[0].counts)], resamples, seed)


def test_interval_agrees_with_a_slow_bootstrap() -> None:
    table = table_of(clusters=60)
    [interval] = intervals(table, resamples=10_000, seed=3)
    assert interval == pytest.approx(slow_interval(table.counts[:, 0].tolist(), resamples=3_000), abs=0.01)


def test_macro_interval_agrees_with_a_slow_bootstrap_over_the_labels_seen() -> None:
    table = table_of(clusters=30, labels=4)
    table.counts[1:, 3] = 0  # a label of one cluster only: absent from a third of the draws
    [interval] = intervals(table, resamples=10_000, seed=3)
    assert interval == pytest.approx(slow_interval(table.counts.reshape(30, -1).tolist(), resamples=3_000), abs=0.015)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    table = table_of(clusters=50)
    first, again, other = (intervals(table, resamples=500, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_tables_side_by_side_get_the_intervals_they_get_alone() -> None:
    one, three = table_of(clusters=40), table_of(clusters=40, labels=3, seed=1)
    together = intervals(one, three)
    alone = [intervals(table)[0] for table in (one, three)]
    assert np.array(together) == pytest.approx(np.array(alone))


def test_draws_without_anything_to_count_are_left_out() -> None:
    table = CountTable(("all",), np.zeros((5, 1, 3)))
    table.counts[0, 0, 0] = 1  # a perfect answer in one cluster of five; a third of the draws miss it
    assert intervals(table) == [(1, 1)]


@pytest.mark.parametrize(("clusters", "strata"), [(0, []), (4, [4]), (4, [1, 3])])
def test_where_nothing_was_counted_nothing_is_known(clusters: int, strata: list[int]) -> None:
    assert score_intervals([CountTable(("all",), np.zeros((clusters, 1, 3)))], strata, resamples=50, seed=0) == [(0, 1)]


def test_without_resamples_nothing_is_known() -> None:
    assert intervals(table_of(clusters=4), table_of(clusters=4), resamples=0) == [(0, 1), (0, 1)]


def test_a_whole_test_set_is_resampled_in_seconds_and_little_memory() -> None:
    tables = [table_of(clusters=4_000, seed=seed) for seed in range(9)]
    started = time.process_time()
    intervals(*tables, resamples=10_000)
    # 0.6 s on an idle core, several times that on a busy one, and minutes if every draw loops over clusters.
    assert time.process_time() - started < 60

    tracemalloc.start()
    intervals(*tables, resamples=1_000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 200e6


def test_one_seed_keeps_its_own_half_width() -> None:
    score = over_seeds([Score(0.5, 0.3, 0.6, 40, precision=0.4, recall=0.6)])
    assert (score.value, score.n, score.precision, score.recall) == (0.5, 40, 0.4, 0.6)
    assert (score.low, score.high) == pytest.approx((0.35, 0.65))


def test_seeds_add_their_spread_to_the_interval() -> None:
    scores = [Score(value, value - 0.03, value + 0.03, 40) for value in (0.70, 0.72, 0.77)]
    between = 4.303 * np.std([0.70, 0.72, 0.77], ddof=1) / math.sqrt(3)
    half_width = math.sqrt(0.03**2 + between**2)
    score = over_seeds(scores)
    assert score.value == pytest.approx(0.73)
    assert (score.low, score.high) == pytest.approx((0.73 - half_width, 0.73 + half_width))
    assert score.precision is None


def test_the_interval_over_seeds_stays_a_fraction() -> None:
    score = over_seeds([Score(0.02, 0.0, 0.04, 40), Score(0.98, 0.9, 1.0, 40)])
    assert (score.low, score.high) == (0.0, 1.0)


def test_more_seeds_than_the_table_has_use_the_normal_quantile() -> None:
    values = [0.5 + 0.001 * n for n in range(40)]
    score = over_seeds([Score(value, value, value, 40) for value in values])
    assert score.high - score.value == pytest.approx(1.96 * np.std(values, ddof=1) / math.sqrt(40))


@pytest.mark.parametrize("seeds", [[(seed, 0) for seed in range(4)], [(0, selection) for selection in range(4)]])
def test_seeds_alone_or_selections_alone_are_independent_runs(seeds: list[tuple[int, int]]) -> None:
    values = [0.7, 0.72, 0.77, 0.71]
    scores = [Score(value, value - 0.03, value + 0.03, 40) for value in values]
    assert between_runs(values, seeds) == between_seeds(values)
    assert over_seeds(scores, seeds) == over_seeds(scores)


@pytest.mark.parametrize("deviations", [(1, 3, 0), (3, 0, 1), (2, 2, 0)])
def test_runs_that_share_a_seed_or_a_selection_are_not_taken_for_independent(deviations: tuple[int, int, int]) -> None:
    """Of three seeds with five selections each, the interval of fifteen independent runs covered 53 to 72 %."""
    of_seed, of_selection, of_run = deviations
    random, n_seeds, n_selections, times = np.random.default_rng(0), 3, 5, 1000
    values = of_seed * random.standard_normal((times, n_seeds, 1))
    values = values + of_selection * random.standard_normal((times, 1, n_selections))
    values = values + of_run * random.standard_normal((times, n_seeds, n_selections))
    seeds = list(np.ndindex(n_seeds, n_selections))
    covered = [abs(drawn.mean()) <= between_runs(drawn.ravel().tolist(), seeds) for drawn in values]
    assert np.mean(covered) > 0.93


def test_no_seed_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="score of one run at least"):
        over_seeds([])


@pytest.mark.parametrize("freedom", range(1, 31))
def test_student_table_leaves_95_percent_within(freedom: int) -> None:
    x = np.linspace(0, _STUDENT_T[freedom - 1], 20_001)
    scale = math.gamma((freedom + 1) / 2) / math.gamma(freedom / 2) / math.sqrt(freedom * math.pi)
    density = scale * (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
    assert 2 * np.trapezoid(density, x) == pytest.approx(0.95, abs=6e-5)  # the table has 3 decimals


def slow_interval(clusters: Sequence[Sequence[float]], resamples: int) -> tuple[float, float]:
    """The textbook's bootstrap; each cluster is the counts of its labels one after another."""
    random_numbers = random.Random(5)
    values = sorted(slow_f1(random_numbers.choices(clusters, k=len(clusters))) for _ in range(resamples))
    return values[int(0.025 * resamples)], values[int(0.975 * resamples)]


def slow_f1(drawn: Sequence[Sequence[float]]) -> float:
    sums = [sum(column) for column in zip(*drawn, strict=True)]
    labels = [sums[place : place + 3] for place in range(0, len(sums), 3)]
    seen: list[float] = [
        2 * hits / (2 * hits + spurious + missed) for hits, spurious, missed in labels if hits + spurious + missed
    ]
    return sum(seen) / len(seen)
