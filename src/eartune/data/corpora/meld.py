"""MELD: 13,708 utterances of a television series with one of seven emotions; the words help, and so does the sound.

    Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime
    1,"Oh my God, he's lost it. He's totally lost it.",Phoebe,sadness,negative,0,0,4,7,"00:20:57,256","00:21:00,049"

The folder `meld` holds {train,dev,test}_sent_emo.csv and, of MELD.Raw.tar.gz (https://affective-meld.github.io), the
folders train_splits/, dev_splits_complete/ and output_repeated_splits_test/, in which each video diaD_uttU.mp4 has its
sound beside it as diaD_uttU.wav. Of two utterances there is no sound: the video of one is broken, that of the other was
never published.
"""

import re
from pathlib import Path
from typing import ClassVar, Literal

from eartune.data.corpora.delimited import read_csv
from eartune.data.corpora.source import Source
from eartune.data.normalization import normalize_spoken_text
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.settings import Section

COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
SOUNDS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
WITHOUT_SOUND = {("train", "dia125_utt3"), ("dev", "dia110_utt7")}
_WINDOWS = re.compile("[\u0080-\u009f]")  # quotation marks that were decoded as Latin-1


class MeldCorpus(Section):
    """One split of MELD, as it is published."""

    LICENCE: ClassVar[str] = (
        "MELD: labels GPL-3.0; the recordings are of a television series and not licensed, ACADEMIC use at most"
    )

    corpus: Literal["meld"]
    split: Literal["train", "dev", "test"]
    folder: str = "meld"
    as_heard: bool = True
    """Whether text is converted to lower case without punctuation, which cannot be heard; false leaves it as typed."""

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each row; without the folder of the split's sound, they have no recordings."""
        folder = source.data / self.folder
        rows = read_csv(folder / f"{self.split}_sent_emo.csv", COLUMNS)
        return tuple(self._utterance(row, place, folder / SOUNDS[self.split], source) for place, row in rows)

    def _utterance(self, row: dict[str, str], place: str, sounds: Path, source: Source) -> Utterance:
        if row["Emotion"] not in EMOTIONS or not row["Dialogue_ID"].isdecimal() or not row["Utterance_ID"].isdecimal():
            raise InputError(f"{place}: needs numbers of dialogue and utterance, and one of {', '.join(EMOTIONS)}")
        name = f"dia{int(row['Dialogue_ID'])}_utt{int(row['Utterance_ID'])}"
        is_there = sounds.is_dir() and (self.split, name) not in WITHOUT_SOUND
        recordings = (source.recording(sounds / f"{name}.wav", row["Speaker"] or None),) if is_there else ()
        typed = " ".join(_WINDOWS.sub(_as_windows_has_it, row["Utterance"]).split())
        heard = normalize_spoken_text(typed) if self.as_heard else typed
        text = heard or (None if recordings else typed)  # "..." is no word, but a row needs words or a recording
        if text == "":
            raise InputError(f"{place}: has neither words nor a recording")
        return Utterance(f"meld-{self.split}-{name}", text, "en", None, recordings, row["Emotion"])


def _as_windows_has_it(sign: re.Match[str]) -> str:
    return sign[0].encode("latin-1").decode("cp1252", "ignore")
