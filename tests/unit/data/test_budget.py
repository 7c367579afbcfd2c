"""A speech budget is a prefix of one order that follows from ids and seed alone."""

import os
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import experiment, pool, utterance
from eartune.data.budget import Budget, describe, parse_budget
from eartune.data.example import as_speech
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.experiments.plan import Pools, plan_cells
from eartune.tasks.slu import Schema

SECONDS = st.floats(0.5, 20)
POOLS = st.lists(SECONDS, min_size=1, max_size=40).map(
    lambda lengths: tuple(utterance(f"u{i}", "go", None, length) for i, length in enumerate(lengths))
)
PER_CENT = st.floats(0.1, 100).map(lambda amount: Budget(amount, "%"))
HOURS = st.floats(0.0001, 0.3).map(lambda amount: Budget(amount, "h"))
COUNTS = st.integers(1, 45).map(lambda amount: Budget(amount, "utterances"))
BUDGETS = PER_CENT | HOURS | COUNTS


def names(chosen: tuple[Utterance, ...]) -> list[str]:
    return [u.id for u in chosen]


def taken(budget: Budget, of: tuple[Utterance, ...], seed: int = 0) -> list[str]:
    """Nothing where the budget is refused."""
    try:
        return names(budget.select(of, seed))
    except InputError:
        return []


@given(of=POOLS, one=BUDGETS, other=BUDGETS, seed=st.integers(0, 5))
def test_budgets_nest_whatever_their_units(of: tuple[Utterance, ...], one: Budget, other: Budget, seed: int) -> None:
    small, large = sorted((taken(one, of, seed), taken(other, of, seed)), key=len)
    assert large[: len(small)] == small


