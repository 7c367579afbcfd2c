"""Scores of whole corpora: which keys, what strict and official count, and what holds for any predictions."""

import random
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eartune.data.frame import Entity, SemanticFrame
from eartune.evaluation.metrics import DEFINITIONS, MASSIVE_DEFINITIONS, Answered, Score, evaluate
from eartune.evaluation.metrics.confidence import score_intervals
from eartune.evaluation.metrics.evaluate import clusters_of, metric_tables
from eartune.evaluation.metrics.frame_metrics import INTENT_METRICS, SCENARIO_METRICS

SET = SemanticFrame.of("alarm", "set", [Entity("date", "friday")])
QUERY = SemanticFrame.of("alarm", "query")
ORDER = SemanticFrame("orderDrink", (Entity("size", "small"), Entity("coffeeDrink", "latte")))

entities = st.builds(Entity, st.sampled_from(["date", "time"]), st.sampled_from(["monday", "ten am", "10 am", "now"]))
frames = st.builds(
    SemanticFrame.of,
    st.sampled_from(["alarm", "play"]),
    st.sampled_from(["set", "query"]),
    st.lists(entities, max_size=3),
)
corpora = st.lists(
    st.builds(Answered, frames, st.none() | frames, st.sampled_from(["1", "2", "3", "4"])), min_size=1, max_size=12
)
any_corpus = given(
    rows=corpora, mode=st.sampled_from(["strict", "official"]), average=st.sampled_from(["micro", "macro"])
)
few = settings(max_examples=40, deadline=None)


def test_references_with_scenario_get_every_slurp_metric() -> None:
    assert list(evaluate([Answered(SET, QUERY, "1")], resamples=10)) == list(SCENARIO_METRICS)


def test_references_without_scenario_get_accuracy_slots_and_exact_match() -> None:
    half = replace(ORDER, entities=ORDER.entities[:1])
    scores = evaluate(
        [Answered(ORDER, ORDER, "1"), Answered(ORDER, half, "2"), Answered(ORDER, None, "3")], resamples=10
    )
    values = {name: score.value for name, score in scores.items()}
    assert values == pytest.approx(
        {"intent_accuracy": 2 / 3, "intent_macro_f1": 4 / 5, "slot_f1": 2 * 3 / (3 + 6), "exact_match": 1 / 3}
    )
    assert (scores["slot_f1"].precision, scores["slot_f1"].recall) == pytest.approx((1, 0.5))


def test_every_metric_is_defined() -> None:
    assert set(DEFINITIONS) == set(MASSIVE_DEFINITIONS) == {*SCENARIO_METRICS, *INTENT_METRICS}


def test_strict_counts_a_missing_answer_as_missed_and_not_as_spurious() -> None:
    rows = [Answered(SET, SET, "1"), Answered(SET, None, "2")]
    strict, official = (evaluate(rows, mode=mode, resamples=10) for mode in ("strict", "official"))
    assert counts(strict["intent_f1"]) == counts(strict["entity_f1"]) == (1, 0, 1)
    assert counts(strict["slu_f1"]) == (2, 0, 2)
    assert counts(official["intent_f1"]) == counts(official["entity_f1"]) == (1, 0, 0)
    assert (strict["exact_match"].value, strict["exact_match"].n) == (0.5, 2)
    assert (official["exact_match"].value, official["exact_match"].n) == (1, 1)


def test_macro_weighs_labels_alike_also_those_that_were_only_predicted() -> None:
    rows = [Answered(SET, SET, "1"), Answered(SET, SET, "2"), Answered(SET, QUERY, "3")]
    scores = evaluate(rows, average="macro", resamples=10)
    # "alarm_set" has precision 1 and recall 2/3; "alarm_query" was never gold and has 0.
    assert scores["intent_f1"].value == pytest.approx((0.8 + 0) / 2)
    assert scores["intent_f1"].precision == pytest.approx(0.5)
    assert scores["intent_accuracy"].value == pytest.approx(2 / 3)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_the_macro_f1_of_intents_is_one_whatever_the_average(average: Any) -> None:
    rows = [Answered(SET, SET, "1"), Answered(SET, SET, "2"), Answered(SET, QUERY, "3")]
    score = evaluate(rows, average=average, resamples=10)["intent_macro_f1"]
    assert (score.value, score.precision, counts(score)) == (pytest.approx(0.4), pytest.approx(0.5), (2, 1, 1))


