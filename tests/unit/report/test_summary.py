"""The answer claims what the intervals allow and has no hole where a cell is missing."""

import re
from dataclasses import replace
from itertools import combinations

import pytest

from eartune.evaluation.metrics.compare import Difference
from eartune.report.differences import Comparison
from eartune.report.notes import warnings
from eartune.report.scheme_result import SchemeResult, join_seeds
from eartune.report.summary import summarize


def told(results) -> str:
    return summarize(join_seeds(results), "slot_f1").replace("\u00a0", " ")


def comparison(first: SchemeResult, second: SchemeResult, value: float, p: float) -> Comparison:
    scores = [row.cells[0].scores["slot_f1"] for row in (first, second)]
    return Comparison(first, second, 1, Difference(value, value - 0.02, value + 0.02, p, *scores), adjusted_p=p)


def test_an_overlap_is_no_difference(coffee):
    assert "at 5 % and 20 % overlap, so this test with 100 recordings cannot tell them apart" in told(coffee)


def test_a_gap_between_intervals_is_one(cell):
    text = told([cell("direct-mixing", "5%", 0.6, share=0.05), cell("curriculum", "5%", 0.8, share=0.05)])
    assert "At 5 % the interval of the curriculum lies entirely above that of direct mixing." in text
    assert "overlap" not in text


def test_direct_mixing_may_win(cell):
    text = told([cell("direct-mixing", "5%", 0.8, share=0.05), cell("curriculum", "5%", 0.6, share=0.05)])
    assert "the interval of direct mixing lies entirely above that of the curriculum" in text


def test_shares_of_what_all_speech_gives(coffee):
    text = told(coffee)
    assert "With all the speech (340 utterances, 0.80 h) direct mixing reaches 88.1 % [84.1, 92.1] slot F1" in text
    assert "With 20 % of the speech (68 utterances, 0.16 h) the curriculum reaches 86.2 %" in text
    assert "(98 % of the score with all speech), direct mixing 84.2 % [80.2, 88.2] (96 %)" in text


def test_without_all_speech_no_share_of_it_is_claimed(coffee):
    text = told([result for result in coffee if result.budget != "100%"])
    assert "all speech" not in text.lower() and "of that" not in text


def test_no_gain_is_claimed_when_no_interval_clears_that_of_text(cell):
    text = told([cell("text-only", None, 0.8), cell("curriculum", "5%", 0.82, share=0.05)])
    assert text.endswith(
        "No interval with speech lies entirely above that of text-only tuning, so this test does not show a gain."
    )


def test_gaps_at_several_budgets_are_one_sentence(cell):
    schemes = (("direct-mixing", 0.6), ("curriculum", 0.8))
    text = told([cell(s, b, f1, share=share) for s, f1 in schemes for b, share in (("5%", 0.05), ("20%", 0.2))])
    assert "At 5 % and 20 % the interval of the curriculum lies entirely above that of direct mixing." in text


def test_two_ways_to_use_all_speech_are_both_named_the_better_first(cell):
    names = {"mixing-a": 0.8, "mixing-b": 0.9}
    mixing = [cell(name, "100%", f1, share=1, scheme_type="direct-mixing") for name, f1 in names.items()]
    text = told([cell("text-only", None, 0.45), *mixing])
    assert "mixing-b reaches 90.0 % [86.0, 94.0] slot F1, mixing-a 80.0 % [76.0, 84.0]; " in text
    assert "text-only tuning reaches 50 % of the score of mixing-b." in text


def test_two_baselines_are_compared_once(cell):
    mixing = [cell(n, "5%", f1, share=0.05, scheme_type="direct-mixing") for n, f1 in (("a", 0.6), ("b", 0.8))]
    assert "At 5 % the interval of b lies entirely above that of a." in told(mixing)
    assert told(mixing).count("lies entirely above") == 1


def test_a_scheme_that_differs_from_two_baselines_is_not_said_to_differ_by_chance(cell):
    """Both differences shared a sentence, which was that of differences that may be due to chance."""
    mixing = [cell(n, "5%", 0.5, share=0.05, scheme_type="direct-mixing") for n in ("a", "b")]
    one, two, other = join_seeds([*mixing, cell("curriculum", "5%", 0.6, share=0.05)])
    found = [comparison(base, other, 0.1, 0.001) for base in (one, two)]
    text = summarize([one, two, other], "slot_f1", found).replace("\u00a0", " ")
    assert "chance" not in text and text.count("10.0 points above") == 2


