"""A forgiving reader makes a frame of cut, fenced and chatty answers, and none of prose; it never raises."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from builders import frame
from eartune.data.frame import Entity, SemanticFrame
from eartune.tasks.repair import repair
from eartune.tasks.slu import Schema, parse, target

ALARM = frame("alarm.set", "date:this friday", "time:ten am")
JSON = '{"scenario":"alarm","action":"set","entities":[{"date":"this friday"},{"time":"ten am"}]}'

FORGIVEN = {
    "nothing wrong": JSON,
    "fenced": f"```json\n{JSON}\n```",
    "fence without a name": f"```\n{JSON}```",
    "trailing prose": f"{JSON}\nI hope that this helps! {{smile}}",
    "leading prose": f"Sure, here is the frame you asked for: {JSON}",
    "heading": f"# {JSON}",
    "single quotes": JSON.replace('"', "'"),
    "spread over lines": json.dumps(json.loads(JSON), indent=4),
    "a comma too many": JSON.replace("}]", "},]"),
    "a comma missing": JSON.replace("},{", "} {"),
    "no closing brackets": JSON.removesuffix("}]}"),
    "cut inside the last filler": JSON.removesuffix('"}]}'),
    "types and fillers": '{"scenario":"alarm","action":"set","entities":'
    '[{"type":"date","filler":"this friday"},{"type":"time","filler":"ten am"}]}',
    "one object for all entities": '{"scenario":"alarm","action":"set","entities":'
    '{"date":"this friday","time":"ten am"}}',
    "a key too many": JSON.replace('"action"', '"confidence":0.9,"action"'),
    "the same twice": f"{JSON}\n{JSON}",
    "in a list": f"[{JSON}]",
    "prose in braces before it": f"The {{user}} wants {JSON}",
}

NOTHING = {
    "empty": "",
    "prose": "The user wants an alarm at ten.",
    "prose in braces": "The user {who is tired} wants an alarm.",
    "names alone": "scenario: alarm, action: set",
    "a list": '["alarm", "set"]',
    "no action": '{"scenario":"alarm","entities":[]}',
    "an empty scenario": '{"scenario":"","action":"set"}',
    "a scenario that is a number": '{"scenario":5,"action":"set"}',
    "cut before the action": '{"scenario":"alarm","act',
    "one opening brace": "{",
}

# What answers are made of; any text of these should be survived, and so should any text at all.
PIECES = [*'{}[]":,', "'", "\\", "\\u", "```json", "\n", "//", "/*", "true", "1e9", "\ud800", "é", "scenario", "a"]
ENTITIES = st.lists(st.builds(Entity, st.text("dat e", min_size=1), st.text("on 'é")), max_size=3)


@pytest.mark.parametrize("answer", FORGIVEN.values(), ids=FORGIVEN)
def test_form_is_forgiven(answer: str) -> None:
    assert repair(answer) == ALARM


@pytest.mark.parametrize("answer", NOTHING.values(), ids=NOTHING)
def test_where_there_are_no_labels_none_are_found(answer: str) -> None:
    assert repair(answer) is None


@pytest.mark.parametrize("length", range(JSON.index('"entities"'), len(JSON)))
def test_an_answer_cut_anywhere_after_its_labels_keeps_them_and_the_whole_entities(length: int) -> None:
    found = repair(JSON[:length])
    assert found and (found.scenario, found.action) == ("alarm", "set")
    if length > JSON.index("},{"):
        assert found.entities[0] == ALARM.entities[0]
    for entity, whole in zip(found.entities, ALARM.entities, strict=False):
        assert whole.type.startswith(entity.type) and whole.filler.startswith(entity.filler)


def test_an_intent_alone_is_read_where_no_scenario_is_asked() -> None:
    cut = '{"intent": "orderDrink", "entities": [{"size": "small"}, {"drink": "lat'
    assert repair(cut) == frame("orderDrink", "size:small", "drink:lat")


def test_entities_that_are_no_texts_are_left_out() -> None:
    answer = '{"intent":"a","entities":[{"date":5},{"time":null},"friday",{"place":"home"},{"":"x"},[]]}'
    assert repair(answer) == frame("a", "place:home")


@pytest.mark.parametrize("entities", ["null", "[]", "{}", '"friday"', "5"])
def test_without_entities_the_labels_stand_alone(entities: str) -> None:
    assert repair(f'{{"intent":"a","entities":{entities}}}') == frame("a")


@given(intent=st.text("abc_é", min_size=1), entities=ENTITIES)
def test_what_the_strict_reader_reads_is_read_the_same(intent: str, entities: list[Entity]) -> None:
    meaning = SemanticFrame(intent, tuple(entities))
    answer = target(meaning)
    assert repair(answer) == parse(answer, Schema.of([meaning]))[0] == meaning


@settings(max_examples=100)
@given(answer=st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
@example(answer='{"```json9```')
@example(answer="{" * 1_500)
@example(answer='{"a":' * 5_000)
@example(answer="{" + "[" * 100_000)
@example(answer='{"intent":"a","n":' + "9" * 5_000 + "}")
@example(answer='{"scenario":"\\ud800","action":"set","entities":[{"date":"\\ud800"}]}')
def test_any_answer_is_read_or_refused_and_what_is_read_can_be_written(answer: str) -> None:
    found = repair(answer)
    if found:
        for text in (found.intent, *(part for entity in found.entities for part in (entity.type, entity.filler))):
            assert isinstance(text, str)
            text.encode("utf-8")
