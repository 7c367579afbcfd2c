"""Grammars are written out as labelled sentences, the same ones every time, and every fault is named."""

import hashlib
from itertools import islice
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from builders import frame
from eartune.data.corpora import Source
from eartune.data.corpora.grammar import BUNDLED, Grammar, GrammarCorpus, read_grammar
from eartune.data.frame import SemanticFrame
from eartune.errors import InputError

HOME = read_grammar(BUNDLED / "home.yaml")


def written_out(expression: str, intent: str = "order", **slots: list[str]) -> dict[str, SemanticFrame]:
    """All sentences of one expression."""
    grammar = Grammar(((intent, expression),), {name: tuple(values) for name, values in slots.items()})
    return dict(grammar.sentences(0))


def grammar_file(folder: Path, expressions: object, slots: object = None) -> Path:
    path = folder / "coffee.yaml"
    path.write_text(yaml.safe_dump({"context": {"expressions": expressions, "slots": slots}}))
    return path


@pytest.mark.parametrize(
    ("expression", "sentences"),
    [
        ("brew coffee", {"brew coffee"}),
        ("[brew, can i get] coffee", {"brew coffee", "can i get coffee"}),
        ("(please) brew (now)", {"brew", "please brew", "brew now", "please brew now"}),
        ("[brew] it", {"brew it"}),
        ("brew  it ( now )", {"brew it", "brew it now"}),
        ("Brew IT", {"brew it"}),
        ("[a, an] [apple, pear]", {"an apple", "a pear"}),
        ("wait an hour", {"wait an hour"}),
    ],
)
def test_an_expression_gives_all_its_sentences(expression: str, sentences: set[str]) -> None:
    assert set(written_out(expression)) == sentences


def test_articles_of_a_slot_stay_as_they_are_labelled() -> None:
    """In the text "an wand" was "a wand", and its label was not."""
    wall = ["an wand", "a", "half an hour"]
    assert written_out("a $x:x (at) a $x:x", x=wall[:1]) == {
        "an an wand at an an wand": frame("order", "x:an wand", "x:an wand"),
        "an an wand an an wand": frame("order", "x:an wand", "x:an wand"),
    }
    for text, found in written_out("an $x:x evening", x=wall).items():
        assert f" {found.entities[0].filler} evening" in text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "licht an der decke"),
        ("en", "licht a der decke"),
        ("en-GB", "licht a der decke"),
        ("enm", "licht an der decke"),
    ],
)
def test_articles_follow_the_next_word_in_english_alone(tmp_path: Path, language: str, text: str) -> None:
    grammar_file(tmp_path, {"order": ["licht an der decke"]})
    corpus = GrammarCorpus(corpus="grammar", grammar="coffee.yaml", sentences=1, language=language)
    (found,) = corpus.load(Source(tmp_path, tmp_path))
    assert (found.language, found.text) == (language, text)


def test_a_slot_gives_one_of_its_values_labelled_with_its_name() -> None:
    assert written_out("a $size:cup coffee", size=["small", "large"]) == {
        "a small coffee": frame("order", "cup:small"),
        "a large coffee": frame("order", "cup:large"),
    }


def test_entities_come_in_the_order_in_which_they_are_said() -> None:
    (found,) = written_out("from $place:origin to $place:place", place=["rome"]).values()
    assert found == frame("order", "origin:rome", "place:rome")


def test_a_value_is_labelled_as_it_is_said() -> None:
    assert written_out("turn on the $device:device", device=["TV"]) == {"turn on the tv": frame("order", "device:tv")}


def test_an_intent_with_a_dot_has_scenario_and_action() -> None:
    assert written_out("go", "car.drive")["go"] == SemanticFrame.of("car", "drive")
    assert written_out("go", "drive")["go"] == SemanticFrame("drive")


def test_the_sentences_of_a_seed_are_those_of_earlier_versions() -> None:
    drawn = "\n".join(text for text, _ in islice(HOME.sentences(0), 2000))
    assert hashlib.sha256(drawn.encode()).hexdigest()[:12] == "27a889eaa530"


def test_sentences_are_distinct_and_the_same_for_a_seed() -> None:
    once, again, other = (list(islice(HOME.sentences(seed), 800)) for seed in (0, 0, 1))
    assert once == again != other
    assert len({text for text, _ in once}) == 800


def test_intents_take_even_turns() -> None:
    """An intent with many expressions does not crowd out one with few."""
    grammar = Grammar((*(("many", f"$x:x {i}") for i in range(50)), ("few", "$x:x")), {"x": tuple("abcdefghijkl" * 9)})
    counted = [found.intent for _, found in islice(grammar.sentences(0), 20)]
    assert 5 <= counted.count("few") <= 12


def test_slices_of_the_list_are_disjoint_and_make_it_up(tmp_path: Path) -> None:
    def texts(start: int, sentences: int) -> list[str | None]:
        corpus = GrammarCorpus(corpus="grammar", grammar="home", start=start, sentences=sentences)
        return [utterance.text for utterance in corpus.load(Source(tmp_path, tmp_path))]

    assert texts(0, 50) + texts(50, 30) == texts(0, 80)
    assert set(texts(0, 50)).isdisjoint(texts(50, 30))


def test_utterances_are_named_after_grammar_and_words(tmp_path: Path) -> None:
    grammar_file(tmp_path, {"order": ["brew it"]})
    (found,) = GrammarCorpus(corpus="grammar", grammar="coffee.yaml", sentences=1).load(Source(tmp_path, tmp_path))
    assert (found.id, found.text, found.language) == ("coffee-d7de4109476b", "brew it", "en")
    assert found.recordings == ()


