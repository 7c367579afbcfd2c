"""A search that is held to a schema writes nothing else, and everything that a schema allows can be written."""

import json
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Utterance
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.generation.beam_search import Answer
from eartune.models.generation.json_constraint import Constraint
from eartune.tasks.classification import Classes, ClassificationTask
from eartune.tasks.slu import Schema, SluTask, grammar, parse, target
from eartune.tasks.task import Grammar, ParseStatus
from eartune.tasks.words_first import WordsFirst
from tiny_models import tiny

SLURP = Schema.of(
    [
        SemanticFrame.of("alarm", "set", [Entity("date", "friday"), Entity("time_of_day", "noon")]),
        SemanticFrame.of("audio", "volume_mute", [Entity("date", "x")]),
    ]
)
COFFEE = Schema.of([SemanticFrame("orderDrink", (Entity("size", "small"), Entity("größe", "klein")))])
BARE = Schema.of([SemanticFrame("yes"), SemanticFrame('no "really"')])
KOREAN = Schema.of([SemanticFrame("날씨를 묻다 " * 9, (Entity("날짜와 시간", "내일"),))])
MODEL = tiny(Qwen2Audio)
END = MODEL.tokenizer.convert_tokens_to_ids(MODEL.chat.answer_end)


def held_to(held: Grammar) -> Constraint:
    return Constraint(held, MODEL.tokenizer, MODEL.model.config.get_text_config().vocab_size, END)


def tokens_of(held: Grammar, seed: int, limit: int) -> Answer:
    """What scores drawn at random write, token by token."""
    constraint = held_to(held)
    rules, draw = constraint.rules(limit), torch.Generator().manual_seed(seed)
    answer: Answer = ()
    while not answer or answer[-1] != END:
        scores = torch.randn(1, constraint.n_vocab, generator=draw)
        answer += (int(rules.mask([answer], scores).argmax()),)
        assert len(answer) <= rules.limit
    return answer


def written(held: Grammar, seed: int, limit: int) -> str:
    return MODEL.tokenizer.decode(tokens_of(held, seed, limit), skip_special_tokens=True)


@pytest.mark.parametrize("schema", [SLURP, COFFEE, BARE, KOREAN], ids=["scenario", "intent", "bare", "many bytes"])
@pytest.mark.parametrize("limit", [0, 30, 150])
@pytest.mark.parametrize("seed", range(4))
def test_random_scores_write_answers_that_are_right_in_form(schema: Schema, limit: int, seed: int) -> None:
    answer = written(grammar(schema), seed, limit)
    assert parse(answer, schema)[1] is ParseStatus.OK, answer


def allows(held: Grammar, text: str) -> bool:
    """Whether a search may write the text, token by token, and end there."""
    constraint = held_to(held)
    rules, answer = constraint.rules(10_000), Answer()
    for token in [*MODEL.tokenizer(text, add_special_tokens=False)["input_ids"], END]:
        scores = rules.mask([answer], torch.zeros(1, constraint.n_vocab))[0]
        if not torch.isfinite(scores[token]):
            return False
        answer += (token,)
    return True


fillers = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
entities = st.lists(st.builds(Entity, st.sampled_from(sorted(SLURP.entity_types)), fillers), max_size=3)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(SLURP.pairs)), entities)
def test_every_answer_that_can_be_learned_can_be_written(pair: tuple[str, str], said: list[Entity]) -> None:
    assert allows(grammar(SLURP), target(SemanticFrame.of(*pair, said)))


@pytest.mark.parametrize(
    "answer",
    [
        '{"scenario":"alarm","action":"volume_mute","entities":[]}',
        '{"scenario":"alarm","action":"set","entities":[{"place":"here"}]}',
        '{"scenario":"alarm","action":"set","entities":[{"date":""}]}',
        '{"scenario":"alarm","action":"set","entities":[]} and more',
        '{"scenario": "alarm", "action": "set", "entities": []}',
        '{"scenario":"alarm","action":"set"}',
        "Sorry, I do not know.",
    ],
)
def test_nothing_else_can_be_written(answer: str) -> None:
    assert not allows(grammar(SLURP), answer)


