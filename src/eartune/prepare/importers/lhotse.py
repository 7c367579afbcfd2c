"""Read Lhotse's manifests: cuts, or supervisions beside the manifest of their recordings.

{"id": "cut-1", "start": 0, "duration": 2.1,
 "recording": {"id": "rec-1", "sources": [{"type": "file", "source": "a.flac"}], "sampling_rate": 16000,
               "num_samples": 33600, "duration": 2.1},
 "supervisions": [{"text": "wake me on friday", "speaker": "s1", "language": "en",
                   "custom": {"intent": "set_alarm", "entities": [{"type": "date", "filler": "friday"}]}}]}

slurp_supervisions_train.jsonl.gz names recordings of slurp_recordings_train.jsonl.gz by their "recording_id".
`write_lhotse` writes cuts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from eartune.data.sound_file import open_sound
from eartune.data.utterance import Utterance
from eartune.files import RepeatedKeys, write_lines
from eartune.prepare.importers.columns import known_values
from eartune.prepare.importers.excerpt import ROUNDED, part_fields, recording_fields
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.json_rows import json_rows
from eartune.prepare.importers.named_recordings import each_recording
from eartune.prepare.importers.row import Row, RowError
from eartune.prepare.importers.to_utterances import to_utterances


def read_lhotse(rows: Sequence[Row], path: Path) -> Imported:
    """Read one utterance from each cut or supervision, which may be a part or a channel of its recording."""
    return to_utterances(rows, partial(_translated, recordings=_recordings_beside(path)), path.parent)


def _translated(cut: dict[str, Any], recordings: Mapping[str, Any]) -> dict[str, Any]:
    if "tracks" in cut:
        raise RowError(
            "is a mix of several cuts, which is not made here; save its sound to a file, as a cut of its own"
        )
    supervision = _supervision(cut)
    recording = cut.get("recording") or recordings.get(str(cut.get("recording_id")))
    if not isinstance(recording, dict):
        raise RowError('has no "recording"; write cuts, or put the manifest of recordings beside the supervisions')
    _check_unchanged(recording)
    custom = _custom(cut) | _custom(supervision)
    fields = {"id": cut.get("id"), "text": supervision.get("text"), "language": supervision.get("language")}
    file = _file(recording, cut.get("channel")) | _part(cut, recording) | {"speaker": supervision.get("speaker")}
    return fields | known_values(custom) | {"recordings": [file]}


def _recordings_beside(path: Path) -> dict[str, Any]:
    """The recordings by id, from the manifest that belongs to a manifest of supervisions."""
    beside = path.with_name(path.name.replace("supervisions", "recordings"))
    if beside == path or not beside.is_file():
        return {}
    contents = [row.content for row in json_rows(beside) if isinstance(row.content, dict)]
    return {str(content.get("id")): content for content in contents}


def _supervision(cut: dict[str, Any]) -> dict[str, Any]:
    """The supervision of a cut; a row of a manifest of supervisions is one itself."""
    if "supervisions" not in cut:
        return cut
    stated = cut["supervisions"]
    if not isinstance(stated, list) or len(stated) != 1 or not isinstance(stated[0], dict):
        count = len(stated) if isinstance(stated, list) else "no list of"
        raise RowError(f"has {count} supervisions; a recording is one utterance")
    return stated[0]


def _check_unchanged(recording: dict[str, Any]) -> None:
    """Raise RowError for changes of the sound that Lhotse makes when it reads a recording; any rate is read."""
    transforms = recording.get("transforms") or []
    listed = transforms if isinstance(transforms, list) else [transforms]
    names = [str(each.get("name") if isinstance(each, dict) else each) for each in listed]
    if changes := [name for name in names if name != "Resample"]:
        raise RowError(
            f"its recording is changed by {', '.join(changes)}, which is not done here; "
            "save the changed sound to a file and name that"
        )


def _part(cut: dict[str, Any], recording: dict[str, Any]) -> dict[str, Any]:
    """The length of the recording, for a whole one; else where the part begins and ends."""
    start, length, whole = cut.get("start") or 0, cut.get("duration"), _seconds(recording)
    if not all(isinstance(value, int | float) for value in (start, 0 if length is None else length)):
        raise RowError('"start" and "duration" must be numbers of seconds')
    if start > 0 or (length is not None and whole is not None and length < whole - ROUNDED):
        return {"seconds": length} | part_fields(start, None, length)
    return {"seconds": recording.get("duration")}


def _seconds(recording: dict[str, Any]) -> float | None:
    seconds = recording.get("duration")
    return seconds if isinstance(seconds, int | float) else None


def _custom(stated: dict[str, Any]) -> dict[str, Any]:
    custom = stated.get("custom")
    if isinstance(custom, RepeatedKeys):
        custom[custom.repeated]  # raises the error: what is joined with others would lose a value
    return custom if isinstance(custom, dict) else {}


def _file(recording: dict[str, Any], wanted: Any) -> dict[str, Any]:
    """The file that holds the wanted channels, one or all, and the place of the one in it."""
    stated = recording.get("sources")
    sources = [source for source in stated if isinstance(source, dict)] if isinstance(stated, list) else []
    channels = wanted if isinstance(wanted, list) else [] if wanted is None else [wanted]
    if not all(isinstance(channel, int) for channel in channels):
        raise RowError('"channel" must be a number, or a list of numbers')
    if len(channels) == 1:
        sources = [each for each in sources if channels[0] in _channels(each)] or sources
    source = sources[0] if len(sources) == 1 else None
    if source is None or source.get("type") != "file":
        raise RowError('its recording must have one source, {"type": "file", "source": ...}')
    there, file = _channels(source), recording_fields(source.get("source")) or {}
    if not channels or set(channels) == set(there):
        return file
    if len(channels) > 1 or channels[0] not in there:
        raise RowError(f"names the channels {channels} of a recording with {there}; take one or all")
    return file | {"channel": there.index(channels[0])}


def _channels(source: dict[str, Any]) -> list[int]:
    channels = source.get("channels")
    return [each for each in channels if isinstance(each, int)] if isinstance(channels, list) and channels else [0]


def write_lhotse(path: Path, utterances: Sequence[Utterance], fields: Callable[[Utterance], Mapping[str, Any]]) -> None:
    """Write a cut for each recording; rows of text alone have none. `fields` gives the labels of an utterance."""
    write_lines(path, _cuts(utterances, fields))


def _cuts(
    utterances: Sequence[Utterance], fields: Callable[[Utterance], Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    for name, utterance, recording in each_recording(utterances):
        if recording is None:
            continue
        with open_sound(recording.path) as sound:
            rate, channels = sound.rate, list(range(sound.channels))
            seconds = recording.seconds if sound.seconds is None else sound.seconds
        samples = round(seconds * rate)
        length = {"duration": samples / rate}
        source = {"type": "file", "channels": channels, "source": str(recording.path.absolute())}
        whole = {
            "id": name,
            "sources": [source],
            "sampling_rate": rate,
            "num_samples": samples,
            "channel_ids": channels,
        }
        spoken = {
            "id": name,
            "recording_id": name,
            "start": 0.0,
            "channel": channels[0] if len(channels) == 1 else channels,
        }
        said = {} if utterance.text is None else {"text": utterance.text}
        said |= {"language": utterance.language} | ({"speaker": recording.speaker} if recording.speaker else {})
        kind = "MonoCut" if len(channels) == 1 else "MultiCut"
        cut = {"id": name, "start": 0.0, **length, "channel": spoken["channel"], "type": kind}
        yield cut | {
            "recording": whole | length,
            "supervisions": [spoken | length | said | {"custom": dict(fields(utterance))}],
        }
