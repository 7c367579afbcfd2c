"""Counts of scenario, action and intent of one utterance."""

import pytest

from eartune.metrics.counts import HIT, MISSED, SPURIOUS, WRONG
from eartune.metrics.exact_match import exact_match_counts
from eartune.metrics.intent import action_counts, intent_accuracy_counts, intent_counts, scenario_counts
from eartune.semantics import Entity, SemanticFrame

SET = SemanticFrame.of("alarm", "set")
QUERY = SemanticFrame.of("alarm", "query")
MUTE = SemanticFrame.of("audio", "volume_mute")
MONDAY, FRIDAY = Entity("date", "monday"), Entity("date", "friday")


def test_a_right_scenario_is_a_hit_even_with_a_wrong_action() -> None:
    assert scenario_counts(SET, QUERY) == {"alarm": HIT}
    assert action_counts(SET, QUERY) == {"set": MISSED, "query": SPURIOUS}
    assert intent_counts(SET, QUERY) == {"alarm_set": MISSED, "alarm_query": SPURIOUS}
    assert intent_accuracy_counts(SET, QUERY) == {"utterance": WRONG}


def test_no_answer_misses_the_gold_label_and_invents_none() -> None:
    assert scenario_counts(SET, None) == {"alarm": MISSED}
    assert action_counts(SET, None) == {"set": MISSED}
    assert intent_counts(SET, None) == {"alarm_set": MISSED}
    assert intent_accuracy_counts(SET, None) == {"utterance": WRONG}


def test_an_answer_without_scenario_misses_scenario_and_action_but_can_have_the_intent() -> None:
    bare = SemanticFrame("alarm_set")
    assert scenario_counts(SET, bare) == {"alarm": MISSED}
    assert action_counts(SET, bare) == {"set": MISSED}
    assert intent_counts(SET, bare) == {"alarm_set": HIT}


def test_an_action_with_an_underscore_is_compared_whole() -> None:
    assert action_counts(MUTE, SemanticFrame.of("audio", "mute")) == {"volume_mute": MISSED, "mute": SPURIOUS}


@pytest.mark.parametrize(
    ("gold", "said", "right"),
    [
        ((), (), True),
        ((MONDAY, FRIDAY), (FRIDAY, MONDAY), True),
        ((MONDAY,), (MONDAY, MONDAY), False),
        ((MONDAY, MONDAY), (MONDAY,), False),
        ((MONDAY,), (FRIDAY,), False),
    ],
    ids=["no entities", "other order", "said twice", "gold twice", "other filler"],
)
def test_exact_match_wants_the_same_pairs_as_often(
    gold: tuple[Entity, ...], said: tuple[Entity, ...], right: bool
) -> None:
    counts = exact_match_counts(SemanticFrame("order", gold), SemanticFrame("order", said))
    assert counts == {"utterance": HIT if right else WRONG}


def test_exact_match_wants_the_intent_too() -> None:
    assert exact_match_counts(SET, QUERY) == {"utterance": WRONG}
    assert exact_match_counts(SET, None) == {"utterance": WRONG}
