"""IEMOCAP: ten actors in five sessions of two, in dialogues that are played or improvised, labelled with emotions.

    Session1/dialog/EmoEvaluation/Ses01F_impro01.txt:
        [6.2901 - 8.2357]	Ses01F_impro01_F000	neu	[2.5000, 2.5000, 2.5000]
    Session1/dialog/transcriptions/Ses01F_impro01.txt:
        Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
    Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav

The folder `IEMOCAP_full_release` is what its archive unpacks to; it is sent on request (https://sail.usc.edu/iemocap).
It is split by session, of which each has two actors of its own.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from eartune.data.corpora.source import Source
from eartune.data.normalization import normalize_spoken_text
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import read_text
from eartune.settings import Section

FOUR = {"ang": "angry", "exc": "happy", "hap": "happy", "neu": "neutral", "sad": "sad"}
"""The four emotions that papers report, for which excitement counts as happiness."""
ALL = FOUR | {
    **{"dis": "disgusted", "exc": "excited", "fea": "fearful"},
    **{"fru": "frustrated", "oth": "other", "sur": "surprised"},
}
NO_MAJORITY = "xxx"  # the judges did not agree
_LABELLED = re.compile(
    r"\[[\d. -]+\]\t(?P<turn>(?P<dialogue>Ses\d\d[FM]_\w{1,20})_[FM]\w{1,9})\t(?P<emotion>[a-z]{3})\t"
)
_NOISE = re.compile(r"\[[^]]*\]")  # [LAUGHTER]
_SAID = re.compile(r"(?P<turn>Ses\w+) \[[\d.-]+\]: ?(?P<words>.*)")


class IemocapCorpus(Section):
    """The session to test on, or the other four to train on."""

    LICENCE: ClassVar[str] = "IEMOCAP: ACADEMIC USE ONLY, on request, no redistribution"

    corpus: Literal["iemocap"]
    split: Literal["train", "test"]
    session: int = Field(default=5, ge=1, le=5)
    """The session to test on."""
    emotions: Literal["four", "all"] = "four"
    """four: angry, happy (with excited), neutral and sad, as papers have it; all: every label that most judges gave."""
    folder: str = "IEMOCAP_full_release"

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each turn with one of the emotions; those on which judges disagreed are left out."""
        sessions = [number for number in range(1, 6) if (number == self.session) == (self.split == "test")]
        folders = [source.data / self.folder / f"Session{number}" for number in sessions]
        return tuple(utterance for folder in folders for utterance in self._of_session(folder, source))

    def _of_session(self, folder: Path, source: Source) -> Iterator[Utterance]:
        named = FOUR if self.emotions == "four" else ALL
        dialogues = sorted((folder / "dialog" / "EmoEvaluation").glob("Ses*.txt"))
        if not dialogues:
            raise InputError(f"{folder / 'dialog' / 'EmoEvaluation'}: holds no labels, such as Ses01F_impro01.txt")
        for labels in dialogues:
            said = _words(folder / "dialog" / "transcriptions" / labels.name)
            for turn in _LABELLED.finditer(read_text(labels)):
                name, emotion = turn["turn"], turn["emotion"]
                if emotion not in {*ALL, NO_MAJORITY}:
                    raise InputError(f"{labels}: {name}: the emotion {emotion!r} is not one of IEMOCAP's")
                if emotion in named:
                    path = folder / "sentences" / "wav" / turn["dialogue"] / f"{name}.wav"
                    recording = source.recording(path, _speaker(name))
                    yield Utterance(f"iemocap-{name}", said.get(name), "en", None, (recording,), named[emotion])


def _words(path: Path) -> dict[str, str]:
    """The words of each turn of a dialogue, as they are heard; none for a turn of noises alone."""
    turns = (_SAID.fullmatch(line.strip()) for line in read_text(path).split("\n"))
    heard = {turn["turn"]: normalize_spoken_text(_NOISE.sub(" ", turn["words"])) for turn in turns if turn}
    return {turn: words for turn, words in heard.items() if words}


def _speaker(turn: str) -> str:
    """The actor of a turn, by session and sex: Ses01M of Ses01F_impro01_M003, in which she wears the markers."""
    return f"{turn[:5]}{turn.rpartition('_')[2][0]}"
