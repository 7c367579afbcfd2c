"""Grammars in Picovoice Rhino's YAML, from which labelled sentences are generated.

    orderDrink:
      - "[brew, can i get] [a, an] $size:size $coffeeDrink:coffeeDrink (please)"

`[a, b]` is one of the alternatives, `(x)` may be left out, `$slot:name` is one of the slot's values, labelled
`name`. An intent written `scenario.action` gives the frame a scenario and an action.
"""

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from eartune.data.corpora.source import Source, voiced
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.tts.voices import Voice
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import YamlLoader
from eartune.settings import Section

BUNDLED = Path(__file__).with_name("grammars")
_PIECE = re.compile(
    r"\[(?P<choice>[^\]]*)\]|\((?P<optional>[^)]*)\)|\$(?P<slot>[\w.]+):(?P<name>\w+)|(?P<words>[^\[($]+)"
)


class GrammarCorpus(Section):
    """Sentences generated from a grammar: numbers `start` to `start + sentences` of its list, which `seed` orders."""

    corpus: Literal["grammar"]
    grammar: str
    """The name of a grammar in eartune (home), or of a file under the data root."""
    sentences: int = Field(ge=1)
    """The number of different sentences."""
    start: int = Field(default=0, ge=0)
    """The place in the list at which to begin."""
    seed: int = 0
    """The order of the list."""
    label: str | None = Field(default=None, min_length=1)
    """A label that every sentence gets for classification, such as the mood in which its voices are to sound."""
    language: str = Field(default="en", min_length=1)
    """The language of the sentences; in English ones, "a" and "an" outside of slots follow the next word."""
    voices: tuple[Voice, ...] = ()
    """Voices, one of which speaks each sentence: synthetic speech. Without any, the corpus is text."""

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load the utterances; raises InputError when the grammar has fewer different sentences."""
        path = BUNDLED / f"{self.grammar}.yaml"
        grammar = read_grammar(path if path.is_file() else source.data / self.grammar, self.language)
        stop = self.start + self.sentences
        found = list(islice(grammar.sentences(self.seed), self.start, stop))
        if len(found) < self.sentences:
            raise InputError(f"the grammar {self.grammar} has only {self.start + len(found)} sentences, not {stop}")
        name = Path(self.grammar).stem
        marked = name if self.label is None else f"{name}-{self.label}"  # the same sentence may have other labels
        utterances = tuple(
            Utterance(_identify(marked, text), text, self.language, frame, label=self.label) for text, frame in found
        )
        return voiced(utterances, self.voices, source)


@dataclass(frozen=True)
class Grammar:
    """A grammar: expressions by intent and values by slot, of which each that an expression names is defined."""

    expressions: tuple[tuple[str, str], ...]  # (intent, expression)
    slots: dict[str, tuple[str, ...]]
    language: str = "en"

    def sentences(self, seed: int) -> Iterator[tuple[str, SemanticFrame]]:
        """Yield distinct labelled sentences, drawn evenly from the intents, until a thousand draws give no new one."""
        draw = random.Random(seed)
        by_intent: dict[str, list[str]] = {}
        for intent, expression in self.expressions:
            by_intent.setdefault(intent, []).append(expression)
        seen: set[str] = set()
        misses = 0
        while misses < 1000:
            intent = draw.choice(list(by_intent))
            text, frame = self._write_out(intent, draw.choice(by_intent[intent]), draw)
            misses = misses + 1 if text in seen else 0
            if not misses:
                seen.add(text)
                yield text, frame

    def _write_out(self, intent: str, expression: str, draw: random.Random) -> tuple[str, SemanticFrame]:
        words: list[tuple[str, bool]] = []  # with whether each is of a slot's value, which is labelled as it is said
        entities: list[Entity] = []
        for piece in _PIECE.finditer(expression):
            if piece["choice"] is not None:
                said = draw.choice(piece["choice"].split(","))
            elif piece["optional"] is not None:
                said = piece["optional"] if draw.random() < 0.5 else ""
            elif piece["slot"] is not None:
                said = draw.choice(self.slots[piece["slot"]])
                entities.append(Entity(piece["name"], " ".join(said.lower().split())))
            else:
                said = piece["words"]
            words += [(word, piece["slot"] is not None) for word in said.lower().split()]
        is_english = re.match("en([-_]|$)", self.language, re.IGNORECASE)
        text = " ".join(_with_articles(words) if is_english else (word for word, _ in words))
        return text, _labelled(intent, entities)


def _with_articles(words: Sequence[tuple[str, bool]]) -> Iterator[str]:
    """Yield English words, of which "a" and "an" follow the next word, but for those of a slot's value."""
    for (word, is_of_value), (following, _) in zip(words, [*words[1:], ("", False)], strict=True):
        is_right = is_of_value or word not in ("a", "an") or not following or following.startswith("hour")
        yield word if is_right else "an" if following[0] in "aeiou" else "a"


def read_grammar(path: Path, language: str = "en") -> Grammar:
    """Read a grammar from a file; raises InputError with file and place for anything that is wrong in it."""
    if not path.is_file():
        raise InputError(f"{path}: no such grammar")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), YamlLoader)
        context = content["context"]
        written = [(str(intent), texts) for intent, texts in context["expressions"].items()]
        named = [(str(slot), values) for slot, values in (context.get("slots") or {}).items()]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a grammar with context, expressions and slots ({_first_line(error)})") from error
    expressions = tuple((intent, text) for intent, texts in written for text in _texts(texts, f"{path}: {intent}"))
    slots = {slot: _texts(values, f"{path}: slot {slot}") for slot, values in named}
    for slot, values in slots.items():
        if not all(value.strip() for value in values):
            raise InputError(
                f"{path}: slot {slot}: a value is blank; write a second expression without the slot instead"
            )
    if not expressions:
        raise InputError(f"{path}: holds no expressions")
    for intent, text in expressions:
        _check_expression(text, slots, f"{path}: {intent}")
    return Grammar(expressions, slots, language)


def _texts(values: Any, place: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not values:
        raise InputError(f"{place}: must be a list of texts")
    for value in values:
        if not isinstance(value, str):  # YAML reads a bare yes or off as true or false
            raise InputError(f"{place}: {value!r} is not text; put it in quotes")
    return tuple(values)


def _check_expression(text: str, slots: dict[str, tuple[str, ...]], place: str) -> None:
    unread = _PIECE.sub(lambda piece: piece["choice"] or piece["optional"] or piece["words"] or "", text)
    if re.search(r"[\[\]()$]", unread):
        raise InputError(f"{place}: {text!r} cannot be read; write [a, b], (a) and $slot:name side by side, not nested")
    undefined = {piece["slot"] for piece in _PIECE.finditer(text) if piece["slot"]} - slots.keys()
    if undefined:
        raise InputError(f"{place}: {text!r} names slot {min(undefined)!r}, which is not defined")


def _labelled(intent: str, entities: list[Entity]) -> SemanticFrame:
    scenario, dot, action = intent.partition(".")
    return SemanticFrame.of(scenario, action, entities) if dot else SemanticFrame(intent, tuple(entities))


def _identify(grammar: str, text: str) -> str:
    return f"{grammar}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _first_line(error: Any) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
