"""RAVDESS: 24 actors say two sentences in eight emotions; 1,440 recordings, whose words tell nothing of the emotion.

    Actor_12/03-01-06-01-02-01-12.wav    sound alone, speech, fearful, normal intensity, "dogs", first time, actor 12

The folder `ravdess` holds Actor_01/ to Actor_24/ of Audio_Speech_Actors_01-24.zip from https://zenodo.org/records/1188976.
It has no split of its own. This one is by actor: 1 to 16 are to train on, 17 to 20 to develop with, 21 to 24 to test
on; odd numbers are men and even ones women.
"""

from pathlib import Path
from typing import ClassVar, Literal

from eartune.data.corpora.source import Source
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.settings import Section

EMOTIONS = {
    **{"01": "neutral", "02": "calm", "03": "happy", "04": "sad"},
    **{"05": "angry", "06": "fearful", "07": "disgust", "08": "surprised"},
}
SENTENCES = {"01": "kids are talking by the door", "02": "dogs are sitting by the door"}
ACTORS = {"train": range(1, 17), "dev": range(17, 21), "test": range(21, 25)}
SPEECH = ("03", "01")  # sound without a picture, spoken and not sung


class RavdessCorpus(Section):
    """One split of the spoken recordings of RAVDESS."""

    LICENCE: ClassVar[str] = "RAVDESS: CC BY-NC-SA 4.0, NON-COMMERCIAL, share-alike"

    corpus: Literal["ravdess"]
    split: Literal["train", "dev", "test"]
    folder: str = "ravdess"

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each recording of speech; what is sung is left out."""
        folders = [source.data / self.folder / f"Actor_{actor:02}" for actor in ACTORS[self.split]]
        recordings = [path for folder in folders for path in sorted(folder.glob("*.wav"))]
        if not recordings:
            raise InputError(f"{source.data / self.folder}: holds no {folders[0].name}/*.wav")
        return tuple(_utterance(path, source) for path in recordings if _is_speech(path))


def _is_speech(path: Path) -> bool:
    codes = path.stem.split("-")
    if len(codes) != 7 or codes[2] not in EMOTIONS or codes[4] not in SENTENCES:
        raise InputError(f"{path}: is not named by seven numbers, such as 03-01-06-01-02-01-12.wav")
    return tuple(codes[:2]) == SPEECH


def _utterance(path: Path, source: Source) -> Utterance:
    codes = path.stem.split("-")
    recording = source.recording(path, f"ravdess-{codes[6]}")
    return Utterance(f"ravdess-{path.stem}", SENTENCES[codes[4]], "en", None, (recording,), EMOTIONS[codes[2]])
