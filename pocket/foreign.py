"""Unlabelled German and Italian sentences for the multilingual pocket checkpoint.

The sentences are commands from templates of the Home Assistant project (package home-assistant-intents, Apache-2.0),
and sequences of frequent and rare words (package wordfreq), which cannot be guessed. None is from xSID, the test.
"""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import home_assistant_intents
import wordfreq
from num2words import num2words

from sentences import HELD_OUT_SHARE, Sentence

LANGUAGES = ("de", "it")
SPEAKABLE = re.compile(r"[a-zäöüßàèéìíòóù' ]+")
_INNERMOST = re.compile(r"\[([^][()]*)\]|\(([^][()]*)\)")


def gather_foreign(language: str, commands: int = 3000, rows: int = 3000) -> list[Sentence]:
    """Return the sentences of a language without duplicates, in an order that depends only on their words."""
    draw = random.Random(0)
    words = everyday_words(language)
    found: dict[str, str] = {}
    for text, source in (*from_home_assistant(language, words, commands, draw), *from_words(words, rows, draw)):
        text = " ".join(text.lower().replace("-", " ").split())
        if SPEAKABLE.fullmatch(text) and 2 < len(text) < 120:
            found.setdefault(text, f"{language} {source}")
    ranks = {text: int(hashlib.sha256(text.encode()).hexdigest(), 16) for text in found}
    return [
        Sentence(text, found[text], None, ranks[text] % 1000 < HELD_OUT_SHARE * 1000, language)
        for text in sorted(found, key=ranks.__getitem__)
    ]


def everyday_words(language: str) -> Callable[[random.Random], str]:
    """Return a function that draws a word: half of the time of the 1,500 most frequent, else of the next 14,000."""
    known = [word for word in wordfreq.top_n_list(language, 15_500) if SPEAKABLE.fullmatch(word) and len(word) > 1]
    return lambda draw: draw.choice(known[:1500] if draw.random() < 0.5 else known[1500:])


def from_words(word: Callable[[random.Random], str], count: int, draw: random.Random) -> Iterator[tuple[str, str]]:
    """Yield `count` sequences of three to eight words."""
    for _ in range(count):
        yield " ".join(word(draw) for _ in range(draw.randint(3, 8))), "words"


def from_home_assistant(
    language: str, word: Callable[[random.Random], str], count: int, draw: random.Random
) -> Iterator[tuple[str, str]]:
    """Yield `count` commands, with all intents in turn; names are replaced by words, and numbers are spelled out."""
    path = Path(home_assistant_intents.__file__).parent / "data" / f"{language}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    rules = content["expansion_rules"]
    templates = [[t for group in i["data"] for t in group["sentences"]] for i in content["intents"].values()]

    def fill(name: re.Match[str]) -> str:
        values = content["lists"].get(name[1].partition(":")[0], {})
        if "range" in values:
            return num2words(draw.randint(1, 100), lang=language)
        if "values" in values:
            return expand(said(draw.choice(values["values"])), rules, draw)
        return " ".join(word(draw) for _ in range(draw.randint(1, 2)))

    for number in range(count):
        template = draw.choice(templates[number % len(templates)])
        yield re.sub(r"\{([^}]*)\}", fill, expand(template, rules, draw)), "house"


def said(value: Any) -> str:
    """Return the words of a list's value, which is text or an object with the key `in`."""
    return str(value["in"] if isinstance(value, dict) else value)


def expand(template: str, rules: dict[str, str], draw: random.Random) -> str:
    """Return one sentence of a template: <rule> is another template, [a] is optional, (a|b) is one of two."""
    while "<" in template:
        template = re.sub(r"<([^<>]*)>", lambda rule: f"({rules[rule[1]]})", template)

    def choose(group: re.Match[str]) -> str:
        if group[1] is not None:
            return draw.choice(["", *group[1].split("|")])
        return draw.choice(group[2].split("|"))

    template = template.replace(";", " ")  # parts in any order; ours keeps theirs
    while _INNERMOST.search(template):
        template = _INNERMOST.sub(choose, template)
    return template
