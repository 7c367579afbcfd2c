"""Counts of entities of one utterance, label by label; whole-corpus numbers are in tests/golden/slurp_scorer."""

import pytest

from eartune.metrics.counts import MISSED, Counts
from eartune.metrics.entities import char_counts, span_counts, word_counts
from eartune.metrics.evaluate import Measure
from eartune.metrics.slu_f1 import slu_counts
from eartune.semantics import Entity, SemanticFrame


def frame(*pairs: tuple[str, str]) -> SemanticFrame:
    return SemanticFrame.of("alarm", "set", [Entity(*pair) for pair in pairs])


GOLD = frame(("date", "monday"), ("time", "ten am"))


def test_counts_are_kept_by_type() -> None:
    said = frame(("date", "monday"), ("place", "home"), ("time", "10 am"))
    assert span_counts(GOLD, said) == {"date": Counts(1, 0, 0), "place": Counts(0, 1, 0), "time": Counts(0, 1, 1)}
    assert word_counts(GOLD, said) == {"date": Counts(1, 0, 0), "place": Counts(0, 1, 0), "time": Counts(1, 0.5, 0.5)}


def test_slu_counts_are_the_sums_of_word_and_character_counts() -> None:
    said = frame(("time", "10 am now"))
    word, char = word_counts(GOLD, said)["time"], char_counts(GOLD, said)["time"]
    assert slu_counts(GOLD, said) == {"time": word + char, "date": MISSED + MISSED}


@pytest.mark.parametrize("measure", [span_counts, word_counts, char_counts])
def test_no_answer_misses_every_gold_entity(measure: Measure) -> None:
    assert measure(GOLD, None) == {"date": MISSED, "time": MISSED}


def test_equal_distances_go_to_the_first_gold_entity() -> None:
    gold = frame(("date", "aa"), ("date", "ab"), ("date", "bb"))
    # "ba" is one edit from "aa" and from "bb"; it takes "aa", and so leaves "bb" to the second prediction.
    assert char_counts(gold, frame(("date", "ba"), ("date", "bb"))) == {"date": Counts(2, 0.5, 1.5)}


def test_a_gold_filler_without_words_is_refused_with_its_text() -> None:
    with pytest.raises(ValueError, match="gold filler '  ' has no words"):
        word_counts(frame(("date", "  ")), frame(("date", "monday")))
