"""Channels that a table counts from 1 are counted from 0, and others stay as they are."""

from pathlib import Path

import pytest

from builders import sound_file
from eartune.data.audio import read_audio
from eartune.data.utterance import read_manifest
from eartune.prepare.channel_numbers import count_from_zero
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.prepare import prepare

FROM_1 = "the rows count channels from 1, up to 2, as for s.wav; here they are counted from 0"


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Two files of two channels, s and t, and one of one channel, m."""
    for name, channels in (("s", 2), ("t", 2), ("m", 1)):
        sound_file(tmp_path / f"{name}.wav", channels=channels)
    return tmp_path


def table(folder: Path, name: str, rows: str) -> Imported:
    lines = [
        f"{file}.wav,{channel},words {number},x" for number, (file, channel) in enumerate(map(tuple, rows.split()))
    ]
    (folder / name).write_text("\n".join(["audio,channel,text,intent", *lines]) + "\n")
    return read_utterances(folder / name)


@pytest.mark.parametrize(
    ("rows", "channels", "notes"),
    [
        ("s1 s2", [0, 1], (FROM_1,)),
        ("s2 t1 m1", [1, 0, 0], (FROM_1,)),
        ("s0 s1", [0, 1], ()),
        ("s1 t1 m1", [1, 1, 1], ()),
        ("s1 m2 m1", [1, 2, 1], ()),
        ("s0 s2", [0, 2], ()),
        ("s2", [2], ()),
        ("s1 s2 t1 t0", [0, 1, 1, 0], (FROM_1,)),
        ("s3 s2", [3, 2], ()),
        ("g1 g2", [1, 2], ()),
        ("sA sB", [0, 1], ()),
    ],
)
def test_channels_from_1_show_in_one_that_is_not_there(
    calls: Path, rows: str, channels: list[int], notes: tuple[str, ...]
) -> None:
    """The first row had the other speaker, and the second was set aside."""
    found, said = count_from_zero({"train": table(calls, "rows.csv", rows)})
    recordings = [row.recordings[0] for row in found["train"].utterances]
    assert [one.channel for one in recordings if isinstance(one, Excerpt)] == channels and said == notes


def test_what_one_split_shows_holds_for_the_other(calls: Path) -> None:
    splits = {"train": table(calls, "train.csv", "s1 s2"), "test": table(calls, "test.csv", "t1")}
    prepared = prepare(splits, calls / "out")
    assert prepared.quarantined == () and FROM_1 in prepared.notes
    (row,) = read_manifest(calls / "out" / "test.jsonl")
    wave = read_audio(calls / "t.wav")
    assert len(read_audio(row.recordings[0].path)) == len(wave)
    assert count_from_zero(count_from_zero(splits)[0])[1] == ()  # as after rows were cut
