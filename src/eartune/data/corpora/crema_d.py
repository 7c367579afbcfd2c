"""CREMA-D: 91 actors say the same 12 sentences in six emotions; 7,442 clips, whose words tell nothing of the emotion.

    AudioWAV/1001_IEO_ANG_HI.wav    actor 1001: "It's eleven o'clock", angry, with high intensity

The folder `crema_d` holds AudioWAV/ of https://github.com/CheyneyComputerScience/CREMA-D, which keeps it in Git LFS. It
has no split of its own. This one is by actor, so that nobody is heard in training and in the test: in the order of the
hashes of their numbers, the first 14 actors are the test and the next 9 the dev set.
"""

import hashlib
from pathlib import Path
from typing import ClassVar, Literal

from eartune.data.corpora.source import Source
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.settings import Section

EMOTIONS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
SENTENCES = {
    "DFA": "don't forget a jacket",
    "IEO": "it's eleven o'clock",
    "IOM": "i'm on my way to the meeting",
    "ITH": "i think i have a doctor's appointment",
    "ITS": "i think i've seen this before",
    "IWL": "i would like a new alarm clock",
    "IWW": "i wonder what this is about",
    "MTI": "maybe tomorrow it will be cold",
    "TAI": "the airplane is almost full",
    "TIE": "that is exactly what happened",
    "TSI": "the surface is slick",
    "WSI": "we'll stop in a couple of minutes",
}
ACTORS = tuple(str(number) for number in range(1001, 1092))
N_TEST, N_DEV = 14, 9


class CremaDCorpus(Section):
    """One split of CREMA-D: 68 actors to train on, 9 to develop with, 14 to test on."""

    LICENCE: ClassVar[str] = "CREMA-D: ODbL 1.0, share-alike"

    corpus: Literal["crema-d"]
    split: Literal["train", "dev", "test"]
    folder: str = "crema_d"

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each clip of the split's actors, labelled with the emotion that was to be shown."""
        folder, actors = source.data / self.folder / "AudioWAV", actors_of(self.split)
        clips = sorted(folder.glob("*.wav"))
        if not clips:
            raise InputError(f"{folder}: holds no recordings, such as 1001_IEO_ANG_HI.wav")
        return tuple(_utterance(clip, source) for clip in clips if _actor(clip) in actors)


def actors_of(split: str) -> frozenset[str]:
    """Return the numbers of the actors of a split."""
    ranked = sorted(ACTORS, key=lambda actor: hashlib.sha256(f"crema-d/{actor}".encode()).hexdigest())
    test, dev, train = ranked[:N_TEST], ranked[N_TEST : N_TEST + N_DEV], ranked[N_TEST + N_DEV :]
    return frozenset({"test": test, "dev": dev, "train": train}[split])


def _actor(clip: Path) -> str:
    actor, *codes = clip.stem.split("_")
    if len(codes) != 3 or actor not in ACTORS or codes[0] not in SENTENCES or codes[1] not in EMOTIONS:
        raise InputError(f"{clip}: is not named as ACTOR_SENTENCE_EMOTION_LEVEL.wav, such as 1001_IEO_ANG_HI.wav")
    return actor


def _utterance(clip: Path, source: Source) -> Utterance:
    actor, sentence, emotion, _ = clip.stem.split("_")
    recording = source.recording(clip, f"crema-d-{actor}")
    return Utterance(f"crema-d-{clip.stem}", SENTENCES[sentence], "en", None, (recording,), EMOTIONS[emotion])
