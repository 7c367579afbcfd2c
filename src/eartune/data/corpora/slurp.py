"""SLURP: spoken commands to a home assistant, with scenario, action and entities.

    {"slurp_id": 9054, "sentence": "event reminder mona tuesday", "scenario": "calendar", "action": "set",
     "intent": "calendar_set", "tokens": [{"id": 2, "surface": "mona", ...}, ...],
     "recordings": [{"file": "audio-1497872916-headset.flac", "wer": 0.0, "status": "correct", ...}, ...],
     "entities": [{"type": "event_name", "span": [2]}, {"type": "date", "span": [3]}]}

The field `intent` is another thing than scenario_action in 67 rows of devel and test; nothing reads it.
The folder `slurp` holds {train,train_synthetic,devel,test}.jsonl from https://github.com/pswietojanski/slurp and, for
speech, slurp_real/ and slurp_synth/ from https://zenodo.org/records/4274930.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

from eartune.data.corpora.source import Source, voiced
from eartune.data.frame import Entity, SemanticFrame, check_frame
from eartune.data.tts.voices import Voice
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import read_lines
from eartune.settings import Section

Take = dict[str, Any]
"""A recording in a row of SLURP, with the keys file, wer and status."""


class SlurpCorpus(Section):
    """One split of SLURP: sentences to a home assistant, 1 to 60 recordings each."""

    LICENCE: ClassVar[str] = "SLURP: text CC BY 4.0; audio CC BY-NC 4.0, NON-COMMERCIAL"

    corpus: Literal["slurp"]
    split: Literal["train", "train_synthetic", "devel", "test"]
    recordings: Literal["all", "headset", "best", "one"] = "all"
    """All, as the official scorer needs; `headset`: close-talk ones; `best`: that of the least word error rate; `one`:
    one of each sentence, chosen by a hash of its name."""
    folder: str = "slurp"
    voices: tuple[Voice, ...] = ()
    """Voices, one of which speaks each text in place of its recordings: synthetic speech."""

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each row; without the folder of audio, they have no recordings."""
        folder = source.data / self.folder
        audio = folder / ("slurp_synth" if self.split == "train_synthetic" else "slurp_real")
        choose = CHOICES[self.recordings] if audio.is_dir() and not self.voices else _none
        rows = read_lines(folder / f"{self.split}.jsonl")
        utterances = [_utterance(row, place, audio, choose, source) for place, row in rows]
        return voiced(utterances, self.voices, source)


def slurp_frame(row: dict[str, Any], place: str) -> SemanticFrame:
    """Return the frame of a row; its fillers are lower-cased tokens, as in the official scorer.

    Those of `sentence_annotation` would cost 1.7 points of SLU-F1: "jessica's" is not "jessica 's".
    """
    try:
        words = {token["id"]: str(token["surface"]).lower() for token in row["tokens"]}
        entities = [Entity(_text(entity["type"]), _filler(words, entity["span"])) for entity in row["entities"]]
        frame = SemanticFrame.of(_text(row["scenario"]), _text(row["action"]), entities)
    except (KeyError, TypeError) as error:
        raise InputError(f"{place}: is not a row of SLURP; it lacks {error}, or that has another form") from error
    return check_frame(frame, place)


def slurp_text(row: dict[str, Any]) -> str:
    """Return the words of a row, tokenised as the fillers are."""
    return " ".join(str(token["surface"]).lower() for token in row["tokens"])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r}, which must be text")
    return value


def _filler(words: dict[int, str], span: list[int]) -> str:
    return " ".join(words[place] for place in span)


def _utterance(
    row: dict[str, Any], place: str, audio: Path, choose: Callable[[list[Take]], list[Take]], source: Source
) -> Utterance:
    frame = slurp_frame(row, place)
    try:
        takes = choose([take for take in row["recordings"] if take.get("status", "correct") == "correct"])
        recordings = tuple(source.recording(audio / str(take["file"])) for take in takes)
        return Utterance(f"slurp-{row['slurp_id']}", slurp_text(row), "en", frame, recordings)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{place}: is not a row of SLURP; it lacks {error}, or that has another form") from error


def _none(takes: list[Take]) -> list[Take]:
    return []


def _headset(takes: list[Take]) -> list[Take]:
    return [take for take in takes if "-headset" in take["file"]]


def _best(takes: list[Take]) -> list[Take]:
    return [min(takes, key=_word_error_rate)] if takes else []


def _word_error_rate(take: Take) -> float:
    rate = take["wer"]
    if not isinstance(rate, int | float):
        raise TypeError(f"the word error rate {rate!r}")
    return rate


def _one(takes: list[Take]) -> list[Take]:
    return [min(takes, key=lambda take: hashlib.sha256(str(take["file"]).encode()).hexdigest())] if takes else []


CHOICES: dict[str, Callable[[list[Take]], list[Take]]] = {
    "all": lambda takes: takes,
    "headset": _headset,
    "best": _best,
    "one": _one,
}
