"""Rasa's examples are read with their entities, their place being their line."""

from pathlib import Path

import pytest

from builders import frame
from eartune.errors import InputError
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.import_result import Imported

FILE = """version: "3.1"

nlu:
- intent: set_alarm
  examples: |
    - wake me on [friday](date)
    - wake me in [NYC]{"entity": "city", "value": "new york", "role": "here"} on [friday](date)

    - wake me
- synonym: new york
  examples: |
    - NYC
- intent: faq/ask
  examples:
  - text: |
      how [much]{"entity": "amount"}?
    metadata:
      sentiment: neutral
  - "[what](thing) now"
- lookup: city
  examples: |
    - Rome
- regex: zip
  examples: |
    - [0-9]{5}
- intent: yes
  examples: "- sure"
stories: []
"""


def read(folder: Path, content: str) -> Imported:
    (folder / "nlu.yml").write_text(content, encoding="utf-8")
    return read_utterances(folder / "nlu.yml")


def examples(folder: Path, *lines: str) -> Imported:
    """Those of one intent; the first stands in row 4."""
    return read(folder, "nlu:\n- intent: x\n  examples: |\n" + "".join(f"    {line}\n" for line in lines))


def test_every_example_of_an_intent_is_an_utterance(tmp_path: Path) -> None:
    imported = read(tmp_path, FILE)
    assert imported.rejected == () and imported.columns == {}
    assert [(u.text, u.frame) for u in imported.utterances] == [
        ("wake me on friday", frame("set_alarm", "date:friday")),
        ("wake me in NYC on friday", frame("set_alarm", "city.here:NYC", "date:friday")),
        ("wake me", frame("set_alarm")),
        ("how much?", frame("faq/ask", "amount:much")),
        ("what now", frame("faq/ask", "thing:what")),
        ("sure", frame("yes")),
    ]


@pytest.mark.parametrize(
    ("example", "text", "entities"),
    [
        ("- to [NYC](city:new york)", "to NYC", ["city:NYC"]),
        ('- to [NYC][{"entity": "city"}, {"entity": "place", "role": "to"}]', "to NYC", ["city:NYC", "place.to:NYC"]),
        ("- [ä b](x)[c](y)", "ä bc", ["x:ä b", "y:c"]),
        ("- a [note] (aside)", "a [note] (aside)", []),
        ("-close by", "close by", []),
        ("- - twice", "- twice", []),
        ("- at [time : nine]", "at [time : nine]", []),
        ('- my [savings]("account") account', "my savings account", ["account:savings"]),
        ("- my [savings]('account')", "my savings", ["account:savings"]),
        ("- my [credit card]( account ) account", "my credit card account", ["account:credit card"]),
        ("- pay [ 40 ](amount) euros", "pay 40 euros", ["amount:40"]),
        ("- pay[ 40](amount)", "pay 40", ["amount:40"]),
        ('- in [ NYC ]{"entity": " city ", "role": " to "}', "in NYC", ["city.to:NYC"]),
        ("- see [our page](https://a.b/c) for hours", "see our page for hours", []),
    ],
)
def test_entities_are_what_is_marked(tmp_path: Path, example: str, text: str, entities: list[str]) -> None:
    (found,) = examples(tmp_path, example).utterances
    assert (found.text, found.frame) == (text, frame("x", *entities))


@pytest.mark.parametrize("written", [">\n    - hi\n    - hello [bob](name)\n", '"- hi\n    - hello"\n'])
def test_examples_that_yaml_folds_are_not_one_example(tmp_path: Path, written: str) -> None:
    """`examples: >` gave one row, "hi - hello bob"."""
    imported = read(tmp_path, f"nlu:\n- intent: x\n  examples: {written}- intent: y\n  examples: |\n    - a - b\n")
    assert [row.text for row in imported.utterances] == ["a - b"]
    assert [row.reason.partition("; ")[2] for row in imported.rejected] == ["write `examples: |`"]


def test_a_fault_is_placed_in_its_line(tmp_path: Path) -> None:
    imported = examples(tmp_path, "- go", "", "stop", '- in [NYC]{"entity": }', "- in [NYC](city)")
    assert len(imported.utterances) == 2
    assert [(r.place.partition(", ")[2], r.row["text"]) for r in imported.rejected] == [
        ("row 6", "stop"),
        ("row 7", '- in [NYC]{"entity": }'),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("go", 'must begin with "- "'),
        ("-", "has neither text nor a recording"),
        ('- in [NYC]{"entity": }', "what comes after [NYC] must be JSON"),
        ("- in [NYC]{5}", "what comes after [NYC] must be JSON"),
        ('- in [NYC]{"value": "new york"}', 'what comes after [NYC] needs an "entity", as text'),
        ('- in [NYC][{"entity": "a"}, 5]', 'what comes after [NYC] needs an "entity", as text'),
        ("- in [NYC]()", '"entities" must be a list of'),
    ],
)
def test_an_example_that_cannot_be_used_has_its_reason(tmp_path: Path, line: str, reason: str) -> None:
    imported = examples(tmp_path, line)
    assert imported.utterances == () and imported.rejected[0].reason.startswith(reason)


def test_an_intent_without_examples_is_not_passed_over(tmp_path: Path) -> None:
    imported = read(tmp_path, "nlu:\n- intent: x\n- intent: [a]\n  examples: |\n    - go\n- intent: y\n  examples:\n")
    assert [(r.place.partition(", ")[2], r.reason) for r in imported.rejected] == [
        ("row 2", "has no examples"),
        ("row 5", '"intent" must be text, not list'),
        ("row 6", "has no examples"),
    ]


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("nlu: []\nnlu: []\n", 2),
        ("nlu:\n- intent: x\n  examples: |\n    - go\n  examples: |\n    - stop\n", 5),
        ("nlu:\n- intent: x\n  intent: y\n", 3),
    ],
)
def test_a_key_that_stands_twice_is_named(tmp_path: Path, content: str, row: int) -> None:
    """The examples of the first one were lost."""
    with pytest.raises(InputError, match=rf"nlu\.yml, row {row}: has the key '\w+' twice; write it once$"):
        read(tmp_path, content)
