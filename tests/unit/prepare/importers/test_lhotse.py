"""Lhotse's cuts and supervisions are read where they are whole recordings."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from builders import frame
from eartune.data.utterance import Recording
from eartune.files import json_line
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported

RECORDING = {
    "id": "rec-1",
    "sources": [{"type": "file", "channels": [0], "source": "a.flac"}],
    "sampling_rate": 16000,
    "num_samples": 33600,
    "duration": 2.1,
}
SUPERVISION = {
    "id": "sup-1",
    "recording_id": "rec-1",
    "start": 0.0,
    "duration": 2.1,
    "text": "wake me on friday",
    "speaker": "s1",
    "language": "en",
    "custom": {"scenario": "alarm", "action": "set", "entities": [{"type": "date", "filler": "friday"}]},
}
CUT = {
    "id": "cut-1",
    "start": 0,
    "duration": 2.1,
    "channel": 0,
    "recording": RECORDING,
    "supervisions": [SUPERVISION],
    "type": "MonoCut",
}


def read(folder: Path, *rows: dict[str, Any], name: str = "cuts.jsonl") -> Imported:
    (folder / "a.flac").touch()
    data = "".join(json_line(row) for row in rows).encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return read_utterances(folder / name)


def assert_read(imported: Imported, folder: Path, id: str) -> None:
    (found,) = imported.utterances
    assert (found.id, found.text, found.language) == (id, "wake me on friday", "en")
    assert found.frame == frame("alarm.set", "date:friday")
    assert found.recordings == (Recording(folder / "a.flac", 2.1, "s1"),)


@pytest.mark.parametrize("name", ["cuts.jsonl", "cuts.jsonl.gz"])
def test_a_cut_is_an_utterance(tmp_path: Path, name: str) -> None:
    assert_read(read(tmp_path, CUT, name=name), tmp_path, "cut-1")


def test_supervisions_find_the_recordings_beside_them(tmp_path: Path) -> None:
    recordings = "".join(json_line(row) for row in (RECORDING, RECORDING | {"id": "rec-2"}))
    (tmp_path / "slurp_recordings_dev.jsonl.gz").write_bytes(gzip.compress(recordings.encode()))
    imported = read(tmp_path, SUPERVISION, name="slurp_supervisions_dev.jsonl.gz")
    assert_read(imported, tmp_path, "sup-1")


def test_supervisions_without_recordings_say_what_is_missing(tmp_path: Path) -> None:
    imported = read(tmp_path, SUPERVISION, name="slurp_supervisions_dev.jsonl")
    assert imported.rejected[0].reason.startswith('has no "recording"; write cuts, or put the manifest of recordings')


def test_labels_may_stand_at_the_cut_and_be_an_intent(tmp_path: Path) -> None:
    bare = {key: value for key, value in SUPERVISION.items() if key != "custom"}
    cut = CUT | {"supervisions": [bare], "custom": {"intent": "wake", "slots": {"date": "friday"}}}
    (found,) = read(tmp_path, cut).utterances
    assert found.frame == frame("wake", "date:friday")


@pytest.mark.parametrize("duration", [2.0999, 2.1, 2.5])
def test_lengths_are_rounded(tmp_path: Path, duration: float) -> None:
    assert_read(read(tmp_path, CUT | {"duration": duration}), tmp_path, "cut-1")


TWO_CHANNELS = RECORDING | {"sources": [{"type": "file", "channels": [0, 1], "source": "a.flac"}]}
OF_ONE_CHANNEL = [{"type": "file", "channels": [n], "source": f"{name}.flac"} for n, name in enumerate("ab")]


@pytest.mark.parametrize(
    ("changes", "file", "part"),
    [
        ({"start": 0.5, "duration": 1.0}, "a.flac", (0.5, 1.5, None)),
        ({"start": 0.5, "duration": None}, "a.flac", (0.5, None, None)),
        ({"duration": 1.0}, "a.flac", (0.0, 1.0, None)),
        ({"recording": TWO_CHANNELS, "channel": 0}, "a.flac", (0.0, None, 0)),
        ({"recording": TWO_CHANNELS, "channel": 1, "start": 1}, "a.flac", (1.0, 3.1, 1)),
        ({"recording": TWO_CHANNELS, "channel": [1]}, "a.flac", (0.0, None, 1)),
        ({"recording": TWO_CHANNELS, "channel": [0, 1]}, "a.flac", None),
        ({"recording": TWO_CHANNELS}, "a.flac", (0.0, None, 0)),  # the one of the cut
        ({"recording": TWO_CHANNELS, "channel": None}, "a.flac", None),
        ({"recording": RECORDING | {"sources": OF_ONE_CHANNEL}, "channel": 1}, "b.flac", None),
        ({"recording": RECORDING | {"transforms": [{"name": "Resample", "kwargs": {}}]}}, "a.flac", None),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_cut_is_a_part_and_a_channel_of_its_recording(
    tmp_path: Path, changes: dict[str, Any], file: str, part: Any
) -> None:
    """Of one channel of a call, both speakers were averaged."""
    (found,) = read(tmp_path, CUT | changes).utterances
    (recording,) = found.recordings
    assert recording.path == tmp_path / file
    assert (recording.part if isinstance(recording, Excerpt) else None) == part


SPEED = {"transforms": [{"name": "Speed", "kwargs": {"factor": 1.1}}, {"name": "Resample"}, {"name": "Volume"}]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recording": RECORDING | SPEED}, "its recording is changed by Speed, Volume, which is not done here; save"),
        ({"recording": TWO_CHANNELS, "channel": 2}, "names the channels [2] of a recording with [0, 1]; take one or"),
        ({"recording": RECORDING | {"sources": OF_ONE_CHANNEL}, "channel": None}, "its recording must have one source"),
        ({"channel": {"left": 0}}, '"channel" must be a number, or a list of numbers'),
        ({"duration": []}, '"start" and "duration" must be numbers of seconds'),
        ({"recording": RECORDING | {"sources": 5}}, "its recording must have one source"),
        ({"recording": RECORDING | {"transforms": "Speed"}}, "its recording is changed by Speed"),
        ({"start": "0"}, '"start" and "duration" must be numbers of seconds'),
        ({"supervisions": []}, "has 0 supervisions; a recording is one utterance"),
        ({"supervisions": [SUPERVISION] * 2}, "has 2 supervisions; a recording is one utterance"),
        ({"supervisions": None}, "has no list of supervisions"),
        ({"supervisions": [{"text": "wake me"}]}, 'needs an "intent", or "scenario" and "action"'),
        ({"recording": None, "tracks": []}, "is a mix of several cuts, which is not made here"),
        ({"recording": RECORDING | {"sources": []}}, "its recording must have one source"),
        (
            {"recording": RECORDING | {"sources": [{"type": "url", "source": "x"}]}},
            "its recording must have one source",
        ),
        ({"recording": RECORDING | {"sources": [{"type": "file"}]}}, 'each of "recordings" needs a "file"'),
        ({"recording": RECORDING | {"duration": "2.1"}}, "the length of a recording must be a number of seconds"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_cut_that_cannot_be_used_has_its_reason(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    imported = read(tmp_path, CUT | changes)
    assert imported.utterances == () and imported.rejected[0].reason.startswith(reason)