def test_text_comes_first_of_the_schemes_without_speech(cell):
    flat = [cell(scheme, None, 0.5) for scheme in ("prompted", "untuned", "cascade", "text-only")]
    assert re.search(
        r"\. Text-only tuning reaches .*; the untuned model .*; the prompted model .*; the cascade ", told(flat)
    )


def test_of_many_schemes_at_a_budget_the_best_four_are_named_in_their_order(cell):
    """The first four of the YAML were named, and the best one was not among them."""
    scores = {"curriculum": 0.5, "distilled": 0.4, "words-then-frame": 0.6, "self-training": 0.9, "direct-mixing": 0.7}
    text = told([cell(scheme, "5%", score, share=0.05) for scheme, score in scores.items()])
    named = ("the curriculum reaches", "words-then-frame", "self-training", "direct mixing")
    places = [text.index(f"{name} ") for name in named]
    assert places == sorted(places) and "distilled 40.0" not in text
    assert "direct mixing 70.0 % [66.0, 74.0]; 1 lower score is in the table." in text
    low = told([cell(scheme, "5%", score, share=0.05) for scheme, score in (scores | {"direct-mixing": 0.1}).items()])
    assert "direct mixing 10.0 %" in low  # the others are compared with it, and so it is never left out


def test_differences_that_may_be_chance_are_one_sentence_at_each_budget(cell):
    """Eight sentences in a row said the same."""
    results = [cell(scheme, "5%", 0.5, share=0.05) for scheme in ("direct-mixing", "curriculum", "distilled", "b", "c")]
    base, *others = join_seeds(results)
    found = [
        comparison(base, other, value, p)
        for other, value, p in zip(others, (0.01, -0.01, 0.1, 0.0), (0.3, 0.6, 0.001, 1.0), strict=True)
    ]
    text = summarize([base, *others], "slot_f1", found).replace("\u00a0", " ")
    assert (
        "At 5 % differences in points from direct mixing may be due to chance in paired tests (each p is 0.300 or more "
        "after Holm's correction): the curriculum (+1.0 [-1.0, +3.0]), distilled (-1.0 [-3.0, +1.0]) and "
        "c (+0.0 [-2.0, +2.0])."
    ) in text
    assert "At 5 % b is 10.0 points above direct mixing [+8.0, +12.0]" in text
    alone = summarize([base, *others], "slot_f1", found[:1]).replace("\u00a0", " ")
    assert "At 5 % the curriculum is 1.0 points above direct mixing" in alone


def test_a_budget_in_hours_reads_well(cell):
    text = told([cell("curriculum", "2h", 0.82, share=0.05)])
    assert text.startswith("With a speech budget of 2h (17 utterances, 0.04 h) the curriculum reaches")


def test_missing_cells_leave_no_broken_sentence(coffee):
    for size in range(1, len(coffee) + 1):
        for results in combinations(coffee, size):
            text = told(results)
            assert re.fullmatch(r"([A-Z][^.]*(\.\d[^.]*)*\. ?)+", text), text
            assert not re.search(r"None|nan|\(\)|  |,,|;;| [,.;:]", text), text


def test_no_finished_cell_is_no_answer(coffee):
    assert told(coffee[-1:]) == "No model has finished, so there is no result yet."


def test_failed_and_deaf_cells_are_named(coffee):
    assert warnings(coffee) == (
        "Failed, so not in any score: 1 of 9 models (curriculum-100pct-seed0).",
        "The listening check failed for 1 model (curriculum-20pct-seed0), so it is not shown that they understand "
        "speech.",
    )
    assert warnings(coffee[:5]) == ()


def test_models_that_are_not_finished_are_named_apart_from_failed_ones(coffee):
    unfinished = [replace(result, status="unfinished", scores={}) for result in coffee[:2]]
    assert warnings([*unfinished, *coffee[2:5]]) == (
        "Not finished yet, so not in any score: 2 of 5 models (untuned-seed0 and text-only-seed0).",
    )


@pytest.mark.parametrize("unchecked", [{"listens": False, "reason": "the test has one meaning"}, {"listens": None}])
def test_a_listening_check_that_could_not_be_made_is_no_failed_one(cell, unchecked):
    """A test with one meaning swaps each clip with itself, and a healthy model was reported in red."""
    assert warnings([replace(cell("text-only", None, 0.7), listening=unchecked)]) == ()
