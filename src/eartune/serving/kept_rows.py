"""A manifest that grows by what somebody tried and found right, or corrected: rows to train on, with their recordings.

{"id":"t0001","text":null,"language":"en","intent":"order","entities":[],"recordings":[{"file":"t0001.wav","seconds":1.8}]}
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from eartune.claims import CLAIMS, Claims
from eartune.data.audio import SAMPLE_RATE, Wave, write_audio
from eartune.data.utterance import Recording, Utterance, read_manifest, with_label_fields, write_manifest
from eartune.errors import InputError
from eartune.tasks.task import Task

NAME = "the corrected answer"
"""How sentences about a row begin."""
_ID = re.compile(r"t(\d{4,})")


class KeptRows:
    """The manifest in one folder; what another process wrote to it meanwhile is kept too."""

    def __init__(self, folder: Path, task: Task, language: str) -> None:
        self.folder = folder
        self.task = task
        self.language = language

    @property
    def manifest(self) -> Path:
        """The path of the manifest."""
        return self.folder / "tried.jsonl"

    def rows(self) -> tuple[Utterance, ...]:
        """Return the rows so far."""
        return read_manifest(self.manifest) if self.manifest.exists() else ()

    def keep(self, answer: Mapping[str, Any], text: str | None, wave: Wave | None, known_as: str | None = None) -> str:
        """Add a row, or put it in place of the one with the id `known_as`, and return its id.

        `answer` has the keys of a manifest's row. Raises InputError for one that the task could not learn from, and
        for a row without both words and recording.
        """
        words = None if text is None or not text.strip() else " ".join(text.split())
        if words is None and wave is None:
            raise InputError(f"{NAME}: has neither words nor a recording")
        row = with_label_fields(Utterance("", words, self.language, None), answer, NAME)
        self.task.check([row])
        if known_as is not None and all(known.id != known_as for known in self.rows()):
            raise InputError(f"{NAME}: {self.manifest} has no row {known_as!r} that could be changed")
        self.folder.mkdir(parents=True, exist_ok=True)
        with Claims(self.folder / CLAIMS).hold(self.manifest.stem, wait=True):
            return self._write(row, wave, known_as)

    def _write(self, row: Utterance, wave: Wave | None, known_as: str | None) -> str:
        before = {row.id: row for row in self.rows()}
        name = known_as or _next_id(before)
        row = replace(row, id=name)
        if wave is not None:
            row = replace(row, recordings=(Recording(self.folder / f"{name}.wav", len(wave) / SAMPLE_RATE),))
            write_audio(row.recordings[0].path, wave)
        write_manifest(self.manifest, (before | {name: row}).values())
        return name


def _next_id(known: Mapping[str, object]) -> str:
    numbers = [int(found[1]) for name in known if (found := _ID.fullmatch(name))]
    return f"t{max(numbers, default=0) + 1:04}"
