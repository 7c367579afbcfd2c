"""Long recordings without words and labels are cut at their pauses into rows; all else stays as it is."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from builders import sound_file, tone, utterance
from eartune.data.audio import SAMPLE_RATE
from eartune.data.utterance import Recording, Utterance
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.long_recordings import cut_long_recordings
from eartune.prepare.prepare import prepare


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """A call of 50 s: on the left somebody pauses from 25 to 26 s, on the right from 27 to 29 s."""
    left, right = tone(50)[:, 0], tone(50)[:, 0]
    left[25 * SAMPLE_RATE : 26 * SAMPLE_RATE] = 0
    right[27 * SAMPLE_RATE : 29 * SAMPLE_RATE] = 0
    soundfile.write(tmp_path / "call.flac", np.stack([left, right], axis=1), SAMPLE_RATE)
    return tmp_path / "call.flac"


def row(*recordings: Recording) -> Utterance:
    return Utterance("a", None, "und", None, recordings)


def cut(*rows: Utterance) -> tuple[list[Utterance], tuple[str, ...]]:
    splits, said = cut_long_recordings({"all": Imported(rows, (), {})})
    return list(splits["all"].utterances), said


def parts(rows: list[Utterance]) -> list[tuple[str, float, float | None, int | None]]:
    return [(one.id, *r.part) for one in rows for r in one.recordings if isinstance(r, Excerpt)]


def test_each_channel_is_cut_at_its_own_pauses(call: Path) -> None:
    both = (Excerpt(call, math.nan, "s1", channel=channel) for channel in (0, 1))
    rows, said = cut(row(*both))
    assert parts(rows) == [
        *(("a-piece1", 0.0, 25.5, 0), ("a-piece2", 25.5, 50.0, 0)),
        *(("a-piece3", 0.0, 28.0, 1), ("a-piece4", 28.0, 50.0, 1)),
    ]
    assert {r.speaker for one in rows for r in one.recordings} == {"s1"}
    assert said == ("cut at pauses: 2 recordings into 4 rows",)


def test_a_part_of_a_recording_is_cut_within_it(call: Path) -> None:
    rows, _ = cut(row(Excerpt(call, math.nan, start=5.0, end=45.0, channel=1)))
    assert parts(rows) == [("a-piece1", 5.0, 28.0, 1), ("a-piece2", 28.0, 45.0, 1)]
    rows, said = cut(row(Excerpt(call, math.nan, start=5.0, end=35.0)))
    assert parts(rows) == [("a", 5.0, 35.0, None)] and said == ()


def test_where_nobody_pauses_is_said(tmp_path: Path) -> None:
    _, said = cut(row(Recording(sound_file(tmp_path / "a.wav", 31), math.nan)))
    assert said == (
        "cut at pauses: 1 recording into 2 rows, 1 of which end where it is quietest, as nobody pauses there",
    )


def test_short_ones_and_those_that_cannot_be_read_stay_in_their_row(call: Path, tmp_path: Path) -> None:
    short, gone = Recording(sound_file(tmp_path / "b.wav"), math.nan), Recording(tmp_path / "gone.wav", math.nan)
    rows, _ = cut(row(short, Recording(call, 50.0), gone, Excerpt(call, math.nan, channel=2)))
    assert rows[0] == row(short, gone, Excerpt(call, math.nan, channel=2)) and len(rows) == 3


def test_words_and_labels_belong_to_the_whole_recording(call: Path) -> None:
    rows = [replace(row(Recording(call, 50.0)), text="hello"), replace(utterance(), text=None)]
    rows[1] = replace(rows[1], recordings=rows[0].recordings)
    assert cut(*rows) == (rows, ())


def test_pieces_are_written_as_recordings_of_their_own(call: Path, tmp_path: Path) -> None:
    splits, _ = cut_long_recordings({"all": Imported((row(Excerpt(call, math.nan, channel=0)),), (), {})})
    prepared = prepare(splits, tmp_path / "out")
    rows = prepared.splits["all"]
    assert [(one.id, round(one.seconds, 2)) for one in rows] == [("a-piece1", 25.5), ("a-piece2", 24.5)]
    assert {r.path.parent for one in rows for r in one.recordings} == {tmp_path / "out" / "recordings"}
    assert prepared.quarantined == ()


def test_channels_that_are_counted_from_1_are_cut_at_their_own_pauses(call: Path) -> None:
    both = tuple(Excerpt(call, math.nan, channel=channel) for channel in (1, 2))
    rows, said = cut(row(*both))
    assert [(start, channel) for _, start, _, channel in parts(rows)] == [(0.0, 0), (25.5, 0), (0.0, 1), (28.0, 1)]
    assert said[0].startswith("the rows count channels from 1, up to 2, as for call.flac")
