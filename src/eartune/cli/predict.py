"""`eartune predict`: decode recordings and write one JSON line for each as soon as it is decoded."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from eartune.before_torch import before_torch
from eartune.data.audio import AUDIO_SUFFIXES
from eartune.data.recording_index import RecordingIndex
from eartune.errors import InputError
from eartune.files import atomic, json_line
from eartune.settings import Through


def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model's folder, such as runs/demo/text-only-seed0.")
    ],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Recordings, or folders of them.")],
    out: Annotated[Path | None, typer.Option(help="The file to write; by default the terminal.")] = None,
    through: Annotated[
        Through | None,
        typer.Option(help="words: it writes down the words, then answers from these alone; by default as in its run."),
    ] = None,
) -> None:
    """Decode recordings (wav, flac, ogg, mp3; any rate and channels) with a model that `run` made.

    Example: eartune predict runs/demo/text-only-seed0 order.wav --out predictions.jsonl
    """
    before_torch()
    from eartune.api import load

    recordings = list(find_recordings(paths))
    RecordingIndex().examine(recordings)  # so that a bad recording is found before any is decoded
    trained = load(model, through=through)
    with _output(out) as lines:
        for prediction in trained.stream(recordings):
            row = prediction.to_json(trained.task)
            del row["id"]
            lines.write(json_line(row))
            lines.flush()


def find_recordings(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the given files, and for each folder the recordings inside, by name; raises InputError if it has none."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES)
        if not inside:
            raise InputError(f"{path}: has no recordings ({', '.join(AUDIO_SUFFIXES)})")
        yield from inside


@contextmanager
def _output(out: Path | None) -> Iterator[IO[str]]:
    """The terminal, or a file that is renamed to `out` when all is written."""
    if out is None:
        yield sys.stdout
        return
    with atomic(out) as half_written, half_written.open("w", encoding="utf-8") as file:
        yield file
