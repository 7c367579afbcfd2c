"""Rank correlations of a few items, with values counted by hand."""

import numpy as np
import pytest

from eartune.evaluation.rank_correlation import rank_correlation, ranks, spearman


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranks(np.array([10.0, 20, 20, 30])).tolist() == [1, 2.5, 2.5, 4]


def test_rho_is_one_minus_six_times_the_squared_differences_of_ranks() -> None:
    """Ranks 1 2 3 4 and 1 3 2 4: squares 0 + 1 + 1 + 0, so 1 - 6 * 2 / (4 * 15)."""
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([5.0, 7, 6, 90])) == pytest.approx(0.8)


def test_p_counts_all_orders_that_are_as_far_from_none() -> None:
    """Of the 24 orders of four, one has rho 1 and three 0.8; as many have the opposite."""
    found = rank_correlation([1, 2, 3, 4], [1, 3, 2, 4])
    assert found is not None and found.n == 4
    assert found.p == pytest.approx(8 / 24)
    perfect = rank_correlation([1, 2, 3, 4, 5], [5, 4, 3, 2, 1])
    assert perfect is not None and (perfect.rho, perfect.p) == (pytest.approx(-1), pytest.approx(2 / 120))


def test_the_interval_holds_rho_and_says_that_few_items_say_little() -> None:
    found = rank_correlation([1, 2, 3, 4, 5, 6], [1, 3, 2, 4, 6, 5])
    assert found is not None and found.low <= found.rho <= found.high
    assert found.low < 0.5 and found.high == pytest.approx(1)


def test_with_many_items_orders_are_drawn() -> None:
    found = rank_correlation(range(12), range(12))
    assert found is not None and found.p == pytest.approx(1 / 20_001, abs=1e-4)


@pytest.mark.parametrize(
    ("one", "other"), [([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4]), ([1, 2, 3, 4], [7, 7, 7, 7])], ids=str
)
def test_too_few_items_or_no_order_give_none(one: list[float], other: list[float]) -> None:
    assert rank_correlation(one, other) is None


def test_lists_of_different_items_are_refused() -> None:
    with pytest.raises(ValueError, match="same items"):
        rank_correlation([1, 2, 3, 4], [1, 2, 3])
