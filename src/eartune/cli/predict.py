"""`eartune predict`: decode recordings and write one JSON line for each as soon as it is decoded."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eartune.before_torch import before_torch
from eartune.cli.answers_file import check_file, write_answers
from eartune.cli.console import console
from eartune.data.audio import AUDIO_SUFFIXES, MAX_SECONDS
from eartune.data.pauses import pieces_of
from eartune.data.recording_index import RecordingIndex
from eartune.data.sound_file import SoundError, open_sound
from eartune.errors import InputError
from eartune.experiments.progress import RunProgress
from eartune.files import is_hidden, json_line, writable
from eartune.settings import Through
from eartune.wording import counted

if TYPE_CHECKING:
    from eartune.inference.trained_model import TrainedModel

CUT_LONG = " (--cut-long cuts it at its pauses)"
_NAMED = 5  # files that are passed over


def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model's folder, such as runs/demo/text-only-seed0.")
    ],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Recordings, or folders of them.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write, which the same command resumes if interrupted; by default the terminal."),
    ] = None,
    through: Annotated[
        Through | None,
        typer.Option(help="words: it writes down the words, then answers from these alone; by default as in its run."),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many recordings are decoded at once; by default as in its run. With 1 an answer depends on its "
            "recording alone: in bfloat16, others in a batch may change the last digits of scores, and so an answer.",
        ),
    ] = None,
    cut_long: Annotated[
        bool,
        typer.Option(
            "--cut-long",
            help="Cut recordings of more than 30 s at their pauses. Each piece gets a line with its start and end in "
            "seconds, and what it ends at: pause, end, or quietest where nobody pauses.",
        ),
    ] = False,
    channel: Annotated[
        int | None,
        typer.Option(min=0, help="Answer this channel, as of a call with one side in each; the first is 0."),
    ] = None,
) -> None:
    """Decode recordings (wav, flac, ogg, mp3, m4a, webm and others) with a model that `run` made.

    They may have any rate and number of channels, whose mean is answered unless --channel is given. Those that cannot
    be decoded, or are shorter than 0.1 s or (without --cut-long) longer than 30 s, are named while the others are
    answered; the exit code is then 1, and 2 where none can be answered. What is in a folder and is no recording is
    named too.

    Example: eartune predict runs/demo/text-only-seed0 order.wav --out predictions.jsonl

    Example: eartune predict runs/demo/text-only-seed0 calls/ --cut-long --out predictions.jsonl
    """
    before_torch()
    from eartune.api import load

    if out is not None:
        check_file(out)
    recordings = list(dict.fromkeys(find_recordings(paths)))
    index = RecordingIndex()
    faults = _faults(recordings, cut_long, channel, index)  # so that a bad recording is found before any is answered
    usable = [path for path in recordings if path not in faults]
    if not usable:
        raise InputError(_with_number_of_others(list(faults.values())))
    trained = load(model, through=through)
    if batch_size is not None:
        trained = replace(trained, decoding=trained.decoding.model_copy(update={"batch_size": batch_size}))
    _complain(f"{fault}; it is not answered" for fault in faults.values())
    answer = partial(_rows, trained, cut_long, channel)
    if out is None:
        for row in answer(usable):
            print(json_line(row), end="", flush=True)
    else:
        made_of = _made_of(model, trained, usable, index) | {"cut_long": cut_long, "channel": channel}
        with RunProgress(console(), 1) as bar:
            write_answers(out, usable, answer, made_of, trained.decoding.batch_size, bar)
    if faults:
        raise typer.Exit(1)


def _rows(
    trained: "TrainedModel", cut_long: bool, channel: int | None, recordings: Sequence[Path]
) -> Iterator[dict[str, Any]]:
    of_channel = {} if channel is None else {"channel": channel}
    for prediction in trained.stream(recordings, cut_long=cut_long, channel=channel):
        row = prediction.to_json(trained.task)
        del row["id"]
        yield {"file": writable(row.pop("file"))} | of_channel | row


def _made_of(model: Path, trained: "TrainedModel", recordings: Sequence[Path], index: RecordingIndex) -> dict[str, Any]:
    """What answers are made of: if any of it changes, those of an interrupted command are of no use."""
    files = sorted(path for path in model.glob("*") if path.is_file())  # they change when the model is trained again
    return {
        "model": str(model.resolve()),
        "files": [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files],
        "decoding": trained.decoding.model_dump(mode="json"),
        "recordings": [[writable(str(path)), index.digest(path)] for path in recordings],
    }


def _faults(recordings: Sequence[Path], cut_long: bool, channel: int | None, index: RecordingIndex) -> dict[Path, str]:
    """A sentence for each recording that cannot be answered; one that is only too long can be, if it is to be cut."""
    faults = index.faults(recordings)
    if cut_long:
        faults = {path: fault for path in faults if (fault := _fault_of_pieces(path))}
    else:
        faults = {path: fault + (CUT_LONG if _is_too_long(path, index) else "") for path, fault in faults.items()}
    for path in () if channel is None else (path for path in recordings if path not in faults):
        if fault := _fault_of_channel(path, channel):
            faults[path] = fault
    return faults


def _is_too_long(path: Path, index: RecordingIndex) -> bool:
    try:
        return index.seconds(path) > MAX_SECONDS
    except InputError:
        return False


def _fault_of_pieces(path: Path) -> str | None:
    try:
        for _ in pieces_of(path, str(path)):
            pass
    except InputError as error:
        return str(error)
    return None


def _fault_of_channel(path: Path, channel: int | None) -> str | None:
    try:
        with open_sound(path, channel):
            return None
    except SoundError as error:
        return f"{path}: {error}"


def find_recordings(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the given files, and for each folder the recordings inside, by name; raises InputError if it has none.

    Files of a folder that are no recordings by their suffix are named on stderr, but for hidden ones, such as those
    that macOS writes beside each file.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        files = sorted(file for file in path.rglob("*") if file.is_file() and not is_hidden(file, path))
        inside = [file for file in files if file.suffix.lower() in AUDIO_SUFFIXES]
        others = [str(file.relative_to(path)) for file in files if file.suffix.lower() not in AUDIO_SUFFIXES]
        if not inside:
            raise InputError(f"{path}: has no recordings ({', '.join(AUDIO_SUFFIXES)})")
        if others:
            more = f" and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
            _complain([f"{path}: passed over, as no recordings by their suffix: {', '.join(others[:_NAMED])}{more}"])
        yield from inside


def _with_number_of_others(faults: Sequence[str]) -> str:
    others = len(faults) - 1
    return faults[0] + (f" ({counted(others, 'other recording')} cannot be answered either)" if others else "")


def _complain(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        print(f"eartune: {sentence}", file=sys.stderr)
