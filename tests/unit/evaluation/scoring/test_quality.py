"""What kind of answers they are, and what a forgiving reader makes of those that the strict one refuses."""

from pathlib import Path

import pytest

from builders import frame
from eartune.data.frame import Entity, SemanticFrame
from eartune.evaluation.metrics import evaluate
from eartune.evaluation.scoring.match import Pair, answers_to_score, match
from eartune.evaluation.scoring.quality import AnswerQuality, answer_quality, repair_answers
from eartune.evaluation.scoring.reference import Reference
from eartune.tasks.prediction import Prediction
from eartune.tasks.task import ParseStatus

GOLD = frame("alarm.set", "date:friday")
REFERENCE = Reference("s1", "Wake me on Friday, at ten.", "en-US", GOLD)


def pair(
    said: SemanticFrame | None = None,
    text: str = "",
    status: ParseStatus = ParseStatus.OK,
    reference: Reference = REFERENCE,
) -> Pair:
    """An answer to a reference; a frame, or a text that the strict reader refused."""
    return Pair(reference.id, reference, None, Prediction(reference.id, None, text, status, said))


def invented(said: SemanticFrame, reference: Reference = REFERENCE) -> tuple[int, int]:
    """Fillers that stand nowhere, and how many were looked up."""
    quality = answer_quality([pair(said, reference=reference)])
    return quality.invented, quality.checked


def test_answers_are_counted_by_status_in_the_order_of_statuses() -> None:
    statuses = [ParseStatus.TRUNCATED, ParseStatus.OK, ParseStatus.NOT_JSON, ParseStatus.OK]
    missing = Pair("s2", REFERENCE, None, None)
    quality = answer_quality([*(pair(status=status) for status in statuses), missing])
    assert list(quality.statuses.items()) == [("OK", 2), ("NOT_JSON", 1), ("TRUNCATED", 1)]
    assert quality.answers == 4
    assert quality.to_json()["statuses"] == {"OK": 0.5, "NOT_JSON": 0.25, "TRUNCATED": 0.25}


def test_labels_that_no_reference_has_are_counted_the_most_frequent_first() -> None:
    said = [frame("alarm.sett", "date:friday", "day:friday"), frame("alarm.set", "day:friday", "day:friday")]
    quality = answer_quality([pair(one) for one in said])
    assert list(quality.unknown_labels.items()) == [("day", 3), ("alarm_sett", 1)]


def test_where_nothing_was_answered_every_share_is_0() -> None:
    quality = answer_quality([Pair("s1", REFERENCE, None, None)])
    assert quality == AnswerQuality(answers=0, statuses={}, unknown_labels={}, invented=0, checked=0)
    assert quality.to_json()["invented_fillers"] == {"share": 0, "count": 0, "entities": 0}


@pytest.mark.parametrize(
    ("filler", "times"),
    [
        ("friday", 0),
        ("FRIDAY at ten", 0),
        ("on friday, at", 0),
        ("ten", 0),
        ("fri", 1),
        ("day", 1),
        ("friday ten", 1),
        ("monday", 1),
        ("ten o'clock", 1),
    ],
)
def test_a_filler_is_invented_unless_its_words_stand_together_in_the_reference(filler: str, times: int) -> None:
    assert invented(frame("alarm.set", f"date:{filler}")) == (times, 1)


@pytest.mark.parametrize(("filler", "times"), [("jessica's", 0), ("jessica 's", 0), ("jessicas", 1)])
def test_an_apostrophe_parts_words_on_both_sides_alike(filler: str, times: int) -> None:
    reference = Reference("s1", "call jessica 's mother", "en", GOLD)
    assert invented(frame("alarm.set", f"person:{filler}"), reference) == (times, 1)


@pytest.mark.parametrize("language", ["zh-CN", "zh", "ja-JP", "th-TH"])
@pytest.mark.parametrize(("filler", "times"), [("五点", 0), ("五 点", 0), ("明天五点", 0), ("六点", 1)])
def test_without_spaces_a_filler_may_stand_anywhere(language: str, filler: str, times: int) -> None:
    reference = Reference("s1", "请在明天\uff0c五点叫醒我", language, GOLD)
    assert invented(frame("alarm.set", f"time:{filler}"), reference) == (times, 1)


def test_only_fillers_that_can_be_looked_up_are_checked() -> None:
    assert invented(frame("alarm.set", "date:monday"), Reference("s1", None, "en", GOLD, ("a.wav",), (None,))) == (0, 0)
    located = Reference("s1", "on friday", "en-US", frame("alarm_set"), tokens=("on", "friday"))
    assert invented(frame("alarm_set", "date:friday @1"), located) == (0, 0)
    both = answer_quality([pair(frame("alarm.set", "date:friday", "time:noon"))])
    assert both.to_json()["invented_fillers"] == {"share": 0.5, "count": 1, "entities": 2}


CUT = '{"scenario":"alarm","action":"set","entities":[{"date":"friday"}'


def test_a_forgiving_reader_reads_only_what_the_strict_one_did_not() -> None:
    pairs = [
        pair(frame("alarm.query"), text=CUT),
        pair(None, CUT, ParseStatus.TRUNCATED),
        pair(None, "Friday, I think.", ParseStatus.NOT_JSON),
        Pair("s4", REFERENCE, None, None),
    ]
    found = repair_answers(pairs)
    assert [one.prediction.answer if one.prediction else None for one in found] == [
        frame("alarm.query"),
        GOLD,
        None,
        None,
    ]
    assert found[1].prediction and found[1].prediction.status == ParseStatus.TRUNCATED
    assert [pairs[n] == found[n] for n in range(4)] == [True, False, True, True]


def test_a_repaired_answer_scores_as_if_it_had_been_whole() -> None:
    strict, forgiven = (answers_to_score(pairs) for pairs in ([pair(None, CUT)], repair_answers([pair(None, CUT)])))
    assert {score.value for score in evaluate(strict, resamples=0).values()} == {0}
    assert {score.value for score in evaluate(forgiven, resamples=0).values()} == {1}


def test_a_repaired_answer_has_its_slots_by_place_where_the_reference_has() -> None:
    gold = SemanticFrame("alarm_set", (Entity("date", "friday @1"),))
    reference = Reference("7", "on friday", "en-US", gold, tokens=("on", "friday"))
    cut = Prediction("7", None, '{"intent":"alarm_set","entities":[{"date":"Friday"}', ParseStatus.TRUNCATED, None)
    (found,) = repair_answers(match([reference], [cut], Path("said.jsonl"), "strict").pairs)
    assert found.prediction and found.prediction.answer == gold
