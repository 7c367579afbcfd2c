"""Marks of scenario, action and intent of one utterance."""

import pytest

from eartune.data.frame import Entity, SemanticFrame
from eartune.evaluation.metrics.counts import Mark, hit, missed, spurious
from eartune.evaluation.metrics.exact_match import exact_match_marks
from eartune.evaluation.metrics.intent import action_marks, intent_accuracy_marks, intent_marks, scenario_marks

SET = SemanticFrame.of("alarm", "set")
QUERY = SemanticFrame.of("alarm", "query")
MUTE = SemanticFrame.of("audio", "volume_mute")
RIGHT, WRONG = Mark("utterance", 1, 0, 0), Mark("utterance", 0, 1, 1)
MONDAY, FRIDAY = Entity("date", "monday"), Entity("date", "friday")


def test_a_right_scenario_is_a_hit_even_with_a_wrong_action() -> None:
    assert scenario_marks(SET, QUERY) == [hit("alarm")]
    assert action_marks(SET, QUERY) == [missed("set"), spurious("query")]
    assert intent_marks(SET, QUERY) == [missed("alarm_set"), spurious("alarm_query")]
    assert intent_accuracy_marks(SET, QUERY) == [WRONG]


def test_no_answer_misses_the_gold_label_and_invents_none() -> None:
    assert scenario_marks(SET, None) == [missed("alarm")]
    assert action_marks(SET, None) == [missed("set")]
    assert intent_marks(SET, None) == [missed("alarm_set")]
    assert intent_accuracy_marks(SET, None) == [WRONG]


def test_an_answer_without_scenario_misses_scenario_and_action_but_can_have_the_intent() -> None:
    bare = SemanticFrame("alarm_set")
    assert scenario_marks(SET, bare) == [missed("alarm")]
    assert action_marks(SET, bare) == [missed("set")]
    assert intent_marks(SET, bare) == [hit("alarm_set")]


def test_an_action_with_an_underscore_is_compared_whole() -> None:
    assert action_marks(MUTE, SemanticFrame.of("audio", "mute")) == [missed("volume_mute"), spurious("mute")]


@pytest.mark.parametrize(
    ("gold", "said", "right"),
    [
        ((), (), True),
        ((MONDAY, FRIDAY), (FRIDAY, MONDAY), True),
        ((MONDAY,), (MONDAY, MONDAY), False),
        ((MONDAY, MONDAY), (MONDAY,), False),
        ((MONDAY, MONDAY, FRIDAY), (MONDAY, FRIDAY, FRIDAY), False),
        ((MONDAY,), (FRIDAY,), False),
    ],
    ids=["no entities", "other order", "said twice", "gold twice", "another one twice", "other filler"],
)
def test_exact_match_wants_the_same_pairs_as_often(
    gold: tuple[Entity, ...], said: tuple[Entity, ...], right: bool
) -> None:
    marks = exact_match_marks(SemanticFrame("order", gold), SemanticFrame("order", said))
    assert marks == [RIGHT if right else WRONG]


def test_exact_match_wants_the_intent_too() -> None:
    assert exact_match_marks(SET, QUERY) == [WRONG]
    assert exact_match_marks(SET, None) == [WRONG]
