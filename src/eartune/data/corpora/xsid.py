"""xSID: one set of commands in many languages, translated by people; CC BY-SA 4.0, text only.

    # id = 1
    # text-en = Is it going to rain today?
    # text = Regnet es heute?
    # intent = weather/find
    1   Regnet   weather/find   B-weather/attribute
    2   es       weather/find   O
    3   heute    weather/find   B-datetime

The folder `xsid` holds <language>.<split>.conll from https://github.com/mainlp/xsid. Equal ids are translations of each
other.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from eartune.data.corpora.source import Source, voiced
from eartune.data.frame import Entity, SemanticFrame, check_frame
from eartune.data.normalization import normalize_spoken_text
from eartune.data.tts.voices import Voice
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import read_text
from eartune.settings import Section


class XsidCorpus(Section):
    """One split in one language; valid has 300 sentences and test 500, in Japanese half as many."""

    LICENCE: ClassVar[str] = "xSID: CC BY-SA 4.0, share-alike"

    corpus: Literal["xsid"]
    language: str
    """Such as de."""
    split: Literal["valid", "test"]
    sentences: int | None = Field(default=None, ge=1)
    """The number of sentences to load, always the same ones, and the same in every language; None loads all."""
    folder: str = "xsid"
    translation: str | None = None
    """Another language, whose sentences of the same ids are the translations; those that it lacks are left out."""
    as_heard: bool = True
    """Whether text is converted to lower case without punctuation, which cannot be heard; false leaves it as typed."""
    voices: tuple[Voice, ...] = ()
    """Voices, one of which speaks each sentence: synthetic speech. Without any, the corpus is text."""

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each block of lines."""
        path, utterances = self._read(source, self.language)
        if self.translation is not None:
            _, others = self._read(source, self.translation)
            known = {_number(other): other.text for other in others}
            utterances = [replace(one, translation=known[_number(one)]) for one in utterances if _number(one) in known]
        return voiced(self._drawn(utterances, path), self.voices, source)

    def _read(self, source: Source, language: str) -> tuple[Path, list[Utterance]]:
        """The file of a language, and all its sentences."""
        path = source.data / self.folder / f"{language}.{self.split}.conll"
        blocks = enumerate(_blocks(path), start=1)  # the English files have no ids; they number as the others do
        return path, [self._utterance(block, number, language, f"{path}, row {row}") for number, (row, block) in blocks]

    def _drawn(self, utterances: list[Utterance], path: Path) -> list[Utterance]:
        """The files are sorted by where the sentences are from, so the first ones would be all about the weather."""
        if self.sentences is None:
            return utterances
        if self.sentences > len(utterances):
            raise InputError(f"{path}: has only {len(utterances)} sentences, not {self.sentences}")
        ranks = {place: hashlib.sha256(f"xsid/{place}".encode()).hexdigest() for place in range(len(utterances))}
        return [utterances[place] for place in sorted(sorted(ranks, key=ranks.__getitem__)[: self.sentences])]

    def _utterance(self, block: list[str], number: int, language: str, place: str) -> Utterance:
        notes = dict(line[1:].strip().split(" = ", 1) for line in block if line.startswith("# ") and " = " in line)
        cells = [line.split("\t") for line in block if not line.startswith("#")]
        if "intent" not in notes or not cells or any(len(cell) != 4 for cell in cells):
            raise InputError(f"{place}: needs # intent, and lines of number, word, intent and label")
        written = normalize_spoken_text if self.as_heard else str
        words, labels = [cell[1] for cell in cells], [cell[3] for cell in cells]
        entities = tuple(Entity(kind, written(filler)) for kind, filler in _spans(words, labels))
        heard = tuple(entity for entity in entities if entity.filler)  # without spans of punctuation alone
        frame = check_frame(SemanticFrame(notes["intent"], heard), place)
        identity = f"xsid-{self.split}-{language}-{notes.get('id', number)}"
        return Utterance(identity, written(" ".join(words)), language, frame)


def _number(utterance: Utterance) -> str:
    """The id that a sentence shares with its translations."""
    return utterance.id.rpartition("-")[2]


def _blocks(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines between empty ones, with the number of the first."""
    block: list[str] = []
    for number, line in enumerate([*read_text(path).split("\n"), ""], start=1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _spans(words: list[str], labels: list[str]) -> Iterator[tuple[str, str]]:
    """(type, filler) of each B- and the I- after it; an I- of another type, as annotators slip, begins a span."""
    kind, span = "", list[str]()
    for word, label in zip([*words, ""], [*labels, "O"], strict=True):
        if kind and label != f"I-{kind}":
            yield kind, " ".join(span)
            kind, span = "", []
        if label != "O":
            kind = label[2:]
            span.append(word)