@given(of=POOLS, budget=BUDGETS, order=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(of: tuple[Utterance, ...], budget: Budget, order: random.Random) -> None:
    mixed = tuple(order.sample(of, len(of)))
    assert taken(budget, mixed) == taken(budget, of)


@given(of=POOLS, budget=HOURS)
def test_hours_take_as_many_as_fit(of: tuple[Utterance, ...], budget: Budget) -> None:
    ordered = Budget(100, "%").select(of, 0)
    chosen = taken(budget, of)
    if chosen:
        assert sum(u.seconds for u in ordered[: len(chosen)]) <= budget.amount * 3600 + 1e-6
    if 0 < len(chosen) < len(of):
        assert sum(u.seconds for u in ordered[: len(chosen) + 1]) > budget.amount * 3600 - 1e-6


def test_recordings_that_fill_the_time_exactly_are_all_taken() -> None:
    """Their lengths add up to a little more than 6 min in floating point."""
    assert len(parse_budget("6 min").select(tuple(utterance(f"u{n}", "go", None, 3.6) for n in range(100)), 0)) == 100


def test_another_process_with_another_hash_seed_chooses_the_same() -> None:
    program = (
        "from builders import pool; from eartune.data.budget import parse_budget;"
        "print([u.id for u in parse_budget('10%').select(pool(100), 3)])"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert printed.stdout.strip() == str(names(parse_budget("10%").select(pool(100), 3))), printed.stderr


def test_the_choice_is_pinned() -> None:
    """Another order would make results of different versions incomparable without anybody noticing."""
    assert names(parse_budget("5 utterances").select(pool(100), 0)) == PINNED


PINNED = ["u47", "u72", "u37", "u93", "u65"]


def test_another_seed_chooses_others() -> None:
    assert taken(Budget(10, "%"), pool(100), 0) != taken(Budget(10, "%"), pool(100), 1)


def test_the_training_seed_does_not_change_the_choice_and_the_selection_seed_does() -> None:
    speech = pool(20, 2.0)
    pools = Pools(pool(4), speech, as_speech(pool(1, 1.0, prefix="t")), Schema.of(u.frame for u in speech))
    grid = {"schemes": [{"type": "direct-mixing"}], "budgets": ["20%"], "seeds": [0, 1, 2], "selection_seeds": [0, 1]}
    plans = plan_cells(experiment(grid=grid), pools)
    chosen = {(plan.cell.seed, plan.cell.selection_seed): names(plan.speech) for plan in plans}
    assert chosen[0, 0] == chosen[1, 0] == chosen[2, 0] != chosen[0, 1] == chosen[2, 1]


@pytest.mark.parametrize(
    ("written", "size"),
    [("2%", 230), ("5%", 576), ("10%", 1151), ("100%", 11_514), ("200 utterances", 200), ("1 utterance", 1)],
)
def test_the_papers_budgets_of_slurp(written: str, size: int) -> None:
    assert len(parse_budget(written).select(pool(11_514), 0)) == size


def test_all_recordings_of_an_utterance_belong_together() -> None:
    chosen = parse_budget("50%").select(pool(4, 1.0, 2.0, 3.0), 0)
    assert [len(u.recordings) for u in chosen] == [3, 3]


@pytest.mark.parametrize(
    ("written", "budget", "text", "slug"),
    [
        ("5%", Budget(5, "%"), "5%", "5pct"),
        (" 2.5 % ", Budget(2.5, "%"), "2.5%", "2.5pct"),
        ("2h", Budget(2, "h"), "2h", "2h"),
        ("1 hour", Budget(1, "h"), "1h", "1h"),
        ("30 minutes", Budget(0.5, "h"), "0.5h", "0.5h"),
        ("5 min", Budget(5 / 60, "h"), "5min", "5min"),
        ("7 minutes", Budget(7 / 60, "h"), "7min", "7min"),
        ("200 utterances", Budget(200, "utterances"), "200 utterances", "200utt"),
    ],
)
def test_a_budget_is_read_and_written(written: str, budget: Budget, text: str, slug: str) -> None:
    assert parse_budget(written) == budget
    assert (str(budget), budget.slug) == (text, slug)
    assert parse_budget(str(budget)) == budget


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("150%", "'150%' is more than all the speech; a budget in per cent is at most 100%"),
        ("a bit", "'a bit' is no speech budget; write one as 5%, 2h or 200 utterances"),
        ("-5%", "'-5%' is no speech budget"),
        ("5", "'5' is no speech budget"),
        (5, "5 is no speech budget"),
        ("5% 2h", "'5% 2h' is no speech budget"),
        ("1.5 utterances", "'1.5 utterances' is no speech budget"),
        ("", "'' is no speech budget"),
        (None, "None is no speech budget"),
    ],
)
def test_what_is_no_budget_is_refused_in_one_sentence(written: object, said: str) -> None:
    with pytest.raises(InputError) as fault:
        parse_budget(written)
    assert str(fault.value).startswith(said) and "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("0.1%", "the speech budget 0.1% is empty: the pool holds 100 utterances, 0.10 h"),
        ("0.0001h", "the speech budget 0.0001h (0.006 min) is empty: the pool holds 100 utterances, 0.10 h"),
        ("101 utterances", "the speech budget 101 utterances is more than there is: the pool holds 100 utterances"),
        ("0.2h", "the speech budget 0.2h (12 min) is more than there is: the pool holds 100 utterances, 0.10 h"),
        ("48 minutes", "the speech budget 0.8h (48 min) is more than there is: the pool holds 100 utterances, 0.10 h"),
    ],
)
def test_a_budget_that_the_pool_cannot_give_is_refused(written: str, said: str) -> None:
    with pytest.raises(InputError) as fault:
        parse_budget(written).select(pool(100, 3.6), 0)
    assert str(fault.value).startswith(said)
    assert str(fault.value).endswith(" in grid.budgets")


@pytest.mark.parametrize("written", ["100%", "2h", "1 utterance"])
def test_nothing_can_be_taken_from_an_empty_pool(written: str) -> None:
    with pytest.raises(InputError, match=r"the pool holds 0 utterances, 0.00 h"):
        parse_budget(written).select((), 0)


def test_hours_that_are_more_than_rounding_explains_are_refused() -> None:
    """100 utterances of 36 s are 1 h: 1.004 h may be 1 h rounded up, 1.02 h is not."""
    an_hour = pool(100, 36.0)
    assert len(parse_budget("1.004h").select(an_hour, 0)) == 100
    with pytest.raises(InputError, match=r"1\.02h \(61\.2 min\) is more than there is"):
        parse_budget("1.02h").select(an_hour, 0)


def test_all_the_hours_there_are_may_be_written_rounded() -> None:
    """100 recordings of 3.617 s are 0.10047 h: both 0.1h and 0.1005h are honest ways to say so."""
    assert len(parse_budget("0.1005h").select(pool(100, 3.617), 0)) == 100
    assert len(parse_budget("0.1h").select(pool(100, 3.617), 0)) == 99
    assert describe(pool(100, 3.617)) == "100 utterances, 0.10 h"
