"""Changes of a recording that leave its words as they are: speed, noise, a room, a telephone, and masks on its mel.

Each is drawn anew for every showing of a recording, from the seed, the recording and the number of the showing alone,
so that a stage that resumes hears what it would have heard. Libraries draw from one global state, which forgets that.
"""

import hashlib
import math

import numpy as np
import numpy.typing as npt
import soxr

from eartune.data.audio import MAX_SECONDS, MIN_SECONDS, SAMPLE_RATE, Wave
from eartune.data.example import Example
from eartune.settings import Augmentation

ROOM_SECONDS = (0.1, 0.6)
"""The time in which a room's reverberation falls by 60 dB."""
ROOM_LEVELS = (0.1, 0.7)
"""The level of the reverberation, as a share of the direct sound."""
TELEPHONE_HZ = (300, 3400)
WIDEST_BAND, LONGEST_SPAN = 1 / 8, 1 / 20
"""The largest share of the mel's bins that one band masks, and of its frames that one span masks."""


def draw_of(example: Example, seed: int) -> np.random.Generator:
    """Return the random numbers for one showing of an example's recording."""
    assert example.recording is not None
    shown = f"{seed} {example.utterance.id} {example.recording.path.name} {example.showing}"
    return np.random.default_rng(int.from_bytes(hashlib.sha256(shown.encode()).digest()[:8]))


def augmented(wave: Wave, settings: Augmentation, draw: np.random.Generator) -> Wave:
    """Return the samples, (samples,) at 16 kHz, as somebody else might have said and another device recorded them."""
    if settings.speed:
        wave = at_speed(wave, draw.uniform(1 - settings.speed, 1 + settings.speed))
    if draw.random() < settings.room:
        wave = in_a_room(wave, draw)
    if draw.random() < settings.noise:
        wave = with_noise(wave, draw.uniform(*settings.noise_db), draw)
    if draw.random() < settings.telephone:
        wave = over_a_telephone(wave)
    return np.clip(wave, -1, 1).astype(np.float32)


def at_speed(wave: Wave, factor: float) -> Wave:
    """Return the wave faster and higher, or slower and lower; no further than the lengths that a model can take."""
    seconds = len(wave) / SAMPLE_RATE
    factor = min(max(factor, 1.001 * seconds / MAX_SECONDS), seconds / MIN_SECONDS / 1.001)
    return np.asarray(soxr.resample(wave, SAMPLE_RATE * factor, SAMPLE_RATE))


def in_a_room(wave: Wave, draw: np.random.Generator) -> Wave:
    """Add the reverberation of a room after the direct sound: noise that decays exponentially."""
    length = int(draw.uniform(*ROOM_SECONDS) * SAMPLE_RATE)
    tail = draw.standard_normal(length) * np.exp(-math.log(1000) * np.linspace(0, 1, length))
    tail *= draw.uniform(*ROOM_LEVELS) / np.linalg.norm(tail)
    tail[0] = 1.0
    size = len(wave) + length - 1
    wet = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)
    return wet[: len(wave)].astype(np.float32)


def with_noise(wave: Wave, snr: float, draw: np.random.Generator) -> Wave:
    """Add noise between white and brown, `snr` dB below the wave."""
    spectrum = np.fft.rfft(draw.standard_normal(len(wave)))
    spectrum[0] = 0
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** draw.uniform(0, 1)
    noise = np.fft.irfft(spectrum, len(wave))
    level = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)) / np.mean(np.square(noise))))
    return (wave + noise * level * 10 ** (-snr / 20)).astype(np.float32)


def over_a_telephone(wave: Wave) -> Wave:
    """Keep the band of a telephone alone."""
    spectrum, hertz = np.fft.rfft(wave), np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
    low, high = TELEPHONE_HZ
    spectrum /= (1 + (low / np.maximum(hertz, 1)) ** 8) * (1 + (hertz / high) ** 16)
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)


def masked(
    mel: npt.NDArray[np.float32], n_frames: int, settings: Augmentation, draw: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return a mel spectrogram, (bins, frames), with some bands and spans of time at its mean (SpecAugment).

    Spans lie within the first `n_frames` frames, which are those of the recording.
    """
    found = mel.copy()
    mean = mel[:, :n_frames].mean()
    for _ in range(settings.bands):
        first, width = _part(len(mel), WIDEST_BAND, draw)
        found[first : first + width, :n_frames] = mean
    for _ in range(settings.spans):
        first, width = _part(n_frames, LONGEST_SPAN, draw)
        found[:, first : first + width] = mean
    return found


def _part(length: int, largest: float, draw: np.random.Generator) -> tuple[int, int]:
    """The first place and the width of a part of something, as wide as the largest share of it or less."""
    width = int(draw.integers(0, int(length * largest) + 1))
    return int(draw.integers(0, length - width + 1)), width
