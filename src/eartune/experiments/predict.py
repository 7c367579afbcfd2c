"""A trained model of a run answers recordings that nobody has labelled."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eartune.data.audio import AUDIO_SUFFIXES, SAMPLE_RATE, read_audio
from eartune.data.example import Example
from eartune.data.utterance import Recording, Utterance
from eartune.errors import InputError
from eartune.experiments.trained_model import load_run, read_run
from eartune.inference.decode import ask
from eartune.models.rows import RowMaker
from eartune.tasks.task import Task


def predict_files(run_dir: Path, paths: Sequence[Path], task: Task | None = None) -> list[dict[str, Any]]:
    """A row a recording, in the order given: file, text, status, and the answer's keys if one was read.

    `task` is that of the run where it was given from Python.
    Raises InputError, before anything is decoded, for a folder that is no model and for the first recording
    that cannot be heard.
    """
    run = read_run(run_dir, task)
    experiment = run.experiment
    files = list(find_recordings(paths))
    examples = [_example(file) for file in files]
    model = load_run(run)
    rows = RowMaker(model, experiment.task, run.labels, experiment.architecture, run.preface)
    size = experiment.decoding.batch_size
    batches = [examples[start : start + size] for start in range(0, len(examples), size)]
    predictions = [p for batch in batches for p in ask(model, batch, rows, experiment.decoding)]
    written = [prediction.to_json(experiment.task) for prediction in predictions]
    return [{"file": str(file)} | _without_names(row) for file, row in zip(files, written, strict=True)]


def find_recordings(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as they are given, folders as the recordings in them by name."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES)
        if not inside:
            raise InputError(f"{path}: holds no recording ({', '.join(AUDIO_SUFFIXES)})")
        yield from inside


def _example(file: Path) -> Example:
    seconds = len(read_audio(file)) / SAMPLE_RATE
    recording = Recording(file, seconds)
    return Example(Utterance(str(file), None, "und", None, (recording,)), recording)


def _without_names(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("id", "file")}
