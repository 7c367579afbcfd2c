"""ITALIC: MASSIVE's Italian sentences read by 70 people, in three ways of splitting them; CC BY 4.0.

    {"id": 7168, "age": 27, "gender": "male", "region": "lazio", "speaker_id": "...", "environment": "...",
     "device": "...", "scenario": "iot", "intent": "iot_hue_lightoff", "utt": "spegni la luce della cucina", ...}

The folder `italic` holds recordings/<id>.wav and {massive,hard_speaker,hard_noisy}_{train,validation,test}.json (JSON
lines) of https://zenodo.org/records/8040649. It has no slots: entities come from MASSIVE's it-IT by id.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from eartune.data.corpora.massive import massive_file, massive_frame
from eartune.data.corpora.source import Source
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import read_lines
from eartune.settings import Section


class ItalicCorpus(Section):
    """One split of one configuration of ITALIC, with the slots of MASSIVE."""

    LICENCE: ClassVar[str] = "ITALIC: CC BY 4.0; MASSIVE: CC BY 4.0"

    corpus: Literal["italic"]
    split: Literal["train", "validation", "test"]
    configuration: Literal["massive", "hard_speaker", "hard_noisy"] = "massive"
    folder: str = "italic"
    massive_folder: str = "massive"

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each row; without a folder recordings/, they have no recordings."""
        folder = source.data / self.folder
        in_massive = read_lines(massive_file(source.data / self.massive_folder, "it-IT"))
        frames = {row["id"]: frame for frame, row in ((massive_frame(row, place), row) for place, row in in_massive)}
        rows = read_lines(folder / f"{self.configuration}_{self.split}.json")
        return tuple(_utterance(row, place, folder / "recordings", frames, source) for place, row in rows)


def _utterance(
    row: dict[str, Any], place: str, audio: Path, frames: dict[str, SemanticFrame], source: Source
) -> Utterance:
    if not isinstance(row.get("id"), int | str) or not isinstance(row.get("utt"), str):
        raise InputError(f'{place}: is not a row of ITALIC; it needs "id" and "utt"')
    frame = frames.get(str(row["id"]))
    if frame is None:
        raise InputError(f"{place}: MASSIVE's it-IT has no row {row['id']}, so its slots are not known")
    if row.get("intent") not in (None, frame.intent):
        raise InputError(f"{place}: the intent is {row['intent']!r} here and {frame.intent!r} in MASSIVE's it-IT")
    path = audio / f"{row['id']}.wav"
    speaker = None if row.get("speaker_id") is None else str(row["speaker_id"])
    recordings = (source.recording(path, speaker),) if audio.is_dir() else ()
    return Utterance(f"italic-{row['id']}", row["utt"], "it-IT", frame, recordings)
