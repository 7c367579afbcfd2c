"""Recordings that are no whole file: a part of one, one of its channels, or sound that a row holds itself.

    {"file": "call.wav", "start": 12.5, "end": 14.0, "channel": 1}
    {"array": [0.0, 0.1, ...], "sampling_rate": 16000}    {"bytes": "UklGR...", "path": "a.wav"}    {"src": "a.wav"}

`eartune prepare` writes each of them to a file of its own.
"""

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from eartune.data.audio import Wave, to_mono_16k
from eartune.data.sound_file import Samples, SoundFile, open_sound
from eartune.data.utterance import Recording
from eartune.prepare.importers.columns import guess, is_in_ms
from eartune.prepare.importers.row import RowError, is_blank, text_or_none

ROUNDED = 0.02  # seconds; times are rounded when they are written
STATED_SECONDS_OFF = 0.1  # rounding, and the padding that mp3 adds
_RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_MOST_CHANNELS = 64
_NUMBER_OF_CHANNEL = re.compile(r"(\d{1,4})(?:\.0*)?")  # 1.0 where pandas had blank cells in the column
_CHANNELS = {**dict.fromkeys(("left", "l", "a"), 0), **dict.fromkeys(("right", "r", "b"), 1)}
_ALL_CHANNELS = ("nan", "all", "average", "mean")
_PLACES = ("path", "url", "src", "uri")
_SOUND = ("array", "bytes", "data")
_NO_RATE = 'a recording as samples needs their rate: {"array": [...], "sampling_rate": 16000}'


@dataclass(frozen=True)
class Excerpt(Recording):
    """A part of a file; `path` is the file, or only a name where the sound is `stored`."""

    start: float = 0.0
    """Where it begins, in seconds."""
    end: float | None = None
    """Where it ends, in seconds; None for the end of the file."""
    channel: int | str | None = None
    """The channel, counted from 0; None for the mean of all; or text that names none, a fault if there are several."""
    stored: bytes | None = field(default=None, repr=False)
    """The bytes of a file that the row itself holds."""

    @property
    def part(self) -> tuple[float, float | None, int | str | None]:
        """What part of the file it is."""
        return self.start, self.end, self.channel

    def is_whole(self, file: SoundFile) -> bool:
        """Return whether it is a whole file that stands on the disk."""
        is_to_the_end = self.end is None or (
            file.seconds is not None and -ROUNDED <= self.end - file.seconds <= STATED_SECONDS_OFF
        )
        is_every_channel = self.channel is None or file.channels == 1
        return self.stored is None and self.start <= ROUNDED and is_to_the_end and is_every_channel

    def has_channel(self, file: SoundFile) -> bool:
        """Return whether a file has its channel; the only channel of a file is any."""
        if self.channel is None or file.channels == 1:
            return True
        return isinstance(self.channel, int) and self.channel < file.channels

    def cut(self, samples: Samples) -> Samples:
        """Return the samples of its channel, of shape (frames, 1), or all, of shape (frames, channels)."""
        if not isinstance(self.channel, int) or samples.shape[1] == 1:
            return samples
        return samples[:, self.channel : self.channel + 1]

    def wave(self) -> Wave:
        """Return the sound as 16 kHz mono; raises SoundError where it cannot be decoded."""
        with open_sound(self.path if self.stored is None else self.stored) as file:
            return to_mono_16k(self.cut(file.read_part(self.start, self.end)), file.rate)


def identity(recording: Recording) -> Hashable:
    """Return what is equal for recordings of the same sound."""
    if isinstance(recording, Excerpt):
        return recording.path, recording.part, recording.stored
    return recording.path


def file_name(excerpt: Excerpt) -> str:
    """Return the name of the file that an excerpt is written to, which follows from what it sounds like alone."""
    stored = excerpt.stored
    source = _digest(excerpt.path, excerpt.path.stat().st_mtime_ns) if stored is None else _sha256(stored)
    return f"{excerpt.path.stem}-{_sha256(f'{source} {excerpt.part}'.encode())[:12]}.flac"


def copy_name(path: Path) -> str:
    """Return the name for a copy of a recording, in which only copies of the same sound are called alike."""
    return f"{path.stem}-{_digest(path, path.stat().st_mtime_ns)[:12]}{path.suffix}"


@lru_cache(maxsize=4096)
def _digest(path: Path, modified_ns: int) -> str:
    """The digest of a file, which is read once for all its parts."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def recording_fields(value: Any) -> dict[str, Any] | None:
    """Return the file, or the stored bytes and a name for them, of a row's audio value; None if there is none.

    The value is a path, or an object with a path, with a file's bytes, or with samples and their rate, which may name
    a part and a channel of these; or a list of one of them. Raises RowError for anything else.
    """
    if isinstance(value, dict):
        return _of_object(value)
    if isinstance(value, bytes):
        return _stored(value, None)
    if isinstance(value, list):
        return _of_list(value)
    if isinstance(value, str) and value.startswith("data:"):
        return _stored(_decoded(value.partition(",")[2]), None)
    name = text_or_none(value, "audio")
    return None if name is None else {"file": name}


def _of_list(values: list[Any]) -> dict[str, Any] | None:
    """The one recording in a list, as chats have them."""
    if any(isinstance(value, int | float) for value in values):
        raise RowError(_NO_RATE)
    named = [value for value in values if not is_blank(value)]
    if len(named) > 1:
        raise RowError(f"names {len(named)} recordings; write a row for each of them")
    return recording_fields(named[0]) if named else None


def channel_of(value: Any) -> int | str | None:
    """Return the channel that a value names, counted from 0; None for all of them, and text that names none as it is.

    Names are numbers, left and right, and the letters of both and of telephony: L, R, A, B.
    """
    named = str(value).strip().lower()
    if is_blank(value) or named in _ALL_CHANNELS:
        return None
    number = _NUMBER_OF_CHANNEL.fullmatch(named)
    return int(number[1]) if number else _CHANNELS.get(named, str(value).strip()[:40])


def part_and_channel(values: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the part and the channel that a row names, if any; `columns` are its headings, by our names."""
    start, end, duration = (values.get(name) for name in ("start", "end", "duration"))
    channel = channel_of(values.get("channel"))
    part: dict[str, Any] = {} if channel is None else {"channel": channel}
    if not (is_blank(start) and is_blank(end)):
        in_ms = [name for name in ("start", "end", "duration") if is_in_ms(columns.get(name, ""))]
        part |= part_fields(start, end, duration, in_ms)
    return part


