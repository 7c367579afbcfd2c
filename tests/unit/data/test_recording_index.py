"""What is known of a recording is kept, and counts only for the file that it was found out about."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from builders import left_half_written, tone
from eartune.data import recording_index
from eartune.data.audio import write_audio
from eartune.data.recording_index import RecordingIndex
from eartune.errors import InputError


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.wav" for name in "abc"]
    for seconds, path in enumerate(paths, start=1):
        write_audio(path, tone(seconds)[:, 0])
    return paths


def refuse_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(path: Path) -> None:
        raise AssertionError(f"{path} was opened again")

    for name in ("audio_seconds", "read_audio", "_examine"):
        monkeypatch.setattr(recording_index, name, opened)


def test_a_recording_is_opened_once_over_several_runs(
    recordings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = RecordingIndex(tmp_path / "recordings.jsonl")
    first.examine(recordings)
    digests = [first.digest(path) for path in recordings]
    assert len(set(digests)) == 3 and [first.seconds(path) for path in recordings] == [1.0, 2.0, 3.0]
    refuse_to_open(monkeypatch)
    second = RecordingIndex(tmp_path / "recordings.jsonl")
    second.examine(recordings)
    assert [second.digest(path) for path in recordings] == digests
    assert [second.seconds(path) for path in recordings] == [1.0, 2.0, 3.0]


def test_a_recording_replaced_under_its_name_is_read_again(recordings: list[Path], tmp_path: Path) -> None:
    index = RecordingIndex(tmp_path / "recordings.jsonl")
    index.examine(recordings)
    before = index.digest(recordings[0])
    write_audio(recordings[0], tone(5)[:, 0])
    assert index.seconds(recordings[0]) == 5.0 and index.digest(recordings[0]) != before
    changed = RecordingIndex(tmp_path / "recordings.jsonl")
    assert changed.seconds(recordings[0]) == 5.0  # the index on disk still has the old facts


def test_equal_size_and_another_time_is_another_recording(recordings: list[Path], tmp_path: Path) -> None:
    index = RecordingIndex()
    before = index.digest(recordings[0])
    write_audio(recordings[0], -tone(1)[:, 0])
    os.utime(recordings[0], ns=(1, 1))
    assert index.digest(recordings[0]) != before


def test_the_fault_of_the_first_recording_in_order_is_raised_and_kept(recordings: list[Path], tmp_path: Path) -> None:
    recordings[1].write_bytes(recordings[1].read_bytes()[:50])
    recordings[2].write_bytes(b"")
    index = RecordingIndex(tmp_path / "recordings.jsonl")
    with pytest.raises(InputError, match=r"c\.wav"):
        index.examine([recordings[0], recordings[2], recordings[1]])


def test_a_long_recording_is_a_fault_found_at_once_and_remembered(tmp_path: Path) -> None:
    write_audio(tmp_path / "long.wav", tone(31)[:, 0])
    file = tmp_path / "recordings.jsonl"
    for _ in range(2):
        with pytest.raises(InputError, match=r"long\.wav: is 31\.00 s long"):
            RecordingIndex(file).examine([tmp_path / "long.wav"])


def test_a_missing_recording_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.wav: no such recording"):
        RecordingIndex().seconds(tmp_path / "nowhere.wav")


@pytest.mark.parametrize(
    ("path", "why"), [("a.wav/b.wav", "Not a directory"), (f"{'a' * 300}.wav", "File name too long")]
)
def test_a_path_that_cannot_be_a_file_is_a_fault_beside_which_others_are_examined(
    recordings: list[Path], path: str, why: str
) -> None:
    """NotADirectoryError and OSError ended the command."""
    wrong = recordings[0].parent / path
    assert RecordingIndex().faults([wrong, *recordings]) == {wrong: f"{wrong}: cannot be read ({why})"}


def test_an_index_is_saved_while_it_is_filled(
    recordings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_index, "READ_AHEAD", 1)
    monkeypatch.setattr(recording_index, "SAVE_EVERY", 1)

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RecordingIndex(tmp_path / "recordings.jsonl").examine(recordings, interrupt)
    refuse_to_open(monkeypatch)
    again = RecordingIndex(tmp_path / "recordings.jsonl")
    assert again.digest(recordings[0]) and again.digest(recordings[1])


def test_two_indices_of_one_file_keep_what_either_learned(recordings: list[Path], tmp_path: Path) -> None:
    one, other = (RecordingIndex(tmp_path / "recordings.jsonl") for _ in range(2))
    one.examine(recordings[:1])
    other.examine(recordings[1:])
    assert len((tmp_path / "recordings.jsonl").read_text().splitlines()) == 3


def test_what_a_killed_process_left_of_an_index_is_removed_by_the_next_that_writes_it(
    recordings: list[Path], tmp_path: Path
) -> None:
    """It lies in the folder that experiments share, which no run cleans; others' files there stay."""
    left, others = (left_half_written(tmp_path / name) for name in ("recordings.jsonl", "model.json"))
    (tmp_path / "recordings.jsonl").unlink()
    for path in (left, others):
        path.write_text('{"file":')
    RecordingIndex(tmp_path / "recordings.jsonl").examine(recordings)
    assert list(tmp_path.glob(".*.part-*")) == [others]


def test_two_processes_that_learn_at_once_lose_nothing(
    recordings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second reads what is there only when the first has written it."""
    file = tmp_path / "recordings.jsonl"
    one, other = RecordingIndex(file), RecordingIndex(file)
    write, writing = recording_index.write_lines, threading.Event()

    def slowly(path: Path, rows: Any) -> None:
        writing.set()
        time.sleep(0.2)
        write(path, rows)

    monkeypatch.setattr(recording_index, "write_lines", slowly)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(one.examine, recordings[:1])
        assert writing.wait(10)
        other.examine(recordings[1:])
        first.result()
    assert len(file.read_text().splitlines()) == 3


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recordings.jsonl").write_text('{"file": "a.wav", "length": 3}\n')
    with pytest.raises(InputError, match=r"is no index of recordings .*row 1.*; delete it"):
        RecordingIndex(tmp_path / "recordings.jsonl")


def test_faults_name_each_recording_that_no_model_can_be_given(recordings: list[Path], tmp_path: Path) -> None:
    write_audio(recordings[1], tone(31)[:, 0])
    recordings[2].write_bytes(b"no sound")
    index = RecordingIndex()
    faults = index.faults([tmp_path / "gone.wav", *recordings])
    assert list(faults) == [tmp_path / "gone.wav", *recordings[1:]]
    assert [sentence.removeprefix(f"{path}: ").partition(";")[0] for path, sentence in faults.items()] == [
        "no such recording",
        "is 31.00 s long",
        "not a recording that can be read (Format not recognised)",
    ]
    with pytest.raises(InputError, match=r"gone\.wav: no such recording$"):
        index.examine([tmp_path / "gone.wav", *recordings])