def test_a_grammar_with_too_few_sentences_says_how_many_it_has(tmp_path: Path) -> None:
    grammar_file(tmp_path, {"order": ["brew [it, now]"]})
    corpus = GrammarCorpus(corpus="grammar", grammar="coffee.yaml", start=1, sentences=5)
    with pytest.raises(InputError, match=r"^the grammar coffee.yaml has only 2 sentences, not 6$"):
        corpus.load(Source(tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("expressions", "slots", "said"),
    [
        ({"order": ["a $size:size coffee"]}, None, "order: 'a $size:size coffee' names slot 'size', which is not"),
        ({"order": ["a $sise:size"]}, {"size": ["small"]}, "order: 'a $sise:size' names slot 'sise', which is not"),
        ({"order": ["a $size coffee"]}, {"size": ["small"]}, "order: 'a $size coffee' cannot be read"),
        ({"order": ["[a, (b) c]"]}, None, "order: '[a, (b) c]' cannot be read"),
        ({"order": ["[a, $size:size]"]}, {"size": ["small"]}, "order: '[a, $size:size]' cannot be read"),
        ({"order": ["(a [b, c])"]}, None, "order: '(a [b, c])' cannot be read"),
        ({"order": ["[a, b"]}, None, "order: '[a, b' cannot be read"),
        ({"order": ["a) b"]}, None, "order: 'a) b' cannot be read"),
        ({"order": ["go", True]}, None, "order: True is not text; put it in quotes"),
        ({"order": ["$x:x"]}, {"x": [True, False]}, "slot x: True is not text; put it in quotes"),
        ({"order": ["$x:x"]}, {"x": [7]}, "slot x: 7 is not text; put it in quotes"),
        ({"order": ["$x:x"]}, {"x": ["small", " "]}, "slot x: a value is blank"),
        ({"order": ["$x:x"]}, {"x": []}, "slot x: must be a list of texts"),
        ({"order": "brew it"}, None, "order: must be a list of texts"),
        ({"order": None}, None, "order: must be a list of texts"),
        ({}, None, "holds no expressions"),
        (["brew it"], None, "not a grammar with context, expressions and slots"),
        (None, None, "not a grammar with context, expressions and slots"),
    ],
)
def test_a_fault_is_named_with_file_and_intent(tmp_path: Path, expressions: object, slots: object, said: str) -> None:
    path = grammar_file(tmp_path, expressions, slots)
    with pytest.raises(InputError) as fault:
        read_grammar(path)
    assert str(fault.value).startswith(f"{path}: {said}") and "\n" not in str(fault.value)


@pytest.mark.parametrize("content", ["a: [", "- 1", "", "context: 5", "\tx: 1"])
def test_a_file_that_is_no_grammar_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "coffee.yaml"
    path.write_text(content)
    with pytest.raises(InputError) as fault:
        read_grammar(path)
    assert str(fault.value).startswith(f"{path}: not a grammar") and "\n" not in str(fault.value)


def test_a_missing_grammar_is_named_in_the_data_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.yaml: no such grammar$"):
        GrammarCorpus(corpus="grammar", grammar="nothing.yaml", sentences=1).load(Source(tmp_path, tmp_path))


@pytest.mark.parametrize("fault", [{"sentences": 0}, {"start": -1}, {"voices": [{"name": "en-AU"}]}], ids=str)
def test_settings_that_cannot_be_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GrammarCorpus.model_validate({"corpus": "grammar", "grammar": "home", "sentences": 1} | fault)


def test_the_home_grammar_is_rich_enough_for_a_demo() -> None:
    drawn = [found for _, found in islice(HOME.sentences(0), 4000)]
    assert len({found.intent for found in drawn}) >= 12
    assert len({entity.type for found in drawn for entity in found.entities}) >= 15
    assert sum(len(values) for values in HOME.slots.values()) >= 300


@pytest.mark.parametrize("name", ["home", "coffee"])
def test_every_value_stands_in_its_sentence(name: str, request: pytest.FixtureRequest) -> None:
    """So "half an hour" must not become "half a hour" on the way."""
    root = None if name == "home" else request.getfixturevalue("data_root")
    grammar = HOME if root is None else read_grammar(root / "picovoice_sti" / "coffee_maker.yaml")
    for text, found in islice(grammar.sentences(0), 3000):
        assert [entity.filler for entity in found.entities if entity.filler not in text] == [], text


def test_the_coffee_grammar_is_that_of_the_recordings(data_root: Path) -> None:
    corpus = GrammarCorpus(corpus="grammar", grammar="picovoice_sti/coffee_maker.yaml", sentences=1000)
    orders = corpus.load(Source(data_root, data_root))
    assert {order.frame.intent for order in orders} == {"orderDrink"}
    assert {entity.type for order in orders for entity in order.frame.entities} == {
        *("size", "roast", "numberOfShots", "coffeeDrink", "milkAmount", "sugarAmount")
    }


def test_the_same_sentences_may_stand_under_several_labels(tmp_path: Path) -> None:
    grammar_file(tmp_path, {"orderDrink": ["a coffee", "a tea"]})
    moods = [
        GrammarCorpus(corpus="grammar", grammar="coffee.yaml", sentences=2, label=label).load(
            Source(tmp_path, tmp_path)
        )
        for label in ("urgent", "calm")
    ]
    assert [[one.label for one in mood] for mood in moods] == [["urgent"] * 2, ["calm"] * 2]
    assert [one.text for one in moods[0]] == [one.text for one in moods[1]]
    assert len({one.id for mood in moods for one in mood}) == 4
