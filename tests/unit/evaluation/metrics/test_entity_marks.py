"""Marks of the entities of one utterance; whole-corpus numbers are in tests/golden/slurp_scorer."""

import pytest

from eartune.data.frame import Entity, SemanticFrame
from eartune.evaluation.metrics.counts import Mark, hit, missed, spurious
from eartune.evaluation.metrics.entities import char_marks, span_marks, word_marks
from eartune.evaluation.metrics.evaluate import Answered, evaluate_by_label
from eartune.evaluation.metrics.metric import Measure


def frame(*pairs: tuple[str, str]) -> SemanticFrame:
    return SemanticFrame.of("alarm", "set", [Entity(*pair) for pair in pairs])


GOLD = frame(("date", "monday"), ("time", "ten am"))


def test_what_is_said_is_marked_in_order_and_then_what_is_missed() -> None:
    said = frame(("date", "monday"), ("place", "home"), ("time", "10 am"))
    assert span_marks(GOLD, said) == [hit("date"), spurious("place"), spurious("time"), missed("time")]
    assert word_marks(GOLD, said) == [hit("date"), spurious("place"), Mark("time", 1, 0.5, 0.5)]


def test_slu_counts_are_the_sums_of_word_and_character_counts() -> None:
    of_metric = evaluate_by_label([Answered(GOLD, frame(("time", "10 am now")), "1")], resamples=1)
    word, char, slu = (of_metric[name]["time"].to_json() for name in ("word_f1", "char_f1", "slu_f1"))
    for count in ("true_positives", "false_positives", "false_negatives"):
        assert slu[count] == word[count] + char[count] > 0
    assert of_metric["slu_f1"]["date"].false_negatives == 2


@pytest.mark.parametrize("measure", [span_marks, word_marks, char_marks])
def test_no_answer_misses_every_gold_entity(measure: Measure) -> None:
    assert measure(GOLD, None) == [missed("date"), missed("time")]


def test_equal_distances_go_to_the_first_gold_entity() -> None:
    gold = frame(("date", "aa"), ("date", "ab"), ("date", "bb"))
    # "ba" is one edit from "aa" and from "bb"; it takes "aa", and so leaves "bb" to the second prediction.
    marks = char_marks(gold, frame(("date", "ba"), ("date", "bb")))
    assert marks == [Mark("date", 1, 0.5, 0.5), hit("date"), missed("date")]


def test_a_gold_filler_without_words_is_refused_with_its_text() -> None:
    with pytest.raises(ValueError, match="gold filler '  ' has no words"):
        word_marks(frame(("date", "  ")), frame(("date", "monday")))