def test_beams_that_share_a_beginning_go_their_own_ways() -> None:
    constraint = held_to(grammar(SLURP))
    rules = constraint.rules(100)
    ids = tuple(MODEL.tokenizer('{"scenario":"a', add_special_tokens=False)["input_ids"])
    zeros = torch.zeros(2, constraint.n_vocab)
    rules.mask([ids, ids], zeros)
    ell, you = (MODEL.tokenizer(letter, add_special_tokens=False)["input_ids"][0] for letter in "lu")
    after = rules.mask([(*ids, ell), (*ids, you)], zeros)
    assert [MODEL.tokenizer.decode([row.isfinite().nonzero()[0, 0]]) for row in after] == ["a", "d"]


def test_a_beam_that_was_never_an_answer_can_only_end() -> None:
    constraint = held_to(grammar(SLURP))
    rules = constraint.rules(100)
    rules.mask([()], torch.zeros(1, constraint.n_vocab))
    after = rules.mask([(5,)], torch.zeros(1, constraint.n_vocab))[0]
    assert after.isfinite().nonzero().flatten().tolist() == [END]


def test_what_the_grammar_leaves_no_choice_about_is_known_without_a_model() -> None:
    rules = held_to(grammar(SLURP)).rules(100)
    ids = tuple(MODEL.tokenizer('{"scenario":"al', add_special_tokens=False)["input_ids"])
    rules.mask([ids], torch.zeros(1, rules.constraint.n_vocab))
    spelled = MODEL.tokenizer.decode(rules.forced(ids))
    assert (
        '{"scenario":"alarm","action":"set","entities":['.startswith('{"scenario":"al' + spelled) and len(spelled) > 30
    )


def test_labels_with_quotes_are_written_as_json() -> None:
    assert json.dumps(json.dumps('no "really"'))[1:-1] in grammar(BARE).lark


# --- grammars of other tasks -------------------------------------------------------------------------------------

CLASSES = Classes(frozenset({"angry", "calm", 'calm "ish"', "날씨를 묻다"}))
MOODS = ClassificationTask().grammar(CLASSES)
CODES = Grammar('start: "en" | "en-GB" | "de"', ending=6)
ANYTHING = Grammar(r"start: /[^\x00-\x1f]+/", ending=4)  # the bytes of one character, and the end


@pytest.mark.parametrize("limit", [0, 3, 150])
@pytest.mark.parametrize("seed", range(8))
def test_random_scores_write_one_of_the_labels(limit: int, seed: int) -> None:
    label, status = ClassificationTask().parse(written(MOODS, seed, limit), CLASSES)
    assert status is ParseStatus.OK and label in CLASSES.names


@pytest.mark.parametrize("name", sorted(CLASSES.names))
def test_every_label_can_be_written(name: str) -> None:
    assert allows(MOODS, ClassificationTask().target(Utterance("u1", None, "en", None, (), name)))


@pytest.mark.parametrize("answer", ['{"label":"furious"}', '{"label":"ang"}', '{"label":"angry"} !', "angry", ""])
def test_no_other_label_can_be_written(answer: str) -> None:
    assert not allows(MOODS, answer)


@pytest.mark.parametrize("seed", range(8))
def test_answers_that_are_no_json_are_held_as_well(seed: int) -> None:
    assert written(CODES, seed, limit=1) in ("en", "en-GB", "de")
    assert allows(CODES, "en") and allows(CODES, "en-GB") and not allows(CODES, "e") and not allows(CODES, "fr")


@pytest.mark.parametrize("seed", range(12))
def test_an_answer_that_may_end_is_ended_at_the_limit(seed: int) -> None:
    """Where any text is an answer, brackets would always be allowed and bring no end nearer."""
    assert len(tokens_of(ANYTHING, seed, limit=4)) <= 8


# --- words before an answer --------------------------------------------------------------------------------------

