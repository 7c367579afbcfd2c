"""A trained model of a run answers recordings that nobody has labelled."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eartune.data.audio import AUDIO_SUFFIXES, SAMPLE_RATE, read_audio
from eartune.data.example import Example
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Recording, Utterance
from eartune.errors import InputError
from eartune.experiments.trained_model import load_run, read_run
from eartune.inference.decode import ask
from eartune.models.rows import RowMaker
from eartune.tasks.prediction import Prediction
from eartune.tasks.slu import Schema, parse


def predict_files(run_dir: Path, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """A row a recording, in the order given: file, text, status, and the frame's keys if one was read.

    Raises InputError, before anything is decoded, for a folder that is no model and for the first recording
    that cannot be heard.
    """
    run = read_run(run_dir)
    experiment, schema = run.experiment, run.schema
    files = list(find_recordings(paths))
    examples = [_example(file, schema) for file in files]
    model = load_run(run)
    rows = RowMaker(model, experiment.task, experiment.architecture, run.preface)
    size = experiment.decoding.batch_size
    batches = [examples[start : start + size] for start in range(0, len(examples), size)]
    texts = [text for batch in batches for text in ask(model, batch, rows, schema, experiment.decoding)]
    return [_row(file, text, schema) for file, text in zip(files, texts, strict=True)]


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


def _example(file: Path, schema: Schema) -> Example:
    seconds = len(read_audio(file)) / SAMPLE_RATE
    unknown = SemanticFrame.of("", "") if schema.has_scenario else SemanticFrame("")
    recording = Recording(file, seconds)
    return Example(Utterance(str(file), None, "und", unknown, (recording,)), recording)


def _row(file: Path, text: str, schema: Schema) -> dict[str, Any]:
    frame, status = parse(text, schema)
    row = Prediction("", str(file), text, status, frame).to_json()
    del row["id"]
    return row
