"""`predict` answers what it can and names the rest; a folder gives its recordings, and no files of the system."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import Result
from typer.testing import CliRunner

import eartune.api
from builders import frame, sound_file
from eartune.cli.app import app
from eartune.cli.predict import find_recordings
from eartune.data.pauses import pieces_of
from eartune.errors import InputError
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus


@dataclass(frozen=True)
class Model:
    """A model that answers every recording alike, and says in its answer how many it would be given at once."""

    decoding: Decoding
    task: Any

    def stream(
        self, recordings: Iterable[Path], cut_long: bool = False, channel: int | None = None
    ) -> Iterator[Prediction]:
        for path in recordings:
            meant = frame(
                f"batches of {self.decoding.batch_size}", *([] if channel is None else [f"channel:{channel}"])
            )
            for span, _ in pieces_of(path, "it") if cut_long else [(None, None)]:
                yield Prediction(str(path), str(path), "{}", ParseStatus.OK, meant, span=span)


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(eartune.api, "load", lambda folder, through=None: Model(Decoding(batch_size=16), SluTask()))
    monkeypatch.chdir(tmp_path)


def predict(*argv: str) -> Result:
    return CliRunner().invoke(app, ["predict", "model", *argv])


def answers(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_channel_is_named_in_each_row_and_a_recording_without_it_is_not_answered() -> None:
    soundfile.write("call.wav", np.full((8_000, 2), 0.1), 16_000)
    sound_file(Path("mono.wav"), 0.5)
    result = predict("call.wav", "mono.wav", "--channel", "1")
    (row,) = answers(result)
    assert (row["file"], row["channel"], row["entities"]) == ("call.wav", 1, [{"type": "channel", "filler": "1"}])
    assert result.stderr.splitlines() == [
        "eartune: mono.wav: has no channel 1: it has 1, and the first is 0; it is not answered"
    ]
    assert result.exit_code == 1 and "channel" not in answers(predict("call.wav"))[0]


def test_a_recording_of_31_s_is_named_and_the_others_are_answered() -> None:
    """Nothing was answered."""
    for name, seconds in (("a", 0.5), ("b", 31.0), ("c", 0.5)):
        sound_file(Path(f"{name}.wav"), seconds)
    Path("d.wav").write_bytes(b"no sound")
    result = predict("a.wav", "b.wav", "c.wav", "d.wav", "gone.wav")
    assert [row["file"] for row in answers(result)] == ["a.wav", "c.wav"]
    assert result.stderr.splitlines() == [
        "eartune: b.wav: is 31.00 s long; a recording must be 0.1 to 30 s long (--cut-long cuts it at its pauses); "
        "it is not answered",
        "eartune: d.wav: not a recording that can be read (Format not recognised); it is not answered",
        "eartune: gone.wav: no such recording; it is not answered",
    ]
    assert result.exit_code == 1
    assert predict("a.wav", "c.wav").exit_code == 0


def test_a_long_recording_is_cut_if_asked() -> None:
    """Nothing else that is wrong with a recording is mended by that."""
    for name, seconds in (("a", 0.5), ("b", 31.0), ("c", 0.05)):
        sound_file(Path(f"{name}.wav"), seconds)
    Path("d.wav").write_bytes(b"no sound")
    result = predict("a.wav", "b.wav", "c.wav", "d.wav", "--cut-long")
    spans = [(row["file"], row["start"], row["end"], row["ends_at"]) for row in answers(result)]
    (_, _, middle, how), *_ = spans[1:]
    assert 20 < middle < 30 and how == "quietest"  # it is one tone
    assert spans == [("a.wav", 0.0, 0.5, "end"), ("b.wav", 0.0, middle, how), ("b.wav", middle, 31.0, "end")]
    assert result.stderr.splitlines() == [
        "eartune: c.wav: is 0.05 s long; a recording must be 0.1 to 30 s long; it is not answered",
        "eartune: d.wav: not a recording that can be read (Format not recognised); it is not answered",
    ]


def test_where_nothing_can_be_answered_the_input_is_wrong() -> None:
    sound_file(Path("b.wav"), 31.0)
    for names, others in ((["b.wav"], ""), (["b.wav", "gone.wav"], " (1 other recording cannot be answered either)")):
        error = predict(*names).exception
        assert isinstance(error, InputError)
        said = "b.wav: is 31.00 s long; a recording must be 0.1 to 30 s long (--cut-long cuts it at its pauses)"
        assert str(error) == said + others


def test_recordings_are_decoded_one_by_one_if_asked() -> None:
    sound_file(Path("a.wav"))
    assert answers(predict("a.wav"))[0]["intent"] == "batches of 16"
    assert answers(predict("a.wav", "--batch-size", "1"))[0]["intent"] == "batches of 1"
    assert predict("a.wav", "--batch-size", "0").exit_code == 2


def test_a_folder_gives_all_that_can_be_decoded_and_names_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    """.opus and .aiff were passed over without a word, and predict stopped at what macOS writes beside each file."""
    wanted = ["a.wav", "b.opus", "c.AIFF", "d.m4a", "e.webm", "f.oga", "sub/g.mp3"]
    hidden = ["._a.wav", "sub/._g.mp3", "__MACOSX/._a.wav", "__MACOSX/a.wav", ".trash/a.wav", ".DS_Store"]
    for name in [*wanted, *hidden, "train.csv", *(f"n{n}.txt" for n in range(6))]:
        Path("clips", name).parent.mkdir(parents=True, exist_ok=True)
        Path("clips", name).touch()
    assert sorted(map(str, find_recordings([Path("clips")]))) == [f"clips/{name}" for name in wanted]
    assert capsys.readouterr().err == (
        "eartune: clips: passed over, as no recordings by their suffix: "
        "n0.txt, n1.txt, n2.txt, n3.txt, n4.txt and 2 more\n"
    )
    assert list(find_recordings([Path("clips/._a.wav")])) == [Path("clips/._a.wav")]  # named, so meant
    with pytest.raises(InputError, match=r"^clips/__MACOSX/x: has no recordings"):
        Path("clips/__MACOSX/x").mkdir()
        list(find_recordings([Path("clips/__MACOSX/x")]))


def test_an_interrupted_command_is_resumed_by_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """All answers were lost, after hours perhaps."""
    names = [f"{name}.wav" for name in "abcdefg"]
    for name in names:
        sound_file(Path(name), 0.5)
    command = [*names, "--out", "answers.jsonl", "--batch-size", "2"]
    whole = predict(*command)
    expected = Path("answers.jsonl").read_bytes()
    assert whole.exit_code == 0 and [row["file"] for row in rows_of("answers.jsonl")] == names
    asked: list[Path] = []
    stream = Model.stream

    def interrupted(self: Model, recordings: Iterable[Path], **how: Any) -> Iterator[Prediction]:
        for path in recordings:
            asked.append(path)
            if len(asked) == 6:
                raise KeyboardInterrupt
            yield from stream(self, [path], **how)

    monkeypatch.setattr(Model, "stream", interrupted)
    Path("answers.jsonl").unlink()
    said = predict(*command)
    assert (said.exit_code, said.stderr) == (130, "eartune: interrupted; with --out, the same command resumes\n")
    assert not Path("answers.jsonl").exists()
    assert predict(*command).exit_code == 0
    assert [str(path) for path in asked[6:]] == ["e.wav", "f.wav", "g.wav"]  # e.wav was one of a batch of two
    assert Path("answers.jsonl").read_bytes() == expected and not list(Path().glob("*.part*"))


@pytest.mark.parametrize("change", ["batches", "a recording", "the model", "the channel"])
def test_answers_of_another_command_are_not_resumed(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.wav", "b.wav"):
        sound_file(Path(name), 0.5)
    Path("model").mkdir()
    Path("model", "result.json").write_text("{}")
    command = ["a.wav", "b.wav", "--out", "answers.jsonl", "--batch-size", "1"]
    stream = Model.stream

    def ends_early(self: Model, recordings: Iterable[Path], **how: Any) -> Iterator[Prediction]:
        yield from stream(self, list(recordings)[:1], **how)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Model, "stream", ends_early)
        assert predict(*command).exit_code == 130
    stale = Path("answers.part.jsonl").read_text().replace('"intent":', '"intent":"stale","was":')
    Path("answers.part.jsonl").write_text(stale)
    assert predict(*command).exit_code == 0
    assert [row["intent"] == "stale" for row in rows_of("answers.jsonl")] == [True, False]
    Path("answers.part.jsonl").write_text(stale)
    if change == "batches":
        command[-1] = "2"
    elif change == "a recording":
        sound_file(Path("b.wav"), 0.6)
    elif change == "the model":
        Path("model", "result.json").write_text('{"trained": "again"}')
    else:
        command += ["--channel", "0"]
    assert predict(*command).exit_code == 0
    assert not any(row["intent"] == "stale" for row in rows_of("answers.jsonl"))


def test_a_long_recording_whose_pieces_may_be_missing_is_answered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("a", 0.5), ("b", 31.0), ("c", 0.5)):
        sound_file(Path(f"{name}.wav"), seconds)
    command = ["a.wav", "b.wav", "c.wav", "--cut-long", "--out", "answers.jsonl", "--batch-size", "1"]
    assert predict(*command).exit_code == 0
    expected = Path("answers.jsonl").read_bytes()
    stream = Model.stream

    def ends_early(self: Model, recordings: Iterable[Path], **how: Any) -> Iterator[Prediction]:
        answered = stream(self, recordings, **how)
        yield from (next(answered) for _ in range(2))  # a.wav, and the first piece of b.wav
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Model, "stream", ends_early)
        assert predict(*command).exit_code == 130
    assert predict(*command).exit_code == 0
    assert Path("answers.jsonl").read_bytes() == expected


def test_a_folder_is_no_file_to_write() -> None:
    """All was answered before an IsADirectoryError ended it."""
    sound_file(Path("a.wav"), 0.5)
    Path("out").mkdir()
    error = predict("a.wav", "--out", "out").exception
    assert isinstance(error, InputError)
    assert str(error) == "out: is a folder; name the file that is to be written, such as out/answers.jsonl"


def test_a_name_that_is_not_utf_8_is_answered_under_one_that_can_be_written() -> None:
    """UnicodeEncodeError ended the command where the answer was written."""
    name = os.fsdecode(b"caf\xe9.wav")
    sound_file(Path("a.wav"), 0.5).rename(name)
    assert predict(name, "--out", "answers.jsonl").exit_code == 0
    assert rows_of("answers.jsonl")[0]["file"] == "caf?.wav" == answers(predict(name))[0]["file"]


def rows_of(file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(file).read_text().splitlines()]
