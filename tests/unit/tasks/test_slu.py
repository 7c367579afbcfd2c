"""The answer to learn is read back as it was; whatever else a model says gets a status and never an exception."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import frame
from eartune.data.frame import Entity, SemanticFrame
from eartune.errors import InputError
from eartune.tasks.slu import Schema, SluTask, instruction, parse, target
from eartune.tasks.task import ParseStatus

words = st.text(max_size=12)
entities = st.lists(st.builds(Entity, words, words), max_size=4).map(tuple)
frames = st.builds(SemanticFrame.of, words, words, entities) | st.builds(SemanticFrame, words, entities)

ALARM = frame("alarm.set", "date:friday", "time:ten am")
ORDER = frame("orderDrink", "size:small")
SLURP = Schema.of([ALARM])
COFFEE = Schema.of([ORDER])


@given(meant=frames)
def test_a_target_is_read_back_as_it_was_meant(meant: SemanticFrame) -> None:
    assert parse(target(meant), Schema.of([meant])) == (meant, ParseStatus.OK)


@given(meant=frames)
def test_a_target_is_one_line(meant: SemanticFrame) -> None:
    assert not set(target(meant)) & set("\n\r")


@pytest.mark.parametrize(
    ("meant", "learned"),
    [
        (ALARM, '{"scenario":"alarm","action":"set","entities":[{"date":"friday"},{"time":"ten am"}]}'),
        (ORDER, '{"intent":"orderDrink","entities":[{"size":"small"}]}'),
        (frame("alarm.query"), '{"scenario":"alarm","action":"query","entities":[]}'),
        (frame("a", "date:monday", "date:friday"), '{"intent":"a","entities":[{"date":"monday"},{"date":"friday"}]}'),
        (frame("ort", "stadt:Köln", "市:東京"), '{"intent":"ort","entities":[{"stadt":"Köln"},{"市":"東京"}]}'),
        (frame("a", 'say:he said "hi" \\ 😀'), '{"intent":"a","entities":[{"say":"he said \\"hi\\" \\\\ 😀"}]}'),
    ],
)
def test_a_target_is_compact_with_its_keys_in_the_papers_order_and_no_ascii_escapes(
    meant: SemanticFrame, learned: str
) -> None:
    assert target(meant) == learned


def test_entities_can_be_asked_for_by_type() -> None:
    meant = frame("a", "size:small", "drink:mocha", "drink:latte")
    assert (
        target(meant, "by-type") == '{"intent":"a","entities":[{"drink":"latte"},{"drink":"mocha"},{"size":"small"}]}'
    )


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (target(ALARM), ParseStatus.OK),
        (f"\n  {target(ALARM)} \n", ParseStatus.OK),
        ('{"entities": [], "action": "set", "scenario": "alarm"}', ParseStatus.OK),
        ('{"scenario":"alarm","action":"set","entities":[{}]}', ParseStatus.OK),
        ('{"scenario":"alarm","action":"set","entities":[{"date":"a","time":"b"}]}', ParseStatus.OK),
        ('{"scenario":"alarm","action":"query","entities":[]}', ParseStatus.UNKNOWN_LABEL),
        ('{"scenario":"alarm","action":"set","entities":[{"place":"here"}]}', ParseStatus.UNKNOWN_LABEL),
        ('{"scenario":"","action":"","entities":[]}', ParseStatus.UNKNOWN_LABEL),
        (target(ORDER), ParseStatus.WRONG_SHAPE),
        ("{}", ParseStatus.WRONG_SHAPE),
        ("[]", ParseStatus.WRONG_SHAPE),
        ("5", ParseStatus.WRONG_SHAPE),
        ("null", ParseStatus.WRONG_SHAPE),
        ("NaN", ParseStatus.WRONG_SHAPE),
        ('"alarm"', ParseStatus.WRONG_SHAPE),
        ('{"scenario":"alarm","action":"set"}', ParseStatus.WRONG_SHAPE),
        ('{"scenario":"alarm","action":"set","entities":[],"sure":true}', ParseStatus.WRONG_SHAPE),
        ('{"scenario":"alarm","action":null,"entities":[]}', ParseStatus.WRONG_SHAPE),
        ('{"scenario":"alarm","action":"set","entities":{"date":"friday"}}', ParseStatus.WRONG_SHAPE),
        ('{"scenario":"alarm","action":"set","entities":["friday"]}', ParseStatus.WRONG_SHAPE),
        ('{"scenario":"alarm","action":"set","entities":[{"date":5}]}', ParseStatus.WRONG_SHAPE),
        ('{"scenario":"alarm","action":"set","entities":[{"date":NaN}]}', ParseStatus.WRONG_SHAPE),
        ('{"scenario":"alarm","action":"set","entities":[{"date":["friday"]}]}', ParseStatus.WRONG_SHAPE),
        ("", ParseStatus.NOT_JSON),
        ("I set an alarm.", ParseStatus.NOT_JSON),
        (f"Sure: {target(ALARM)}", ParseStatus.NOT_JSON),
        (f"{target(ALARM)} Done.", ParseStatus.NOT_JSON),
        (f"{target(ALARM)}{target(ALARM)}", ParseStatus.NOT_JSON),
        (f"```json\n{target(ALARM)}\n```", ParseStatus.NOT_JSON),
        ("{'scenario': 'alarm', 'action': 'set', 'entities': []}", ParseStatus.NOT_JSON),
        ('{"scenario":"alarm" "action":"set","entities":[]}', ParseStatus.NOT_JSON),
        ('{"scenario":"a\nb","action":"set","entities":[]}', ParseStatus.NOT_JSON),
        ('{"scenario":"alarm","action":"set","entities":[', ParseStatus.TRUNCATED),
        ('{"scenario":"ala', ParseStatus.TRUNCATED),
        ('  {"scenario":  ', ParseStatus.TRUNCATED),
        ("{", ParseStatus.TRUNCATED),
    ],
)
def test_every_answer_gets_a_status(answer: str, status: ParseStatus) -> None:
    read, found = parse(answer, SLURP)
    assert found is status
    assert (read is not None) == (status in (ParseStatus.OK, ParseStatus.UNKNOWN_LABEL))


@pytest.mark.parametrize(
    "answer",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000,
        '{"intent":"orderDrink","entities":' + "9" * 5000 + "}",
    ],
    ids=["open brackets", "closed brackets", "objects", "integer"],
)
def test_an_answer_too_deep_or_too_large_to_read_is_no_json(answer: str) -> None:
    assert parse(answer, COFFEE) == (None, ParseStatus.NOT_JSON)


def test_an_answer_of_another_kind_of_corpus_has_the_wrong_shape() -> None:
    assert parse(target(ALARM), COFFEE) == (None, ParseStatus.WRONG_SHAPE)


def test_unknown_labels_are_kept_to_be_scored() -> None:
    assert parse(target(frame("orderTea")), COFFEE) == (frame("orderTea"), ParseStatus.UNKNOWN_LABEL)


@pytest.mark.parametrize(
    "answer",
    [
        '{"intent":"a","intent":"orderDrink","entities":[{"size":"small"}]}',
        '{"intent":"orderDrink","intent":"orderDrink","entities":[{"size":"small"}]}',
        '{"intent":"orderDrink","entities":[{"size":"large","size":"small"}]}',
        '{"intent":"orderDrink","entities":[],"entities":[{"size":"small"}]}',
    ],
)
def test_an_answer_with_a_key_twice_has_the_wrong_shape(answer: str) -> None:
    """The last value counted, so that such an answer was scored as exact; another parser keeps the first."""
    assert parse(answer, COFFEE) == (None, ParseStatus.WRONG_SHAPE)


def test_half_a_surrogate_pair_becomes_something_that_a_file_can_hold() -> None:
    read, status = parse('{"intent":"\\ud800","entities":[{"\\udfff":"\\ud83d"}]}', COFFEE)
    assert read is not None and status is ParseStatus.UNKNOWN_LABEL
    json.dumps([read.intent, read.entities[0].type, read.entities[0].filler], ensure_ascii=False).encode("utf-8")


@given(meant=frames, escaped=st.booleans(), data=st.data())
def test_an_answer_cut_anywhere_is_called_truncated(meant: SemanticFrame, escaped: bool, data: st.DataObject) -> None:
    answer = json.dumps(json.loads(target(meant)), ensure_ascii=escaped)
    cut = data.draw(st.integers(1, len(answer) - 1))
    assert parse(answer[:cut], Schema.of([meant])) == (None, ParseStatus.TRUNCATED)


@pytest.mark.parametrize("meant", [ALARM, ORDER, frame("ort", 'say:\\ " \x00 Köln 😀')], ids=lambda meant: meant.intent)
@pytest.mark.parametrize("escaped", [False, True])
def test_an_answer_cut_at_every_place_is_called_truncated(meant: SemanticFrame, escaped: bool) -> None:
    answer = json.dumps(json.loads(target(meant)), ensure_ascii=escaped)
    found = {cut: parse(answer[:cut], Schema.of([meant]))[1] for cut in range(1, len(answer))}
    assert {answer[:cut]: status for cut, status in found.items() if status is not ParseStatus.TRUNCATED} == {}


@given(answer=st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "replace")))
def test_no_answer_raises(answer: str) -> None:
    read, status = parse(answer, SLURP)
    assert (read is not None) == (status in (ParseStatus.OK, ParseStatus.UNKNOWN_LABEL))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["intent", "entities", "scenario", "action", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(value=json_values)
def test_no_json_raises(value: object) -> None:
    assert parse(json.dumps(value), COFFEE)[1] in (ParseStatus.WRONG_SHAPE, ParseStatus.UNKNOWN_LABEL, ParseStatus.OK)


def test_a_schema_holds_the_labels_of_its_frames() -> None:
    schema = Schema.of([ALARM, frame("music.play", "song:hello")])
    pairs = frozenset({("alarm", "set"), ("music", "play")})
    assert schema == Schema(frozenset({"alarm_set", "music_play"}), frozenset({"date", "time", "song"}), True, pairs)
    assert schema.knows(frame("music.play", "date:today"))
    assert not schema.knows(frame("music.stop")) and not schema.knows(frame("music.play", "genre:jazz"))


@pytest.mark.parametrize(
    ("meaning", "metric"),
    [
        (frame("alarm.set"), "slu_f1"),
        (frame("orderDrink", "size:small"), "slot_f1"),
        (frame("orderDrink"), "intent_accuracy"),  # its slot F1 would be 0 of 0
    ],
    ids=str,
)
def test_reports_are_about_a_metric_that_counts_something(meaning: SemanticFrame, metric: str) -> None:
    assert SluTask().main_metric(Schema.of([meaning])) == metric


def test_a_task_has_scenarios_everywhere_or_nowhere() -> None:
    with pytest.raises(InputError, match="some utterances have scenario and action, some an intent alone"):
        Schema.of([ALARM, ORDER])


def test_the_wording_is_the_papers() -> None:
    assert instruction(has_scenario=True) == (
        "Extract scenario, action, and entities (empty list if none) and return a single-line JSON: "
        '{"scenario": "<string>", "action": "<string>", "entities": [{"<entity_type>": "<entity_value>"}, ...]}'
    )
    assert instruction(has_scenario=False) == (
        "Extract intent and entities (empty list if none) and return a single-line JSON: "
        '{"intent": "<string>", "entities": [{"<entity_type>": "<entity_value>"}, ...]}'
    )
