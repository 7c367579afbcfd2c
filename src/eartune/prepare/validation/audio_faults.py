"""Measure recordings and find their faults.

recordings -> files, each once -> chunks -> threads -> AudioMeasurements -> compared with the lengths in the rows
"""

import math
import os
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from eartune.data.audio import MAX_SECONDS, MIN_SECONDS, NOT_READABLE
from eartune.data.sound_file import Samples, SoundError, SoundFile, open_sound
from eartune.data.utterance import Recording
from eartune.files import is_lfs_pointer
from eartune.prepare.importers.excerpt import STATED_SECONDS_OFF, Excerpt, identity
from eartune.prepare.validation.fault import Rule, Treatment
from eartune.progress import Progress

# Two limits on purpose: from MIN_SECONDS on a model can process a recording, so `eartune run` accepts it; but no word
# is that short, so nothing of that length belongs into a corpus.
SHORTEST_SECONDS = 2 * MIN_SECONDS
LONGEST_SECONDS = MAX_SECONDS
SILENT_DBFS = -60.0  # root mean square: below the hiss of a cheap microphone in a quiet room
FULL_SCALE = 0.999  # of 1; 16 bits end at 0.99997, and some encoders stop a few steps short of it
CLIPPED_RUN = 3  # one or two samples at full scale are a peak, not a flat top
CLIPPED_SHARE = 0.001  # of all samples; every loud recording has a few flat tops, which are harmless
STATED_SHARE_OFF = 0.02  # of the measured length
RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # that a header may have got wrong
CHUNK = 64  # files: long enough that passing them on costs nothing, short enough to stop soon


class AudioFault(StrEnum):
    """The kinds of faults of a recording."""

    MISSING = "missing"
    LFS_POINTER = "lfs-pointer"
    UNREADABLE = "unreadable"
    NO_SUCH_PART = "no-such-part"
    EMPTY = "empty"
    NOT_FINITE = "not-finite"
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    SILENT = "silent"
    CLIPPED = "clipped"
    CUT_OFF = "cut-off"
    GOES_ON = "goes-on"
    WRONG_RATE = "wrong-rate"
    WRONG_DURATION = "wrong-duration"


_MILLISECONDS = "columns of milliseconds are called start_ms and end_ms"
_CHANNELS = "they are called 0, 1, ..., or left and right, or A and B"
_OUT, _WARN = Treatment.SET_ASIDE, Treatment.WARNING
AUDIO_RULES = {
    AudioFault.MISSING: Rule(_OUT, "there is no such file"),
    AudioFault.LFS_POINTER: Rule(_OUT, "is a Git LFS pointer, not the recording; download that with `git lfs pull`"),
    AudioFault.UNREADABLE: Rule(_OUT, f"is {NOT_READABLE} ({{measured.error}})"),
    AudioFault.NO_SUCH_PART: Rule(_OUT, "{measured.error}"),
    AudioFault.EMPTY: Rule(_OUT, "holds no samples"),
    AudioFault.NOT_FINITE: Rule(_OUT, "holds samples that are not finite (NaN or infinity)"),
    AudioFault.TOO_SHORT: Rule(_OUT, f"lasts {{measured.seconds:.3f}} s; words take {SHORTEST_SECONDS} s or more"),
    AudioFault.TOO_LONG: Rule(
        _OUT,
        f"lasts {{measured.seconds:.2f}} s; models take {LONGEST_SECONDS:.0f} s at most; cut it (--cut-long cuts what "
        "has neither words nor a label)",
    ),
    AudioFault.SILENT: Rule(_OUT, f"is silent ({{measured.loudness}} dBFS; speech is above {SILENT_DBFS:.0f})"),
    AudioFault.CLIPPED: Rule(_WARN, "was recorded too loud: {measured.clipped:.1%} of its samples are clipped"),
    AudioFault.CUT_OFF: Rule(
        _WARN, "ends after {measured.seconds:.2f} s, where its header says {measured.promised:.2f} s; was it cut off?"
    ),
    AudioFault.GOES_ON: Rule(
        _WARN, "goes on for {measured.beyond:.2f} s after where its header says that it ends, which is not heard"
    ),
    AudioFault.WRONG_RATE: Rule(
        _WARN,
        "lasts {measured.seconds:.2f} s at the {measured.rate} Hz of its header, "
        "not {measured.stated:.2f} s as stated; at {measured.fitting_rate} Hz it would",
    ),
    AudioFault.WRONG_DURATION: Rule(
        _WARN, "lasts {measured.seconds:.2f} s, not {measured.stated:.2f} s as stated; the measured length is written"
    ),
}


