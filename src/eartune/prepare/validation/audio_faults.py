"""Recordings are read, measured, and found to be usable or not.

recordings -> files, each once -> chunks -> threads -> Heard -> compared with the seconds that the rows state
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from eartune.data.audio import MAX_SECONDS, Wave
from eartune.data.utterance import Recording
from eartune.files import is_lfs_pointer
from eartune.prepare.validation.finding import Rule, Treatment

Progress = Callable[[int, int], None]
"""Is told how many files are done, and of how many."""

SHORTEST_SECONDS = 0.2  # no word is shorter; twice what Qwen2-Audio can hear at all (audio.MIN_SECONDS)
LONGEST_SECONDS = MAX_SECONDS  # Qwen2-Audio's positions end here
SILENT_DBFS = -60.0  # root mean square: below the hiss of a cheap microphone in a quiet room
FULL_SCALE = 0.999  # of 1; 16 bits end at 0.99997, and some encoders stop a few steps short of it
CLIPPED_RUN = 3  # one or two samples at full scale are a peak, not a flat top
CLIPPED_SHARE = 0.001  # of all samples; a few flat tops are in every loud recording and harm nobody
STATED_SECONDS_OFF = 0.1  # rounding, and the padding that mp3 adds
STATED_SHARE_OFF = 0.02  # of the measured length
RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # that a header may have got wrong
UNKNOWN_LENGTH = 2**62  # frames; libsndfile's answer for a header without a length is 2**63 - 1
CHUNK = 64  # files: long enough that passing them on costs nothing, short enough to stop soon


class AudioFault(StrEnum):
    """What can be wrong with a recording."""

    MISSING = "missing"
    LFS_POINTER = "lfs-pointer"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NOT_FINITE = "not-finite"
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    SILENT = "silent"
    CLIPPED = "clipped"
    WRONG_RATE = "wrong-rate"
    WRONG_DURATION = "wrong-duration"


_OUT, _WARN = Treatment.SET_ASIDE, Treatment.WARNING
AUDIO_RULES = {
    AudioFault.MISSING: Rule(_OUT, "there is no such file"),
    AudioFault.LFS_POINTER: Rule(_OUT, "is a pointer of Git LFS, not the recording; `git lfs pull` fetches it"),
    AudioFault.UNREADABLE: Rule(_OUT, "is not a readable wav, flac, ogg or mp3 file ({heard.error})"),
    AudioFault.EMPTY: Rule(_OUT, "holds no samples"),
    AudioFault.NOT_FINITE: Rule(_OUT, "holds samples that are not finite (NaN or infinity)"),
    AudioFault.TOO_SHORT: Rule(_OUT, f"lasts {{heard.seconds:.3f}} s; words take {SHORTEST_SECONDS} s or more"),
    AudioFault.TOO_LONG: Rule(_OUT, f"lasts {{heard.seconds:.2f}} s; {LONGEST_SECONDS:.0f} s can be heard; cut it"),
    AudioFault.SILENT: Rule(_OUT, f"is silent ({{heard.loudness}} dBFS; speech is above {SILENT_DBFS:.0f})"),
    AudioFault.CLIPPED: Rule(_WARN, "was recorded too loud: {heard.clipped:.1%} of its samples are cut off"),
    AudioFault.WRONG_RATE: Rule(
        _WARN,
        "lasts {heard.seconds:.2f} s at the {heard.rate} Hz of its header, not {heard.stated:.2f} s as stated; at "
        "{heard.fitting_rate} Hz it would",
    ),
    AudioFault.WRONG_DURATION: Rule(
        _WARN, "lasts {heard.seconds:.2f} s, not {heard.stated:.2f} s as stated; the former is written"
    ),
}


@dataclass(frozen=True)
class Heard:
    """What a recording is like; None for what could not, or was not to, be measured."""

    path: Path
    seconds: float | None = None
    """From the samples where they were read, which a damaged header cannot falsify."""
    rate: int | None = None
    """Samples a second, as recorded."""
    channels: int | None = None
    peak: float | None = None
    """The largest sample of any channel; full scale is 1."""
    rms: float | None = None
    """Root mean square of what a model would hear, the mean of the channels; full scale is 1."""
    clipped: float = 0.0
    """Share of samples at full scale that stand in runs."""
    stated: float = math.nan
    """The seconds that the row gives; nan where it gives none."""
    error: str = ""
    """What the reader said of an unreadable file."""
    faults: tuple[AudioFault, ...] = ()
    """In the order of `AUDIO_RULES`."""

    @property
    def unusable(self) -> AudioFault | None:
        """The first fault for which the recording is set aside."""
        return next((fault for fault in self.faults if AUDIO_RULES[fault].treatment is _OUT), None)

    @property
    def fitting_rate(self) -> int | None:
        """The rate at which it would last as long as stated, if that is one of those in use."""
        if not self.rate or not self.seconds or not self.stated > 0:
            return None
        rate = self.rate * self.seconds / self.stated
        return next((known for known in RATES if abs(rate - known) < STATED_SHARE_OFF * known), None)

    @property
    def loudness(self) -> str:
        """The root mean square in dB below full scale."""
        return f"{20 * math.log10(self.rms):.0f}" if self.rms else "-inf"


def check_recordings(
    recordings: Sequence[Recording],
    *,
    samples: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[Heard, ...]:
    """Each recording measured, in the order given; a file that is given twice is read once.

    `samples=False` looks at headers alone: it finds neither NaN nor silence nor clipping, and takes the header's
    word for the length. `workers` threads read; None takes as many as there are cores. KeyboardInterrupt waits
    for the files that are being read and passes through.
    """
    paths = list(dict.fromkeys(recording.path for recording in recordings))
    heard: dict[Path, Heard] = {}
    for chunk in _hear_chunks(_chunks(paths), samples, workers or os.cpu_count() or 1):
        heard.update((one.path, one) for one in chunk)
        if progress:
            progress(len(heard), len(paths))
    return tuple(_compare(recording, heard[recording.path]) for recording in recordings)


def explain(fault: AudioFault, heard: Heard) -> str:
    """The clause of a fault, with the numbers of the recording."""
    return AUDIO_RULES[fault].says.format(heard=heard)


def _chunks(paths: Sequence[Path]) -> list[Sequence[Path]]:
    return [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]


def _hear_chunks(chunks: list[Sequence[Path]], samples: bool, workers: int) -> Iterator[list[Heard]]:
    # Threads: libsndfile and numpy do the work without Python's lock, and nothing is forked, pickled or left behind.
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(partial(_hear_chunk, samples=samples), chunks)
    finally:
        pool.shutdown(cancel_futures=True)


def _hear_chunk(paths: Sequence[Path], samples: bool) -> list[Heard]:
    return [_hear(path, samples) for path in paths]


def _hear(path: Path, samples: bool) -> Heard:
    try:
        fault = _without_opening(path)
        return Heard(path, faults=(fault,)) if fault else _open(path, samples)
    except soundfile.LibsndfileError as error:
        return _unreadable(path, error.error_string)
    except OSError as error:
        return _unreadable(path, error.strerror or type(error).__name__)


def _without_opening(path: Path) -> AudioFault | None:
    if not path.is_file():
        return AudioFault.MISSING
    if is_lfs_pointer(path):
        return AudioFault.LFS_POINTER
    return None if path.stat().st_size else AudioFault.EMPTY


def _open(path: Path, samples: bool) -> Heard:
    if path.suffix.lower() == ".raw":  # soundfile would ask its caller for the rate
        return _unreadable(path, "a raw file does not say its rate")
    with soundfile.SoundFile(path) as file:
        if file.frames >= UNKNOWN_LENGTH:
            return _unreadable(path, "its header does not say how long it is")
        header = Heard(path, file.frames / file.samplerate, file.samplerate, file.channels)
        if not samples or file.frames / file.samplerate > LONGEST_SECONDS:  # hours need not go through memory
            return replace(header, faults=_length_faults(file.frames / file.samplerate))
        return _measure(header, file.read(dtype="float32", always_2d=True), file.samplerate)


def _unreadable(path: Path, error: str) -> Heard:
    return Heard(path, error=error.rstrip(". "), faults=(AudioFault.UNREADABLE,))


def _measure(header: Heard, wave: Wave, rate: int) -> Heard:
    """`wave`: shape (samples, channels)."""
    heard = replace(header, seconds=len(wave) / rate, faults=_length_faults(len(wave) / rate))
    if not len(wave):
        return heard
    if not np.isfinite(wave).all():
        return replace(heard, faults=(AudioFault.NOT_FINITE, *heard.faults))
    rms = float(np.sqrt(np.mean(np.square(wave.mean(axis=1, dtype=np.float64)))))
    clipped = _clipped_share(wave)
    loudness = [AudioFault.SILENT] * (rms < 10 ** (SILENT_DBFS / 20)) + [AudioFault.CLIPPED] * (clipped > CLIPPED_SHARE)
    return replace(heard, peak=float(np.abs(wave).max()), rms=rms, clipped=clipped, faults=(*heard.faults, *loudness))


def _length_faults(seconds: float) -> tuple[AudioFault, ...]:
    if not seconds:
        return (AudioFault.EMPTY,)
    if seconds < SHORTEST_SECONDS:
        return (AudioFault.TOO_SHORT,)
    return (AudioFault.TOO_LONG,) if seconds > LONGEST_SECONDS else ()


def _clipped_share(wave: Wave) -> float:
    """Of shape (samples, channels): how many stand at full scale with enough neighbours that do, too."""
    full = np.abs(wave) >= FULL_SCALE
    places = len(full) - CLIPPED_RUN + 1
    if places < 1 or not full.any():
        return 0.0
    starts = np.logical_and.reduce([full[step : step + places] for step in range(CLIPPED_RUN)])
    in_run = np.zeros_like(full)
    for step in range(CLIPPED_RUN):
        in_run[step : step + places] |= starts
    return float(in_run.mean())


def _compare(recording: Recording, heard: Heard) -> Heard:
    heard = replace(heard, stated=recording.seconds)
    off = abs(heard.stated - (heard.seconds or math.nan))  # nan, which is not above anything, if one is unknown
    if not off > STATED_SECONDS_OFF + STATED_SHARE_OFF * (heard.seconds or 0.0):
        return heard
    fault = AudioFault.WRONG_RATE if heard.fitting_rate else AudioFault.WRONG_DURATION
    return replace(heard, faults=(*heard.faults, fault))