WITH_WORDS = WordsFirst(SluTask()).grammar(SLURP)
assert WITH_WORDS is not None
ALARM = '{"scenario":"alarm","action":"set","entities":[]}'


@pytest.mark.parametrize("limit", [0, 3, 30, 150])
@pytest.mark.parametrize("seed", range(4))
def test_random_scores_write_words_and_then_an_answer_that_is_right_in_form(limit: int, seed: int) -> None:
    """The words are ended at the limit, wherever they are, and the answer behind them is closed."""
    answer = written(WITH_WORDS, seed, limit)
    assert WordsFirst(SluTask()).parse(answer, SLURP)[1] is ParseStatus.OK, answer


@pytest.mark.parametrize("words", ["wake me", 'he said "{[größe]}"', "7"])
def test_any_words_in_one_line_can_be_written_before_an_answer(words: str) -> None:
    assert allows(WITH_WORDS, f"{words}\n{ALARM}")


@pytest.mark.parametrize("answer", [ALARM, f"\n{ALARM}", f" \n{ALARM}", f"wake me\n\n{ALARM}", "wake me\n", "wake me"])
def test_nothing_but_one_line_of_words_and_an_answer_can_be_written(answer: str) -> None:
    assert not allows(WITH_WORDS, answer)


# --- the same answers as a JSON schema -----------------------------------------------------------------------------

GRAMMARS = {
    **{"scenario": grammar(SLURP), "intent": grammar(COFFEE), "bare": grammar(BARE), "many bytes": grammar(KOREAN)},
    "classification": MOODS,
}


def schema_of(held: Grammar) -> Any:
    schema = json.loads(str(held.json_schema))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", GRAMMARS)
@pytest.mark.parametrize("seed", range(6))
def test_what_the_constraint_admits_is_valid_under_the_schema(name: str, seed: int) -> None:
    for limit in (0, 40, 150):
        schema_of(GRAMMARS[name]).validate(json.loads(written(GRAMMARS[name], seed, limit)))


fillers = st.text(min_size=1, max_size=12)


@given(
    intent=st.sampled_from(sorted(COFFEE.intents)),
    said=st.lists(st.tuples(st.sampled_from(["size", "größe"]), fillers)),
)
def test_an_answer_to_learn_is_valid_under_the_schema(intent: str, said: list[tuple[str, str]]) -> None:
    meant = SemanticFrame(intent, tuple(Entity(*pair) for pair in said))
    schema_of(GRAMMARS["intent"]).validate(json.loads(target(meant)))
    for scenario, action in SLURP.pairs:
        pair = SemanticFrame.of(scenario, action, [Entity("date", filler) for _, filler in said])
        schema_of(GRAMMARS["scenario"]).validate(json.loads(target(pair)))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("scenario", '{"scenario":"alarm","action":"volume_mute","entities":[]}'),
        ("scenario", '{"scenario":"alarm","action":"set","entities":[{"place":"here"}]}'),
        ("scenario", '{"scenario":"alarm","action":"set","entities":[{"date":""}]}'),
        ("scenario", '{"scenario":"alarm","action":"set","entities":[{"date":"a","time_of_day":"b"}]}'),
        ("scenario", '{"scenario":"alarm","action":"set","entities":[{}]}'),
        ("scenario", '{"scenario":"alarm","action":"set","entities":[],"sure":true}'),
        ("scenario", '{"scenario":"alarm","action":"set"}'),
        ("intent", '{"intent":"orderTea","entities":[]}'),
        ("bare", '{"intent":"yes","entities":[{"size":"small"}]}'),
        ("classification", '{"label":"furious"}'),
    ],
)
def test_what_the_constraint_does_not_admit_is_not_valid(name: str, answer: str) -> None:
    assert not allows(GRAMMARS[name], answer) and not schema_of(GRAMMARS[name]).is_valid(json.loads(answer))


def test_answers_that_are_no_json_have_no_schema() -> None:
    assert WITH_WORDS is not None and WITH_WORDS.json_schema is None
