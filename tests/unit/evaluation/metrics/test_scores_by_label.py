"""Each label by itself, and how the labels make up the score of the whole."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import frame
from eartune.evaluation.metrics import Answered, Score, evaluate, evaluate_by_label

SET, QUERY = frame("alarm.set", "date:friday"), frame("alarm.query")
LABELLED = ["scenario_f1", "action_f1", "intent_f1", "entity_f1", "word_f1", "char_f1", "slu_f1"]

kinds = st.sampled_from(["date:friday", "date:this friday", "time:ten am", "place:home"])
frames = st.builds(
    lambda label, entities: frame(label, *entities),
    st.sampled_from(["alarm.set", "alarm.query", "play.set"]),
    st.lists(kinds, max_size=3),
)
corpora = st.lists(st.builds(Answered, frames, st.none() | frames, st.sampled_from("123")), min_size=1, max_size=12)


@pytest.mark.parametrize("mode", ["strict", "official"])
def test_each_label_is_scored_by_the_metrics_that_have_labels(mode: Any) -> None:
    rows = [Answered(SET, SET, "1"), Answered(SET, QUERY, "2"), Answered(QUERY, None, "3")]
    found = evaluate_by_label(rows, mode=mode, resamples=50)
    assert list(found) == LABELLED and list(found["entity_f1"]) == ["date"]
    unanswered = 1 if mode == "strict" else 0
    assert counts(found["intent_f1"]["alarm_set"]) == (1, 0, 1)
    assert counts(found["intent_f1"]["alarm_query"]) == (0, 1, unanswered)
    assert found["action_f1"]["set"].value == pytest.approx(2 / 3)
    assert all(score.n == 2 + unanswered for of_metric in found.values() for score in of_metric.values())


def test_slots_are_scored_where_there_is_no_scenario() -> None:
    order = frame("order", "size:small", "drink:latte")
    found = evaluate_by_label([Answered(order, frame("order", "size:large", "drink:latte"), "1")], resamples=50)
    assert {label: score.value for label, score in found["slot_f1"].items()} == {"drink": 1, "size": 0}
    assert list(found) == ["slot_f1"]


@pytest.mark.parametrize("row", [Answered(QUERY, QUERY, "1"), Answered(SET, None, "1")], ids=["no entity", "no answer"])
def test_labels_that_nobody_named_are_not_scored(row: Answered) -> None:
    found = evaluate_by_label([row], mode="official", resamples=10)
    assert {label for of_metric in found.values() for label in of_metric} <= {"alarm", "query", "alarm_query"}


@given(rows=corpora, mode=st.sampled_from(["strict", "official"]))
def test_the_counts_of_the_labels_add_up_to_the_micro_counts(rows: list[Answered], mode: Any) -> None:
    together = evaluate(rows, mode=mode, resamples=1)
    for name, of_metric in evaluate_by_label(rows, mode=mode, resamples=1).items():
        sums = [sum(column) for column in zip(*map(counts, of_metric.values()), strict=True)]
        assert sums == pytest.approx(counts(together[name]), abs=1e-9), name


@given(rows=corpora, mode=st.sampled_from(["strict", "official"]))
def test_the_mean_of_the_labels_is_the_macro_average(rows: list[Answered], mode: Any) -> None:
    together = evaluate(rows, mode=mode, average="macro", resamples=1)
    for name, of_metric in evaluate_by_label(rows, mode=mode, resamples=1).items():
        values = [score.value for score in of_metric.values()]
        assert sum(values) / len(values) == pytest.approx(together[name].value, abs=1e-9), name


def counts(score: Score) -> tuple[float | None, ...]:
    return score.true_positives, score.false_positives, score.false_negatives