def test_without_any_entity_the_entity_scores_are_0_and_unknown() -> None:
    score = evaluate([Answered(QUERY, QUERY, "1")], resamples=10)["slu_f1"]
    assert (score.value, score.low, score.high, score.n) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("rows", "choices", "sentence"),
    [
        ([], {}, "there is nothing to evaluate: the list of utterances is empty"),
        ([Answered(SET, SET, "1"), Answered(ORDER, ORDER, "2")], {}, "1 of 2 references name a scenario"),
        (
            [Answered(SET, SET, "1")],
            {"mode": "lenient"},
            "the mode 'lenient' is not known; use one of strict, official",
        ),
        ([Answered(SET, SET, "1")], {"average": "weighted"}, "the average 'weighted' is not known"),
        ([Answered(SET, SET, "1")], {"resamples": -1}, "there cannot be -1 resamples"),
    ],
    ids=["empty", "mixed corpora", "unknown mode", "unknown average", "fewer than no resamples"],
)
def test_what_cannot_be_evaluated_is_refused(rows: list[Answered], choices: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        evaluate(rows, **choices)


@few
@any_corpus
def test_values_and_intervals_are_fractions_in_order(rows: list[Answered], mode: Any, average: Any) -> None:
    for score in evaluate(rows, mode=mode, average=average, resamples=50).values():
        assert 0 <= score.low <= score.value <= score.high <= 1


@few
@given(rows=corpora)
def test_micro_percentiles_hold_the_value_without_being_stretched(rows: list[Answered]) -> None:
    # Macro's need not: a draw lacks some of the rare labels, and is scored without them.
    clusters = clusters_of(rows)
    tables = metric_tables(rows, clusters, SCENARIO_METRICS, "micro")
    del tables["intent_macro_f1"]
    intervals = score_intervals(list(tables.values()), clusters.strata, resamples=400, seed=0)
    scores = evaluate(rows, resamples=1)
    for name, (low, high) in zip(tables, intervals, strict=True):
        assert low - 1e-12 <= scores[name].value <= high + 1e-12


@few
@any_corpus
def test_row_order_does_not_matter(rows: list[Answered], mode: Any, average: Any) -> None:
    shuffled = random.Random(0).sample(rows, len(rows))
    one, other = (evaluate(order, mode=mode, average=average, resamples=50) for order in (rows, shuffled))
    for name, score in one.items():
        assert other[name].to_json() == pytest.approx(score.to_json(), abs=1e-9)


@few
@given(rows=corpora, average=st.sampled_from(["micro", "macro"]))
def test_perfect_predictions_score_1(rows: list[Answered], average: Any) -> None:
    perfect = [replace(row, predicted=row.reference) for row in rows]
    some_entity = any(row.reference.entities for row in rows)
    for name, score in evaluate(perfect, average=average, resamples=50).items():
        if some_entity or not name.startswith(("entity", "word", "char", "slu")):
            assert (score.value, score.low, score.high) == (1, 1, 1), name


@few
@given(rows=corpora)
def test_strict_never_exceeds_official_accuracy(rows: list[Answered]) -> None:
    strict, official = (evaluate(rows, mode=mode, resamples=5) for mode in ("strict", "official"))
    if official["intent_accuracy"].n:
        for name in ("intent_accuracy", "exact_match"):
            assert strict[name].value <= official[name].value


def test_recordings_of_one_sentence_widen_the_interval() -> None:
    sentences = [(str(n), SET if n % 3 else QUERY) for n in range(40)]
    rows = [Answered(SET, said, sentence) for sentence, said in sentences for _ in range(5)]
    alone = [replace(row, cluster=str(place)) for place, row in enumerate(rows)]
    by_sentence, by_recording = (evaluate(r, resamples=2_000)["intent_accuracy"] for r in (rows, alone))
    # Five recordings that agree are one piece of news: sqrt(5) as wide.
    assert width(by_sentence) == pytest.approx(5**0.5 * width(by_recording), rel=0.15)


def test_slurp_sized_evaluation_takes_seconds() -> None:
    said = [SET, QUERY, None, SemanticFrame.of("alarm", "set", [Entity("date", "monday morning")])]
    rows = [Answered(SET, said[place % 4], str(place % 4_001)) for place in range(13_078)]
    started = time.process_time()
    evaluate(rows)
    # 1.5 s on an idle core, several times that on a busy one, and minutes if every draw loops over clusters.
    assert time.process_time() - started < 60


def test_metrics_need_neither_torch_nor_scipy() -> None:
    program = "import sys, eartune.evaluation.metrics; print(sorted({'torch', 'scipy', 'jiwer'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def counts(score: Score) -> tuple[float | None, ...]:
    return score.true_positives, score.false_positives, score.false_negatives


def width(score: Score) -> float:
    return score.high - score.low
