"""The training sentences of the pocket checkpoint: from nlu_eval, SNIPS and grammars, without duplicates.

No sentence of the domains on which eartune is tested (coffee orders, the demo's home and car) has a label, and none
is from the demo's data.
"""

import hashlib
import json
import random
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from eartune.data.corpora.grammar import BUNDLED, read_grammar
from eartune.data.frame import SemanticFrame

GRAMMARS = Path(__file__).with_name("grammars")
SPEAKABLE = re.compile(r"[a-z' ]+")
HELD_OUT_SHARE = 0.03


class Sentence(NamedTuple):
    """A sentence, its source, and its frame if it is from one of our own labelled domains."""

    text: str
    source: str
    frame: SemanticFrame | None
    held_out: bool


def gather(data: Path) -> list[Sentence]:
    """Return all sentences without duplicates, about 19,000, in an order that new ones do not change."""
    draw = random.Random(0)
    found: dict[str, tuple[str, SemanticFrame | None]] = {}
    for text, source, frame in [
        *from_grammars(),
        *from_tested_domains(data),
        *from_nlu_eval(data),
        *from_snips(data, draw),
        *from_things(draw),
    ]:
        text = " ".join(text.lower().replace("-", " ").split()).strip(" .?!,")
        if SPEAKABLE.fullmatch(text) and len(text) < 160:
            found.setdefault(text, (source, frame))
    ranks = {text: int(hashlib.sha256(text.encode()).hexdigest(), 16) for text in found}
    return [
        Sentence(text, source, frame, ranks[text] % 1000 < HELD_OUT_SHARE * 1000)
        for text, (source, frame) in sorted(found.items(), key=lambda item: ranks[item[0]])
    ]


def from_grammars() -> Iterator[tuple[str, str, SemanticFrame | None]]:
    """Yield 450 labelled sentences of each of our twelve training domains."""
    for path in sorted(GRAMMARS.glob("*.yaml")):
        for text, frame in islice(read_grammar(path).sentences(seed=1), 450):
            yield text, path.stem, frame


def from_tested_domains(data: Path) -> Iterator[tuple[str, str, None]]:
    """Yield unlabelled sentences of the tested domains, as a large audio LLM knows such words before it is tuned."""
    coffee = read_grammar(data / "picovoice_sti" / "coffee_maker.yaml").sentences(seed=1)
    home = read_grammar(BUNDLED / "home.yaml")
    of_the_demo = {text for text, _ in islice(home.sentences(seed=0), 1000)}
    for text, _ in islice(coffee, 2000):
        yield text, "coffee", None
    for text, _ in islice(home.sentences(seed=1), 2000):
        if text not in of_the_demo:
            yield text, "home", None


def from_nlu_eval(data: Path) -> Iterator[tuple[str, str, None]]:
    """Yield sentences that are not in SLURP's devel or test, without their labels."""
    for line in (data / "nlu_eval" / "nlu_eval_annotated.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["in_slurp"] is None:
            yield row["sentence"], "nlu_eval", None


def from_snips(data: Path, draw: random.Random) -> Iterator[tuple[str, str, None]]:
    """Yield 450 sentences of each SNIPS intent, which contain many names, without their labels."""
    for path in sorted((data / "snips_cc0").glob("train_*_full.json")):
        encoding = "latin-1" if "PlayMusic" in path.name else "utf-8"
        (rows,) = json.loads(path.read_text(encoding=encoding)).values()
        for row in draw.sample(rows, 450):
            yield "".join(part["text"] for part in row["data"]), "snips", None


def from_things(draw: random.Random) -> Iterator[tuple[str, str, None]]:
    """Yield lists of three to eight everyday things, which cannot be guessed; every second list is of the kitchen.

    The kitchen's words are those of orders of food and drink, such as coffee: a large audio LLM knows their sound, and
    pocket could not learn it from text.
    """
    lists = [(GRAMMARS / name).read_text(encoding="utf-8").splitlines() for name in ("things.txt", "kitchen.txt")]
    for number in range(5000):
        chosen = draw.sample(lists[number % 2], draw.choice([3, 4, 5, 6, 7, 8]))
        joints = draw.choices([" ", " and ", " with ", " or "], [6, 2, 2, 1], k=len(chosen) - 1)
        yield "".join(a + b for a, b in zip(chosen, [*joints, ""], strict=True)), "things", None