@dataclass(frozen=True)
class AudioMeasurements:
    """The measurements of a recording; None for one that was not, or could not be, made."""

    path: Path
    seconds: float | None = None
    """The length, counted in samples if they were read, as a header may be wrong."""
    rate: int | None = None
    """The sampling rate of the file, in Hz."""
    channels: int | None = None
    peak: float | None = None
    """The largest absolute sample of any channel; full scale is 1."""
    rms: float | None = None
    """The root mean square of the mean of the channels, which models are given; full scale is 1."""
    clipped: float = 0.0
    """The share of samples that are at full scale in runs of at least `CLIPPED_RUN`."""
    is_excerpt: bool = False
    """Whether it is a part of a file, a channel, or stored in a row, and so must be written to a file of its own."""
    promised: float | None = None
    """The length in seconds that the header states, which may be more than the file holds; None if it states none."""
    beyond: float = 0.0
    """The seconds for which the file goes on behind where its header says that it ends."""
    stated: float = math.nan
    """The length in seconds that the row states; nan if it states none."""
    error: str = ""
    """Why the file could not be read."""
    faults: tuple[AudioFault, ...] = ()
    """The faults, in the order of `AUDIO_RULES`."""

    @property
    def unusable(self) -> AudioFault | None:
        """The first fault for which the recording is set aside, if there is one."""
        return next((fault for fault in self.faults if AUDIO_RULES[fault].treatment is _OUT), None)

    @property
    def fitting_rate(self) -> int | None:
        """The sampling rate in Hz at which it would last as long as stated, if that is a usual one."""
        if not self.rate or not self.seconds or not self.stated > 0:
            return None
        rate = self.rate * self.seconds / self.stated
        return next((known for known in RATES if abs(rate - known) < STATED_SHARE_OFF * known), None)

    @property
    def loudness(self) -> str:
        """The root mean square in dB relative to full scale, as text."""
        return f"{20 * math.log10(self.rms):.0f}" if self.rms else "-inf"


