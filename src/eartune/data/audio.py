"""Recordings: any file of sound is loaded as 16 kHz mono float32, or one sentence says why not."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from eartune.data.sound_file import SUFFIXES, SoundError, open_sound
from eartune.errors import InputError
from eartune.files import atomic

SAMPLE_RATE = 16_000
NOT_READABLE = "not a recording that can be read"
MIN_SECONDS = 0.1  # below this Qwen2-Audio may see a single audio token and take a code path that crashes
MAX_SECONDS = 30.0  # Whisper's position embeddings end here
FRAME_SAMPLES = 320  # 20 ms, over which a level is taken
QUIET_DB = 35.0  # below the loud frames of a recording, where nobody is speaking
SOUND_FRAMES = 3  # what is shorter than 60 ms is a click, not speech
KEPT_SECONDS = 0.2  # of silence on either side, so that soft beginnings and ends of words are not lost
AUDIO_SUFFIXES = SUFFIXES

Wave = npt.NDArray[np.float32]
"""Samples of shape (samples,), 16 kHz, mono, in [-1, 1] up to clipping."""


def read_audio(path: Path, channel: int | None = None) -> Wave:
    """Return the samples of a recording, or of one of its channels, counted from 0; by default their mean.

    Raises InputError naming the file when it is missing, unreadable, empty, not finite, or shorter than
    `MIN_SECONDS` or longer than `MAX_SECONDS`; the length is checked before any sample is read.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such recording")
    return decode_audio(path, str(path), channel)


def decode_audio(source: Path | bytes, name: str, channel: int | None = None) -> Wave:
    """Return the samples of a file or of a file's bytes; raises InputError, which starts with `name`, as above."""
    try:
        with open_sound(source, channel) as file:
            if file.seconds is not None:
                check_seconds(file.seconds, name)
            samples, rate = file.read(MAX_SECONDS), file.rate
    except SoundError as error:
        raise InputError(f"{name}: {NOT_READABLE} ({error})") from error
    check_seconds(len(samples) / rate, name, is_cut=file.seconds is None)
    return check_wave(to_mono_16k(samples, rate), name)


def load_audio(path: Path, without_silence: bool) -> Wave:
    """Return the samples of a recording as they are given to a model, with the silence around them or without."""
    wave = read_audio(path)
    return cut_silence(wave) if without_silence else wave


def to_mono_16k(samples: npt.NDArray[np.float32], rate: int) -> Wave:
    """Convert samples of shape (samples, channels) at `rate` Hz to shape (samples,) at 16 kHz; average channels."""
    mono = samples.mean(axis=1, dtype=np.float32) if samples.size else samples.reshape(-1)
    if rate == SAMPLE_RATE or not len(mono):
        return mono
    return np.asarray(soxr.resample(mono, rate, SAMPLE_RATE), dtype=np.float32)


def cut_silence(wave: Wave) -> Wave:
    """Return the wave without the silence before its first and after its last sound, all but 0.2 s on either side.

    Only what is far quieter than the loud parts of the recording is removed, so noisy recordings stay as they are.
    """
    n_frames = len(wave) // FRAME_SAMPLES
    if n_frames < SOUND_FRAMES:
        return wave
    power = np.square(wave[: n_frames * FRAME_SAMPLES], dtype=np.float64).reshape(n_frames, FRAME_SAMPLES).mean(axis=1)
    loud = power > np.quantile(power, 0.95) * 10 ** (-QUIET_DB / 10)
    starts = np.flatnonzero(np.convolve(loud, np.ones(SOUND_FRAMES), mode="valid") == SOUND_FRAMES)
    if not len(starts):
        return wave
    margin = round(KEPT_SECONDS * SAMPLE_RATE)
    first, last = starts[0] * FRAME_SAMPLES, (starts[-1] + SOUND_FRAMES) * FRAME_SAMPLES
    return wave[max(0, first - margin) : last + margin]


def check_wave(wave: Wave, name: str) -> Wave:
    """Return the wave itself; raises InputError, which starts with `name`, if a model cannot take it as input."""
    if not np.isfinite(wave).all():
        raise InputError(f"{name}: holds samples that are not finite (NaN or infinity)")
    check_seconds(len(wave) / SAMPLE_RATE, name)
    return wave


def check_seconds(seconds: float, name: str, is_cut: bool = False) -> None:
    """Raise InputError, which starts with `name`, for a length that no model can be given.

    `is_cut` says that the length is that of a part, as nobody knows how long the whole is.
    """
    if not seconds:
        raise InputError(f"{name}: holds no samples")
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        length = "longer" if is_cut and seconds > MAX_SECONDS else f"{seconds:.2f} s long"
        raise InputError(f"{name}: is {length}; a recording must be {MIN_SECONDS} to {MAX_SECONDS:.0f} s long")


def write_audio(path: Path, wave: Wave) -> None:
    """Write a 16 kHz mono 16-bit file in the format of the path's suffix, whole or not at all."""
    with atomic(path) as half_written:
        soundfile.write(half_written, wave, SAMPLE_RATE, subtype="PCM_16", format=path.suffix[1:].upper())


def audio_seconds(path: Path) -> float:
    """Return the length of a recording in seconds, from its header alone where that states it.

    One whose header does not is decoded; it ends where it is longer than `MAX_SECONDS`.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such recording")
    try:
        with open_sound(path) as file:
            return float(len(file.read(MAX_SECONDS)) / file.rate if file.seconds is None else file.seconds)
    except SoundError as error:
        raise InputError(f"{path}: {NOT_READABLE} ({error})") from error
