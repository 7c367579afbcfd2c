"""What a frame is made of."""

from builders import frame
from eartune.data.frame import Entity, SemanticFrame


def test_the_intent_is_scenario_and_action_where_there_are_both() -> None:
    found = SemanticFrame.of("alarm", "set", [Entity("date", "friday")])
    assert (found.intent, found.scenario, found.action) == ("alarm_set", "alarm", "set")
    assert found.entities == (Entity("date", "friday"),)


def test_an_intent_alone_has_neither_scenario_nor_action() -> None:
    assert (SemanticFrame("orderDrink").scenario, SemanticFrame("orderDrink").action) == (None, None)


def test_a_scenario_with_the_same_intent_is_another_frame() -> None:
    assert SemanticFrame.of("alarm", "set") != SemanticFrame("alarm_set")


def test_the_order_of_entities_is_part_of_a_frame_and_repeats_are_kept() -> None:
    assert frame("a", "date:monday", "date:friday") != frame("a", "date:friday", "date:monday")
    assert len(frame("a", "date:monday", "date:monday").entities) == 2