def measure_recordings(
    recordings: Sequence[Recording],
    *,
    samples: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[AudioMeasurements, ...]:
    """Measure recordings, in the order given; a file, or a part of one, that is given twice is read once.

    `samples=False` reads headers alone: it finds neither NaN nor silence nor clipping, and takes the length from the
    header. `workers` threads read; None takes as many as there are cores. KeyboardInterrupt waits
    for the files that are being read and passes through.
    """
    sources = {identity(recording): recording for recording in reversed(recordings)}
    one_each = list(reversed(sources.values()))
    chunks = [one_each[start : start + CHUNK] for start in range(0, len(one_each), CHUNK)]
    measured: dict[Hashable, AudioMeasurements] = {}
    for chunk, found in zip(chunks, _measure_chunks(chunks, samples, workers or os.cpu_count() or 1), strict=True):
        measured.update(zip(map(identity, chunk), found, strict=True))
        if progress:
            progress(len(measured), len(one_each))
    return tuple(_compare(recording, measured[identity(recording)]) for recording in recordings)


def explain(kind: AudioFault, measured: AudioMeasurements) -> str:
    """Return the message of a fault, with the numbers of the recording."""
    return AUDIO_RULES[kind].message.format(measured=measured)


def _measure_chunks(
    chunks: Sequence[Sequence[Recording]], samples: bool, workers: int
) -> Iterator[list[AudioMeasurements]]:
    # Threads: libsndfile and numpy do the work without Python's lock, and nothing is forked, pickled or left behind.
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(lambda recordings: [_measure(each, samples) for each in recordings], chunks)
    finally:
        pool.shutdown(cancel_futures=True)


def _measure(recording: Recording, samples: bool) -> AudioMeasurements:
    path, stored = recording.path, recording.stored if isinstance(recording, Excerpt) else None
    try:
        fault = _fault_without_opening(path) if stored is None else None
        return AudioMeasurements(path, faults=(fault,)) if fault else _measure_content(recording, stored, samples)
    except SoundError as error:
        return _unreadable(path, str(error))
    except OSError as error:
        return _unreadable(path, error.strerror or type(error).__name__)


def _fault_without_opening(path: Path) -> AudioFault | None:
    if not path.is_file():
        return AudioFault.MISSING
    if is_lfs_pointer(path):
        return AudioFault.LFS_POINTER
    return None if path.stat().st_size else AudioFault.EMPTY


def _measure_content(recording: Recording, stored: bytes | None, samples: bool) -> AudioMeasurements:
    path = recording.path
    if stored is None and path.suffix.lower() == ".raw":  # soundfile needs its rate from the caller
        return _unreadable(path, "a raw file does not say its rate")
    with open_sound(path if stored is None else stored) as file:
        if isinstance(recording, Excerpt) and not recording.is_whole(file):
            return _measure_excerpt(recording, file, samples)
        header = AudioMeasurements(
            path, file.seconds, file.rate, file.channels, promised=file.promised, beyond=file.beyond
        )
        if file.seconds is not None and (not samples or file.seconds > LONGEST_SECONDS):  # hours need no memory
            return _with_wrong_end(replace(header, faults=_length_faults(file.seconds)))
        return _with_wrong_end(_measure_wave(header, file.read(LONGEST_SECONDS), file.rate))


def _measure_excerpt(excerpt: Excerpt, file: SoundFile, samples: bool) -> AudioMeasurements:
    """Measure a part of a file, or the file that is stored in a row."""
    start, end, channel = excerpt.part
    channels = 1 if channel is not None else file.channels
    header = AudioMeasurements(excerpt.path, None, file.rate, channels, is_excerpt=True)
    if not excerpt.has_channel(file):
        return _no_such_part(header, f"has {file.channels} channels, and so no channel {channel}; {_CHANNELS}")
    if file.seconds is not None:
        if max(start, end or 0.0) > file.seconds + STATED_SECONDS_OFF:
            return _beyond_the_end(header, excerpt, file.seconds)
        seconds = min(file.seconds if end is None else end, file.seconds) - start
        if not samples or seconds > LONGEST_SECONDS:
            return replace(header, seconds=seconds, faults=_length_faults(seconds))
    last_second = start + LONGEST_SECONDS + 1 if end is None else min(end, start + LONGEST_SECONDS + 1)
    measured = _measure_wave(header, excerpt.cut(file.read_part(start, last_second)), file.rate)
    reached = start + (measured.seconds or 0.0)
    if file.seconds is None and end is not None and reached < last_second - STATED_SECONDS_OFF:
        return _beyond_the_end(header, excerpt, reached)
    return measured


def _beyond_the_end(header: AudioMeasurements, excerpt: Excerpt, seconds: float) -> AudioMeasurements:
    last = "" if excerpt.end is None else f" to {excerpt.end:.2f}"
    part = f"lasts {seconds:.2f} s, and so has no part from {excerpt.start:.2f}{last} s"
    return _no_such_part(header, f"{part}; are the times in seconds? {_MILLISECONDS}")


def _no_such_part(header: AudioMeasurements, why: str) -> AudioMeasurements:
    return replace(header, error=why, faults=(AudioFault.NO_SUCH_PART,))


def _with_wrong_end(measured: AudioMeasurements) -> AudioMeasurements:
    """Add the fault of a file that ends before or after its header says; rounding, or mp3's padding, is none."""
    missing = (measured.promised or 0.0) - (measured.seconds or 0.0)
    faults = measured.faults
    if measured.seconds and missing > STATED_SECONDS_OFF + STATED_SHARE_OFF * measured.seconds:
        faults += (AudioFault.CUT_OFF,)
    if measured.beyond > STATED_SECONDS_OFF:
        faults += (AudioFault.GOES_ON,)
    return replace(measured, faults=faults)


def _unreadable(path: Path, error: str) -> AudioMeasurements:
    return AudioMeasurements(path, error=error.rstrip(". "), faults=(AudioFault.UNREADABLE,))


def _measure_wave(header: AudioMeasurements, wave: Samples, rate: int) -> AudioMeasurements:
    """Add what the wave, of shape (samples, channels), shows to what the header states."""
    measured = replace(header, seconds=len(wave) / rate, faults=_length_faults(len(wave) / rate))
    if not len(wave):
        return measured
    if not np.isfinite(wave).all():
        return replace(measured, faults=(AudioFault.NOT_FINITE, *measured.faults))
    rms = float(np.sqrt(np.mean(np.square(wave.mean(axis=1, dtype=np.float64)))))
    clipped = _clipped_share(wave)
    loudness = [AudioFault.SILENT] * (rms < 10 ** (SILENT_DBFS / 20)) + [AudioFault.CLIPPED] * (clipped > CLIPPED_SHARE)
    faults = (*measured.faults, *loudness)
    return replace(measured, peak=float(np.abs(wave).max()), rms=rms, clipped=clipped, faults=faults)


def _length_faults(seconds: float) -> tuple[AudioFault, ...]:
    if not seconds:
        return (AudioFault.EMPTY,)
    if seconds < SHORTEST_SECONDS:
        return (AudioFault.TOO_SHORT,)
    return (AudioFault.TOO_LONG,) if seconds > LONGEST_SECONDS else ()


def _clipped_share(wave: Samples) -> float:
    """The share of samples, of shape (samples, channels), that are at full scale in a run of at least CLIPPED_RUN."""
    full = np.abs(wave) >= FULL_SCALE
    places = len(full) - CLIPPED_RUN + 1
    if places < 1 or not full.any():
        return 0.0
    starts = np.logical_and.reduce([full[step : step + places] for step in range(CLIPPED_RUN)])
    in_run = np.zeros_like(full)
    for step in range(CLIPPED_RUN):
        in_run[step : step + places] |= starts
    return float(in_run.mean())


def _compare(recording: Recording, measured: AudioMeasurements) -> AudioMeasurements:
    measured = replace(measured, stated=recording.seconds)
    off = abs(measured.stated - (measured.seconds or math.nan))  # nan, which is not above anything, if one is unknown
    if not off > STATED_SECONDS_OFF + STATED_SHARE_OFF * (measured.seconds or 0.0):
        return measured
    fault = AudioFault.WRONG_RATE if measured.fitting_rate else AudioFault.WRONG_DURATION
    return replace(measured, faults=(*measured.faults, fault))
