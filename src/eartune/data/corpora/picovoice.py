"""Picovoice's speech-to-intent benchmark: real people ordering coffee; recordings with intent and slots, no words.

    {"file": "01a5.flac", "intent": "orderDrink", "slots": {"coffeeDrink": "mocha", "milkAmount": "soy milk"}}

The folder `picovoice_sti` holds labels.jsonl, recordings/ and coffee_maker.yaml (read that one as a grammar).
"""

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Literal

from eartune.data.corpora.source import Source
from eartune.data.frame import Entity, SemanticFrame, check_frame
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import read_lines
from eartune.settings import Section

HELD_OUT = 100
"""Recordings in the test split: the first in the order of their names' hashes. There are no speaker ids, so a
speaker may be on both sides."""


class PicovoiceCorpus(Section):
    """One split of the benchmark's recordings."""

    LICENCE: ClassVar[str] = "Picovoice speech-to-intent benchmark: Apache-2.0"

    corpus: Literal["picovoice"]
    split: Literal["train", "test"]
    folder: str = "picovoice_sti"

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each recording, in the order of the hashes of their names."""
        folder = source.data / self.folder
        rows = sorted(read_lines(folder / "labels.jsonl"), key=lambda placed: _rank(str(placed[1].get("file"))))
        chosen = rows[:HELD_OUT] if self.split == "test" else rows[HELD_OUT:]
        return tuple(_utterance(row, place, folder / "recordings", source) for place, row in chosen)


def _utterance(row: dict[str, Any], place: str, recordings: Path, source: Source) -> Utterance:
    file, intent, slots = row.get("file"), row.get("intent"), row.get("slots")
    if not isinstance(file, str) or not isinstance(intent, str) or not isinstance(slots, dict):
        raise InputError(f'{place}: needs "file" and "intent" as text and "slots" as an object')
    frame = check_frame(SemanticFrame(intent, tuple(Entity(slot, str(value)) for slot, value in slots.items())), place)
    path = recordings / file
    return Utterance(Path(file).stem, None, "en", frame, (source.recording(path),))


def _rank(file: str) -> str:
    return hashlib.sha256(f"test split/{file}".encode()).hexdigest()
