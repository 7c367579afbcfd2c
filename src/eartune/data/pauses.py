"""Cut a recording that is longer than a model can be given into pieces of at most 30 s, at its pauses.

blocks of samples -> at least 31 s, or the end -> the quietest place of the last 10 s -> a piece, and what is left

Hours need no memory: no more is held than a piece and a block.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eartune.data.audio import MAX_SECONDS, NOT_READABLE, Wave, check_seconds, check_wave, to_mono_16k
from eartune.data.sound_file import Samples, SoundError, open_sound
from eartune.errors import InputError

SEARCHED_SECONDS = 10.0  # before the longest that a piece can be, so that a piece lasts 20 to 30 s
PAUSE_SECONDS = 0.2  # within words it is quiet for less, as before the sound of a "t"
PAUSE_DB = 20.0  # below the loud frames of the piece; noise of a room or a line is often no more than that below speech
LAST_SECONDS = 1.0  # no piece is left over that is shorter, as no sentence would be in it
FRAMES_A_SECOND = 50  # over which a level is taken
MERGED_SECONDS = 10.0  # decoders give blocks of a few milliseconds, which are joined before they are looked at


class Ending(StrEnum):
    """What a piece ends at: a pause, the quietest place where nobody pauses, or the end of the recording."""

    PAUSE = "pause"
    QUIETEST = "quietest"
    """Where it is quietest, as nobody pauses: a word may be divided."""
    END = "end"
    """Where the recording ends."""


@dataclass(frozen=True)
class Span:
    """Where a piece stands in its recording, in seconds."""

    start: float
    end: float
    ending: Ending

    def to_json(self) -> dict[str, Any]:
        """Return it as the keys of a row, with times to the millisecond."""
        return {"start": round(self.start, 3), "end": round(self.end, 3), "ends_at": self.ending.value}


def pieces_of(
    source: Path | bytes, name: str, at_most: float = np.inf, channel: int | None = None
) -> Iterator[tuple[Span, Wave]]:
    """Yield the pieces of a file, or of a file's bytes, as they are decoded; one that needs no cutting is one piece.

    They are those of one channel, counted from 0, or by default of the mean of all.
    Raises InputError, which starts with `name`, where a piece cannot be decoded, or no model can be given it, and for
    a recording of more than `at_most` seconds, before any of it is decoded if its header states the length.
    """
    if isinstance(source, Path) and not source.is_file():
        raise InputError(f"{name}: no such recording")
    try:
        with open_sound(source, channel) as file:
            _check_length(file.seconds or 0.0, at_most, name)
            for span, samples in cut_at_pauses(file.blocks(), file.rate):
                _check_length(span.end, at_most, name)
                yield span, _as_wave(samples, file.rate, name)
    except SoundError as error:
        raise InputError(f"{name}: {NOT_READABLE} ({error})") from error


def pieces_of_samples(samples: Samples, rate: int, name: str) -> Iterator[tuple[Span, Wave]]:
    """Yield the pieces of samples of shape (frames, channels), as above."""
    for span, piece in cut_at_pauses([samples], rate):
        yield span, _as_wave(piece, rate, name)


def cut_at_pauses(blocks: Iterable[Samples], rate: int) -> Iterator[tuple[Span, Samples]]:
    """Yield pieces of at most 30 s, of shape (frames, 1), of blocks of shape (frames, channels) at `rate` Hz.

    A piece ends in the middle of the quietest pause of its last 10 s; if there is none, where it is quietest for 0.2 s.
    All samples, of which channels are averaged, are in a piece, each in one. There is always a last piece.
    """
    longest, last = round(MAX_SECONDS * rate), round(LAST_SECONDS * rate)
    held, start = np.zeros((0, 1), np.float32), 0
    for block in _merged(blocks, round(MERGED_SECONDS * rate)):
        held = np.concatenate([held, block])
        while len(held) >= longest + last:
            place, ending = _place_to_cut(held[:longest, 0], rate)
            yield _span(start, place, rate, ending), held[:place]
            held, start = held[place:], start + place
    if len(held) > longest:
        place, ending = _place_to_cut(held[: len(held) - last, 0], rate)
        yield _span(start, place, rate, ending), held[:place]
        held, start = held[place:], start + place
    yield _span(start, len(held), rate, Ending.END), held


def _place_to_cut(samples: Wave, rate: int) -> tuple[int, Ending]:
    """The place of the sample before which to cut, in the last 10 s of samples of shape (samples,)."""
    power, frame = _power(samples, rate)
    width, searched = round(PAUSE_SECONDS * FRAMES_A_SECOND), round(SEARCHED_SECONDS * FRAMES_A_SECOND)
    first = max(0, len(power) - searched)
    means = np.convolve(power[first:], np.full(width, 1 / width), mode="valid")
    begin = first + int(means.argmin())
    end, quiet = begin + width, np.quantile(power, 0.95) * 10 ** (-PAUSE_DB / 10)
    if means.min() > quiet:
        return (begin + end) * frame // 2, Ending.QUIETEST
    while begin > first and power[begin - 1] <= quiet:
        begin -= 1
    while end < len(power) and power[end] <= quiet:
        end += 1
    return (begin + end) * frame // 2, Ending.PAUSE


def _power(samples: Wave, rate: int) -> tuple[npt.NDArray[np.float64], int]:
    """The mean power of each whole frame of 20 ms, and how many samples a frame has."""
    frame = max(1, rate // FRAMES_A_SECOND)
    n_frames = len(samples) // frame
    framed = np.square(samples[: n_frames * frame], dtype=np.float64).reshape(n_frames, frame)
    return framed.mean(axis=1), frame


def _merged(blocks: Iterable[Samples], frames: int) -> Iterator[Samples]:
    """The mean of the channels, in blocks of at least so many frames but for the last."""
    waiting: list[Samples] = []
    for block in blocks:
        waiting.append(block.mean(axis=1, dtype=np.float32, keepdims=True))
        if sum(map(len, waiting)) >= frames:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _span(start: int, length: int, rate: int, ending: Ending) -> Span:
    return Span(start / rate, (start + length) / rate, ending)


def _as_wave(samples: Samples, rate: int, name: str) -> Wave:
    check_seconds(len(samples) / rate, name)
    return check_wave(to_mono_16k(samples, rate), name)


def _check_length(seconds: float, at_most: float, name: str) -> None:
    if seconds > at_most:
        raise InputError(f"{name}: is longer than {at_most:.0f} s, which is the most that is cut into pieces")
