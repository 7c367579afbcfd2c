"""Fluent Speech Commands: 30,043 recordings of 97 people giving 248 commands to a home assistant.

    ,path,speakerId,transcription,action,object,location
    0,wavs/speakers/2BqVo8kVB2Skwgyb/0a3129c0-4474-11e9-a9a5-5dbec3b8816a.wav,2BqVo8kVB2Skwgyb,Change language,
      change language,none,none

The folder `fluent_speech_commands_dataset` is what its archive unpacks to; the licence allows academic use only and
no passing on. The intent of papers is all three labels together: compare with `exact_match`.
"""

from pathlib import Path
from typing import ClassVar, Literal

from eartune.data.corpora.delimited import read_csv
from eartune.data.corpora.source import Source
from eartune.data.frame import Entity, SemanticFrame, check_frame
from eartune.data.normalization import normalize_spoken_text
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.settings import Section

COLUMNS = ("path", "speakerId", "transcription", "action", "object", "location")


class FluentCorpus(Section):
    """One split of Fluent Speech Commands."""

    LICENCE: ClassVar[str] = "Fluent Speech Commands: ACADEMIC USE ONLY, no redistribution"

    corpus: Literal["fluent"]
    split: Literal["train", "valid", "test"]
    folder: str = "fluent_speech_commands_dataset"

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each row; the action is the intent, object and location are entities unless "none"."""
        folder = source.data / self.folder
        rows = read_csv(folder / "data" / f"{self.split}_data.csv", COLUMNS)
        return tuple(_utterance(row, place, folder, source) for place, row in rows)


def _utterance(row: dict[str, str], place: str, folder: Path, source: Source) -> Utterance:
    if any(not row[column] for column in COLUMNS):
        raise InputError(f"{place}: a cell is empty; each of {', '.join(COLUMNS)} must be filled")
    entities = tuple(Entity(name, row[name]) for name in ("object", "location") if row[name] != "none")
    path = folder / row["path"]
    recording = source.recording(path, row["speakerId"])
    frame = check_frame(SemanticFrame(row["action"], entities), place)
    return Utterance(f"fluent-{path.stem}", normalize_spoken_text(row["transcription"]), "en", frame, (recording,))
