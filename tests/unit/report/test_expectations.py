"""An expectation is met, not met, or beyond what the test can tell; and what it may say is checked where it is read."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import experiment
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Utterance, write_manifest
from eartune.evaluation.metrics import Answered, Score, evaluate, share_of
from eartune.report.answers import RunAnswers
from eartune.report.expectations import Expectation, Verdict, expectations_of, judge
from eartune.report.page import build_page, html, markdown, write_comparison, write_report
from eartune.report.result import RunResult, read_results, write_result
from eartune.report.scheme_result import join_seeds
from eartune.run_folder import RunFolder
from eartune.tasks.prediction import Prediction, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus

MET, NOT_MET, CANNOT_TELL = Verdict.MET, Verdict.NOT_MET, Verdict.CANNOT_TELL
N = 200
SHARE = {"model": "text-only", "share_of": "direct-mixing 100%", "at_least": "85%", "at_most": "95%"}
ABOVE = {"model": "curriculum 5%", "above": "direct-mixing 5%"}


def expectation(**written: Any) -> Expectation:
    return Expectation.model_validate(written)


def scored(result: RunResult, low: float, value: float, high: float) -> RunResult:
    return replace(result, scores={"slot_f1": Score(value, low, high, 100)})


# --- of scores alone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [
        (0.41, 0.45, 0.49, MET),
        (0.40, 0.45, 0.50, MET),
        (0.39, 0.45, 0.49, CANNOT_TELL),
        (0.41, 0.45, 0.51, CANNOT_TELL),
        (0.30, 0.35, 0.39, NOT_MET),
        (0.51, 0.55, 0.60, NOT_MET),
    ],
)
def test_a_score_in_a_range(cell, low: float, value: float, high: float, verdict: Verdict) -> None:
    rows = join_seeds([scored(cell("text-only", None, 0.5), low, value, high)])
    within = expectation(model="text-only", at_least="40%", at_most="50%")
    assert judge(within, rows, "slot_f1", None)[0] is verdict
    assert judge(expectation(model="text-only", at_most="99%"), rows, "slot_f1", None)[0] is MET


def test_a_share_of_scores_alone_is_as_wide_as_their_intervals_allow(cell) -> None:
    results = [
        scored(cell("text-only", None, 0.5), 0.72, 0.72, 0.72),
        scored(cell("direct-mixing", "100%", 0.5, share=1.0), 0.79, 0.80, 0.81),
    ]
    verdict, found = judge(expectation(**SHARE), join_seeds(results), "slot_f1", None)
    assert verdict is MET and found == "90.0\u00a0% [88.9, 91.1]"
    results[1] = scored(results[1], 0.70, 0.80, 0.90)
    assert judge(expectation(**SHARE), join_seeds(results), "slot_f1", None)[0] is CANNOT_TELL
    results[1] = scored(results[1], 0.0, 0.80, 0.90)
    assert judge(expectation(**SHARE), join_seeds(results), "slot_f1", None) == (
        CANNOT_TELL,
        "direct-mixing 100% may have 0\u00a0% slot F1",
    )


@pytest.mark.parametrize(
    ("curriculum", "mixing", "verdict"),
    [
        ((0.60, 0.65, 0.70), (0.50, 0.55, 0.59), MET),
        ((0.60, 0.65, 0.70), (0.50, 0.55, 0.61), CANNOT_TELL),
        ((0.40, 0.45, 0.49), (0.50, 0.55, 0.60), NOT_MET),
    ],
)
def test_intervals_must_not_overlap(cell, curriculum, mixing, verdict: Verdict) -> None:
    rows = join_seeds(
        [
            scored(cell("curriculum", "5%", 0.5, share=0.05), *curriculum),
            scored(cell("direct-mixing", "5%", 0.5, share=0.05), *mixing),
        ]
    )
    assert judge(expectation(**ABOVE), rows, "slot_f1", None)[0] is verdict


def test_nothing_is_told_of_a_model_that_is_not_there(cell) -> None:
    rows = join_seeds([cell("curriculum", "5%", 0.9, share=0.05)])
    assert judge(expectation(**ABOVE), rows, "slot_f1", None) == (CANNOT_TELL, "direct-mixing 5% has no slot F1")
    failed = replace(cell("direct-mixing", "5%", 0.5, share=0.05), status="failed", scores={})
    rows = join_seeds([cell("curriculum", "5%", 0.9, share=0.05), failed])
    assert judge(expectation(**ABOVE), rows, "slot_f1", None)[0] is CANNOT_TELL


# --- of answers in pairs -----------------------------------------------------------------------------------------

GOLD, WRONG = SemanticFrame("order"), SemanticFrame("stop")


def made(folder: Path, cell, right: dict[tuple[str, str | None], Sequence[int]], expect: Any = ()) -> Path:
    """A run of one seed for each number of right answers; better models are right wherever worse ones are."""
    write_manifest(RunFolder(folder).references, [Utterance(f"u{n}", "a small one", "en", GOLD) for n in range(N)])
    for (scheme, budget), numbers in right.items():
        for seed, number in enumerate(numbers):
            said = [GOLD if n < number else WRONG for n in range(N)]
            scores = evaluate([Answered(GOLD, frame, f"u{n}") for n, frame in enumerate(said)])
            result = cell(scheme, budget, 0.5, share={None: 0, "5%": 0.05, "100%": 1}[budget], seed=seed)
            result = replace(
                result, scores=scores, main_metric="intent_accuracy", settings=result.settings | {"expect": expect}
            )
            write_result(folder / result.name, result)
            predictions = [Prediction(f"u{n}", None, "", ParseStatus.OK, frame) for n, frame in enumerate(said)]
            write_predictions(folder / result.name / "predictions.jsonl", predictions, SluTask())
    return folder


def judged(folder: Path, written: dict[str, Any]) -> tuple[Verdict, str]:
    rows, answers = join_seeds(read_results(folder)), RunAnswers.of_run(folder, SluTask())
    return judge(expectation(**written), rows, "intent_accuracy", answers)


def test_a_share_is_more_certain_where_both_fail_on_the_same_sentences(tmp_path: Path, cell) -> None:
    """Of the scores alone, 84 % against 93 %, it would reach from 0.81 to 1.0 and tell nothing."""
    folder = made(tmp_path, cell, {("text-only", None): [168], ("direct-mixing", "100%"): [186]})
    verdict, found = judged(folder, SHARE)
    assert verdict is MET and found.startswith("90.3")
    assert judge(expectation(**SHARE), join_seeds(read_results(folder)), "intent_accuracy", None)[0] is CANNOT_TELL


def test_the_interval_of_a_share_includes_the_variation_between_seeds(tmp_path: Path, cell) -> None:
    folder = made(tmp_path, cell, {("text-only", None): [150, 186], ("direct-mixing", "100%"): [186, 186]})
    assert judged(folder, SHARE)[0] is CANNOT_TELL


def test_overlapping_intervals_are_not_met_only_if_the_paired_difference_is_no_gain(tmp_path: Path, cell) -> None:
    better = made(tmp_path / "a", cell, {("curriculum", "5%"): [160], ("direct-mixing", "5%"): [150]})
    verdict, found = judged(better, ABOVE)
    assert verdict is CANNOT_TELL and "; +5.0 [+2." in found and "points in a paired test" in found
    same = made(tmp_path / "b", cell, {("curriculum", "5%"): [150], ("direct-mixing", "5%"): [150]})
    assert judged(same, ABOVE)[0] is NOT_MET
    worse = made(tmp_path / "c", cell, {("curriculum", "5%"): [140], ("direct-mixing", "5%"): [150]})
    assert judged(worse, ABOVE)[0] is NOT_MET
    apart = made(tmp_path / "d", cell, {("curriculum", "5%"): [190], ("direct-mixing", "5%"): [150]})
    assert judged(apart, ABOVE)[0] is MET


def test_a_share_of_nothing_is_none_and_others_are_ratios_of_drawn_scores() -> None:
    metrics = SluTask().metrics(SluTask().labels([Utterance("u", "x", "en", GOLD)]))
    right = [Answered(GOLD, GOLD, str(n)) for n in range(20)]
    wrong = [Answered(GOLD, WRONG, str(n)) for n in range(20)]
    assert share_of(right, wrong, metrics, "intent_accuracy") is None
    half = [*right[:10], *wrong[10:]]
    found = share_of(half, right, metrics, "intent_accuracy", resamples=500)
    assert found is not None and found.value == 0.5 and 0.2 < found.low < 0.5 < found.high < 0.8


# --- on the page -------------------------------------------------------------------------------------------------


def test_the_page_tells_what_was_expected_and_what_came(tmp_path: Path, cell) -> None:
    numbers = {("text-only", None): [168], ("direct-mixing", "100%"): [186]}
    folder = made(tmp_path / "run", cell, numbers, [SHARE, {"model": "text-only", "at_least": "99%"}])
    page = " ".join(write_report(folder).with_name("report.md").read_text().split())
    assert "## What was expected" in page
    first = "text-only reaches 85 to 95 % of the intent accuracy of direct-mixing 100% | met | 90.3 % ["
    assert first in page.replace("\u00a0", " ")
    assert "text-only has at least 99 % intent accuracy | not met | 84.0 % [" in page.replace("\u00a0", " ")
    assert 'id="expected"' in (folder / "report.html").read_text() and "expect" not in page.partition("How it was")[2]
    other = made(tmp_path / "other", cell, numbers)
    write_comparison([folder, other], tmp_path / "both.html")
    assert 'id="expected"' not in (tmp_path / "both.html").read_text()


def test_a_page_without_expectations_says_nothing_of_them(cell) -> None:
    page = build_page([cell("text-only", None, 0.5)])
    assert expectations_of(page.results) == () and page.expected is None
    assert "expected" not in markdown(page) and 'id="expected"' not in html(page)


# --- as they are written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"model": "text-only"}, "needs either above, or at_least, at_most or both"),
        (SHARE | {"above": "curriculum 5%"}, "needs either above, or at_least"),
        ({"model": "a", "share_of": "b"}, "needs either above, or at_least"),
        ({"model": "a", "above": "a"}, "compares 'a' with itself"),
        ({"model": "a", "at_least": "50%", "at_most": "40%"}, "at_least 50.0% is more than at_most 40.0%"),
        ({"model": "a", "at_least": 0.85}, "is written in percent, such as 85%, not 0.85"),
        ({"model": "a", "at_least": "85 percent"}, "is written in percent"),
    ],
)
def test_what_cannot_be_judged_is_refused(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        expectation(**written)


def test_models_that_the_grid_does_not_have_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"no model of the grid is called 'curriculum 5%'; there are curriculum 100%, cu"
    ):
        experiment(expect=[{"model": "curriculum 5%", "above": "direct-mixing 50%"}])
    found = experiment(expect=[{"model": "curriculum 50%", "above": "direct-mixing 50%"}])
    assert type(found).model_validate(found.model_dump(mode="json")) == found


def test_a_range_is_read_as_it_was_written() -> None:
    one = expectation(**SHARE)
    assert (one.low, one.high) == (0.85, 0.95) and Expectation.model_validate(one.model_dump(mode="json")) == one
    assert expectation(model="a", at_most="40%").low == -math.inf
    sentence = expectation(**ABOVE).sentence("slu_f1")
    assert sentence == "curriculum 5% is above direct-mixing 5% in SLU F1, with intervals that do not overlap"
