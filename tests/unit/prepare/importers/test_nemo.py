"""NeMo's manifests are read, their semantics being JSON or Python."""

from pathlib import Path
from typing import Any

import pytest

from builders import frame
from eartune.data.utterance import Recording
from eartune.files import write_lines
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported

ROW = {"audio_filepath": "a.flac", "duration": 2.1, "text": "wake me on friday"}
MEANING = frame("alarm.set", "date:friday")


def read(folder: Path, **changes: Any) -> Imported:
    (folder / "a.flac").touch()
    write_lines(folder / "manifest.json", [ROW | changes])
    return read_utterances(folder / "manifest.json")


@pytest.mark.parametrize(
    "labels",
    [
        {"semantics": "{'scenario': 'alarm', 'action': 'set', 'entities': [{'type': 'date', 'filler': 'friday'}]}"},
        {"semantics": '{"scenario": "alarm", "action": "set", "entities": [{"type": "date", "filler": "friday"}]}'},
        {"semantics": {"scenario": "alarm", "action": "set", "entities": [{"date": "friday"}]}},
        {"scenario": "alarm", "action": "set", "entities": [{"type": "date", "filler": "friday"}], "semantics": ""},
        {"semantics": '{"scenario": "alarm", "action": "set"}', "slots": {"date": "friday"}},
    ],
    ids=["python", "json", "object", "keys", "both"],
)
def test_a_row_is_a_recording_with_words_and_meaning(tmp_path: Path, labels: dict[str, Any]) -> None:
    (found,) = read(tmp_path, **labels).utterances
    assert (found.text, found.frame) == ("wake me on friday", MEANING)
    assert found.recordings == (Recording(tmp_path / "a.flac", 2.1),)


def test_an_intent_alone_and_the_rest_of_the_keys_are_read(tmp_path: Path) -> None:
    (found,) = read(tmp_path, semantics='{"intent": "wake"}', lang="en", speaker=4, utt_id="n1").utterances
    assert (found.id, found.language, found.frame) == ("n1", "en", frame("wake"))
    assert found.recordings[0].speaker == "4"


def test_a_quote_in_the_semantics_does_no_harm(tmp_path: Path) -> None:
    (found,) = read(tmp_path, semantics="{'intent': 'wake', 'entities': [{'date': \"friday's\"}]}").utterances
    assert found.frame == frame("wake", "date:friday's")


def test_speech_without_words_is_read(tmp_path: Path) -> None:
    (found,) = read(tmp_path, text="", intent="wake").utterances
    assert found.text is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"semantics": "{'scenario'"}, "semantics must be JSON, or a Python literal, but is neither"),
        ({"semantics": "['alarm']"}, '"semantics" must be {"scenario": ..., "action": ..., "entities": [...]}'),
        ({"semantics": "{}"}, 'needs an "intent", or "scenario" and "action"'),
        ({"intent": "wake", "duration": 0}, "the length of a recording must be a number of seconds above 0"),
        ({"intent": "wake", "offset": "x"}, 'the start of a part of a recording must be seconds, or "0:01:02.5"'),
        ({"intent": "wake", "audio_filepath": "", "text": ""}, "has neither text nor a recording"),
    ],
    ids=str,
)
def test_a_row_that_cannot_be_used_has_its_reason(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    imported = read(tmp_path, **changes)
    assert imported.utterances == () and imported.rejected[0].reason.startswith(reason)
    assert imported.rejected[0].row == ROW | changes


def test_a_bar_in_a_label_is_no_comma(tmp_path: Path) -> None:
    (found,) = read(tmp_path, semantics="{'intent': 'on|off'}").utterances
    assert found.frame == frame("on|off")


@pytest.mark.parametrize(("selected", "channel"), [(1, 1), ([1], 1), ([0, 1], "[0, 1]")])
def test_the_selected_channel_is_taken(tmp_path: Path, selected: Any, channel: Any) -> None:
    """It was ignored, and both speakers of a call were averaged."""
    (found,) = read(tmp_path, intent="wake", channel_selector=selected).utterances
    (recording,) = found.recordings
    assert isinstance(recording, Excerpt) and recording.channel == channel
    (found,) = read(tmp_path, intent="wake", channel_selector="average").utterances
    assert type(found.recordings[0]) is Recording


@pytest.mark.parametrize(
    ("offset", "duration", "part"),
    [
        (1.5, 2.0, (1.5, 3.5, None)),
        (0, 2.0, (0.0, 2.0, None)),
        (0.0, None, (0.0, None, None)),
        (None, 2, (0.0, 2.0, None)),
    ],
)
def test_where_rows_have_offsets_each_is_a_part_of_its_file(
    tmp_path: Path, offset: Any, duration: Any, part: Any
) -> None:
    """Of offset 0 and duration 2 the whole file was taken, whatever its length."""
    (found,) = read(tmp_path, intent="wake", offset=offset, duration=duration).utterances
    (recording,) = found.recordings
    assert isinstance(recording, Excerpt) and recording.part == part


@pytest.mark.parametrize(
    ("times", "part"),
    [
        ({"start": 1.0, "end": 2.0, "duration": 1.0}, (1.0, 2.0, None)),
        ({"start_ms": 1000, "end_ms": 2000, "duration": 1.0}, (1.0, 2.0, None)),
        ({"start": 1.0, "duration": 1.5, "channel": "right"}, (1.0, 2.5, 1)),
        ({"offset": 0.5, "duration": 1.5, "channel": "right"}, (0.5, 2.0, 1)),
    ],
)
def test_the_times_of_a_row_are_read_as_in_a_table(tmp_path: Path, times: dict[str, Any], part: Any) -> None:
    """Of a row with a start and an end the whole file was taken."""
    (found,) = read(tmp_path, intent="wake", **times).utterances
    (recording,) = found.recordings
    assert isinstance(recording, Excerpt) and recording.part == part
