"""With few recordings the choice matters: its spread, and what is shown to help whichever are recorded."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eartune.report.page import build_page, html, markdown
from eartune.report.result import RunResult
from eartune.report.scheme_result import by_architecture, join_seeds
from eartune.report.selections import Selections, gap, selections, sign_flip_p


def draws(cell, scheme: str, budget: str, share: float, scores: Sequence[float]) -> list[RunResult]:
    """One model for each selection, with the score that it has."""
    return [
        replace(cell(scheme, budget, value, share=share), selection_seed=seed, name=f"{scheme}-{budget}-{seed}")
        for seed, value in enumerate(scores)
    ]


def found(results: Sequence[RunResult]) -> Selections:
    told = selections(by_architecture(join_seeds(results)), "slot_f1")
    assert told is not None
    return told


def cells(told: Selections) -> list[dict[str, str]]:
    return [dict(zip(told.table.headings, line, strict=True)) for line in told.table.lines]


def test_a_grid_with_one_selection_says_nothing(coffee) -> None:
    assert selections(by_architecture(join_seeds(coffee)), "slot_f1") is None


def test_spread_and_gain_are_those_of_the_draws(cell) -> None:
    """60, 62, 64 against 50: a spread of 2.0, a gain of 12 +- 4.303 * 2 / sqrt(3) = 4.97; 2 of 8 signs are as far."""
    text = cell("text-only", None, 0.5)
    (line,) = cells(found([text, *draws(cell, "curriculum", "3 utterances", 0.01, (0.6, 0.62, 0.64))]))
    assert line["lowest to highest"] == "60.0 to 64.0" and line["spread"] == "2.0"
    assert line["above text alone"] == "+12.0 [+7.0, +17.0]" and line["in"] == "3 of 3"
    assert line["p (Holm)"] == "0.250" and line["above the baseline"] == "–"  # noqa: RUF001


def test_three_draws_can_show_nothing_and_it_is_said_how_many_could(cell) -> None:
    """Of one row, 2^(1-n) is below 0.05 from 6 draws on: 2/64 = 0.031."""
    text = cell("text-only", None, 0.5)
    told = found([text, *draws(cell, "curriculum", "3 utterances", 0.01, (0.6, 0.62, 0.64))])
    assert told.sentences == (
        "No number of recordings that was drawn is shown to help, whichever are recorded; 3 selections cannot show it, "
        "draw at least 6.",
    )


def test_the_fewest_recordings_that_help_are_named_with_their_interval(cell) -> None:
    """Two rows of 8 draws: with one recording some draws harm; with ten all help, and p = 2/256 twice over."""
    text = cell("text-only", None, 0.5)
    one = draws(cell, "curriculum", "1 utterances", 0.01, (0.45, 0.55, 0.48, 0.52, 0.5, 0.51, 0.49, 0.53))
    ten = draws(cell, "curriculum", "10 utterances", 0.03, (0.60, 0.62, 0.61, 0.63, 0.62, 0.61, 0.60, 0.63))
    (sentence,) = found([text, *one, *ten]).sentences
    assert sentence == (
        "The fewest recordings that are shown to help, whichever are recorded, are 10 (the curriculum): +11.5 "
        "[+10.5, +12.5] points above text alone, in 8 of 8 selections (p = 0.016 after Holm's correction)."
    )


def test_a_larger_budget_that_is_not_shown_to_help_is_named(cell) -> None:
    text = cell("text-only", None, 0.5)
    few = draws(cell, "curriculum", "3 utterances", 0.01, [0.60 + 0.01 * (n % 2) for n in range(8)])
    more = draws(cell, "curriculum", "5 utterances", 0.02, [0.5 + 0.2 * (n % 2) for n in range(8)])
    (sentence,) = found([text, *few, *more]).sentences
    assert "(the curriculum, though not 5 utterances)" in sentence


def test_recordings_that_harm_for_certain_are_not_said_to_help(cell) -> None:
    text = cell("text-only", None, 0.5)
    (sentence,) = found([text, *draws(cell, "curriculum", "3 utterances", 0.01, [0.40] * 7 + [0.41])]).sentences
    assert sentence == "No number of recordings that was drawn is shown to help, whichever are recorded."


def test_schemes_are_compared_on_the_same_selections(cell) -> None:
    """On each selection the curriculum is 1 point above, while selections differ by 10 and more."""
    base = (0.4, 0.6, 0.5)
    told = found(
        [
            *draws(cell, "direct-mixing", "2%", 0.02, base),
            *draws(cell, "curriculum", "2%", 0.02, [value + 0.01 for value in base]),
        ]
    )
    assert told.sentences == (
        "With 7 recordings, the curriculum differs from direct mixing on the same selections by +1.0 [+1.0, +1.0] "
        "points slot F1, and the scores of selections by up to 10.0 (standard deviation of 3 draws, the larger of the "
        "two): the choice of recordings matters more than the scheme.",
    )
    assert [line["above the baseline"] for line in cells(told)] == ["–", "+1.0 [+1.0, +1.0]"]  # noqa: RUF001


def test_the_scheme_that_differs_most_is_held_against_its_own_selections(cell) -> None:
    """The first of the table was named, and beside it the largest spread of any scheme."""
    base = (0.50, 0.52, 0.51)
    shifted = {"a": (0.01, 0.0, 0.02), "b": (0.2, 0.2, 0.21), "c": (0.0, 0.3, -0.3)}
    others = [
        draws(cell, name, "2%", 0.02, [x + y for x, y in zip(base, by, strict=True)]) for name, by in shifted.items()
    ]
    told = found([*draws(cell, "direct-mixing", "2%", 0.02, base), *(one for some in others for one in some)])
    assert told.sentences[0].startswith(
        "With 7 recordings, b differs from direct mixing on the same selections by +20.3"
    )
    assert told.sentences[0].endswith(
        "by up to 1.2 (standard deviation of 3 draws, the larger of the two): the scheme matters more."
    )


def test_training_seeds_of_one_selection_are_one_draw(cell) -> None:
    """Two selections with two training seeds each: two draws, not four."""
    of_seeds = [
        replace(cell("curriculum", "2%", value, share=0.02, seed=seed), selection_seed=draw, name=f"{seed}-{draw}")
        for draw, pair in enumerate(((0.5, 0.7), (0.6, 0.6)))
        for seed, value in enumerate(pair)
    ]
    (line,) = cells(found(of_seeds))
    assert (line["selections"], line["spread"]) == ("2", "0.0")


def test_holms_correction_is_over_the_rows_of_all_architectures(cell) -> None:
    text = cell("text-only", None, 0.5)
    drawn = draws(cell, "curriculum", "2%", 0.02, [0.60 + 0.01 * (n % 2) for n in range(6)])
    both = [replace(one, architecture=name) for name in ("a", "b") for one in (text, *drawn)]
    assert [line["p (Holm)"] for line in cells(found([text, *drawn]))] == ["0.031"]
    assert [line["p (Holm)"] for line in cells(found(both))] == ["0.062", "0.062"]


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0, 2.0, 3.0], 2 / 8),  # only all plus and all minus are as far
        ([1.0, 2.0, -3.0], 1.0),
        ([3.0, 3.0, -1.0], 4 / 8),  # |5| of |7|, |5|, |1|, |1| and their opposites
        ([0.0, 0.0], 1.0),
    ],
)
def test_the_sign_flip_test_tries_all_signs(differences: list[float], p: float) -> None:
    assert sign_flip_p(differences) == p


def test_with_many_selections_signs_are_drawn() -> None:
    assert sign_flip_p([1.0] * 20) == pytest.approx(1 / 20_001, abs=1e-4)
    assert sign_flip_p([1.0, -1.0] * 10) == 1.0


def test_of_one_common_selection_no_interval_is_known() -> None:
    assert gap({0: 0.5, 1: 0.6}, {1: 0.4, 2: 0.4}) is None


def test_the_page_has_a_section(cell) -> None:
    text = cell("text-only", None, 0.5)
    page = build_page([text, *draws(cell, "curriculum", "3 utterances", 0.01, (0.6, 0.62, 0.64))])
    assert ("selections", "Which recordings?") in page.sections
    for shown in (markdown(page), html(page)):
        assert "Which recordings?" in shown and "draw at least 6" in shown and "60.0 to 64.0" in shown