def part_fields(start: Any, end: Any, duration: Any, in_ms: Collection[str] = ()) -> dict[str, float]:
    """Return the start and the end in seconds of a part, without what the row does not state.

    Times are numbers, or texts as "0:01:02.5", in seconds but for those of start, end and duration that are `in_ms`.
    Where all three are given, they show whether start and end are seconds, milliseconds or samples. Raises RowError for
    what fits no part.
    """
    stated = {"start": start, "end": end, "duration": duration}
    begins, ends, lasts = (_seconds(time, name, 1000 if name in in_ms else 1) for name, time in stated.items())
    unit = 1.0
    if begins is not None and ends is not None and lasts:
        ratio = (ends - begins) / lasts
        units = {1.0: 1.0, 0.001: 1.0} | {float(each): float(each) for each in (1000, *_RATES)}  # 0.001: a length in ms
        unit = next((units[known] for known in units if abs(ratio - known) <= 0.02 * known), 0.0)
        if not unit and abs(ends - begins - lasts) > 10 * ROUNDED:
            raise RowError(f"its part from {begins:g} to {ends:g} does not last {lasts:g} s, in no unit")
        unit = unit or 1.0
    elif ends is None and lasts is not None:
        ends = (begins or 0.0) + lasts
    begins = (begins or 0.0) / unit
    if ends is None:
        return {"start": begins}
    if ends / unit <= begins:
        raise RowError(f"its part from {begins:g} to {ends / unit:g} s is empty")
    return {"start": begins, "end": ends / unit}


def is_time(value: Any) -> bool:
    """Return whether a value is a time that `part_fields` reads."""
    try:
        return _seconds(value, "time", 1) is not None
    except RowError:
        return False


def _seconds(time: Any, name: str, unit: int) -> float | None:
    """A time as a number, of which `unit` make a second; None if it is blank, or -1, which stands for the end."""
    if is_blank(time):
        return None
    try:
        parts = [float(part) for part in str(time).split(":")] if not isinstance(time, bool) else []
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(math.isfinite(part) for part in parts):
        raise RowError(f'the {name} of a part of a recording must be seconds, or "0:01:02.5", not {str(time)[:40]!r}')
    seconds = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    if seconds < 0 and seconds != -1:
        raise RowError(f"the {name} of a part of a recording must be 0 or above, not {time}")
    return None if seconds == -1 else seconds / (unit if len(parts) == 1 else 1)  # 0:01:02.5 is never milliseconds


def _of_object(value: dict[str, Any]) -> dict[str, Any] | None:
    named = guess(value, ("audio", "start", "end", "duration", "channel"))
    places = (*_PLACES, *([named["audio"]] if "audio" in named else []))
    if all(is_blank(value.get(key)) for key in (*places, *_SOUND)):
        if all(is_blank(each) for each in value.values()):
            return None
        raise RowError(f'"audio" must be a path, or have a "path", "bytes" or an "array"; it has {", ".join(value)}')
    name = next((value[key] for key in places if not is_blank(value.get(key))), None)
    sound = _sound(value, name)
    return sound | part_and_channel({ours: value[theirs] for ours, theirs in named.items()}, named) if sound else None


def _sound(value: dict[str, Any], name: Any) -> dict[str, Any] | None:
    if value.get("array") is not None:
        rate = value.get("sampling_rate", value.get("sample_rate"))
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 1e7:
            raise RowError(_NO_RATE)
        return _stored(_as_file(value["array"], round(rate)), name)
    data = value.get("bytes") if value.get("bytes") is not None else value.get("data")
    if data is not None:
        return _stored(data if isinstance(data, bytes) else _decoded(data), name)
    return None if name is None else recording_fields(name)


def _stored(content: bytes, name: Any) -> dict[str, Any]:
    called = Path(name).name if isinstance(name, str) and name.strip() else ""
    return {"file": called or f"stored-{_sha256(content)[:12]}", "stored": content}


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise RowError("the bytes of a recording must be in base64; or write it to a file and name that") from error


def _as_file(array: Any, rate: int) -> bytes:
    """The bytes of an AU file with these samples; those of a WAV file of floats would change with the time."""
    try:
        samples = np.asarray(array)
        if np.issubdtype(samples.dtype, np.integer):
            samples = samples / 32768  # as 16 bits
        samples = samples.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise RowError(f'the "array" of a recording must be numbers ({error})') from error
    if samples.ndim == 2 and samples.shape[0] < samples.shape[1]:
        samples = samples.T  # datasets holds a row for each channel
    if samples.ndim not in (1, 2) or not samples.size or (samples.ndim == 2 and samples.shape[1] > _MOST_CHANNELS):
        raise RowError('the "array" of a recording must be a list of numbers, or one for each channel, and not empty')
    whole = BytesIO()
    soundfile.write(whole, samples, rate, format="AU", subtype="FLOAT")
    return whole.getvalue()
