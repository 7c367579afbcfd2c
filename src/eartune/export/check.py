"""Test recordings with the answers that the model gave in its run, to compare those of a server with.

check/answers.jsonl   {"file": "check/01.wav", "text": "{\\"intent\\":\\"order\\", ...}"}
check/01.wav          copies of the recordings; where a corpus may not be copied, "file" is a path to its own
check_server.py       sends them to a server and says how many answers agree
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from eartune.data.audio import load_audio, write_audio
from eartune.data.example import Example, as_speech
from eartune.data.utterance import Recording, read_manifest
from eartune.errors import InputError
from eartune.experiments.experiment import licences_of
from eartune.experiments.finished_model import FinishedModel
from eartune.export import check_server
from eartune.files import read_lines, write_lines
from eartune.run_folder import RunFolder

CHECK, MOST = "check", 20


class Answered(NamedTuple):
    """A recording of the test, and the text with which the model answered it."""

    example: Example
    recording: Recording
    text: str


def write_check(folder: Path, run: FinishedModel, answered: Sequence[Answered]) -> None:
    """Write the first 20 recordings with their answers, and the script.

    Copies are as the model hears them: 16 kHz, and without the silence around them if that was cut in training.
    """
    may_copy = not any(licences_of(run.experiment.data.test).values())
    (folder / CHECK).mkdir()
    rows = []
    for number, (_, recording, text) in enumerate(answered[:MOST], start=1):
        file = f"{CHECK}/{number:02}.wav" if may_copy else str(recording.path.absolute())
        if may_copy:
            write_audio(folder / file, load_audio(recording.path, run.experiment.architecture.cut_silence))
        rows.append({"file": file, "text": text})
    write_lines(folder / CHECK / "answers.jsonl", rows)
    shutil.copyfile(check_server.__file__, folder / "check_server.py")


def read_answered(run: FinishedModel) -> list[Answered]:
    """Return the recordings of the test that still exist, with the answers to them.

    Raises InputError if none does, and if the answers are to another test.
    """
    manifest = RunFolder(run.folder.path.resolve().parent).references
    tested = as_speech(read_manifest(manifest))
    rows = [row for _, row in read_lines(run.folder.predictions)]
    if [row.get("id") for row in rows] != [example.utterance.id for example in tested]:
        raise InputError(f"{run.folder.predictions}: holds answers to another test; run the experiment again")
    pairs = zip(tested, rows, strict=True)
    there = [Answered(one, one.recording, str(row["text"])) for one, row in pairs if one.recording is not None]
    there = [one for one in there if one.recording.path.is_file()]
    if not there:
        raise InputError(f"{manifest}: no recording of the test exists any more, so answers cannot be compared")
    return there
