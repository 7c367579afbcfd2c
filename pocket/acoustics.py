"""Simulation of rooms, microphones and noise, which make synthetic speech more like real recordings."""

import numpy as np

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.data.augmentation import at_speed, in_a_room, with_noise

LONGEST_SECONDS = 18.0


def record(wave: Wave, draw: np.random.Generator) -> Wave:
    """Return the wave as a random microphone in a random room would record it; every step is applied at random."""
    wave = wave / (np.abs(wave).max() + 1e-6) * 0.5
    if draw.random() < 0.5:
        wave = at_speed(wave, draw.uniform(0.9, 1.12))
    wave = pause(wave, draw)
    if draw.random() < 0.35:
        wave = in_a_room(wave, draw)
    if draw.random() < 0.5:
        wave = colour(wave, draw)
    if draw.random() < 0.6:
        wave = with_noise(wave, draw.uniform(8, 35), draw)
    wave = wave * 10 ** (-draw.uniform(0, 22) / 20)
    return np.clip(wave, -1, 1).astype(np.float32)[: int(LONGEST_SECONDS * SAMPLE_RATE)]


def pause(wave: Wave, draw: np.random.Generator) -> Wave:
    """Add silence before and after the speech, of the lengths that users leave."""
    before, after = (int(draw.exponential(mean) * SAMPLE_RATE) for mean in (0.35, 0.35))
    return np.pad(wave, (min(before, 2 * SAMPLE_RATE), min(after, 2 * SAMPLE_RATE)))


def colour(wave: Wave, draw: np.random.Generator) -> Wave:
    """Apply a microphone's frequency response: a high-pass, a low-pass, and a slow wave of up to 6 dB."""
    spectrum = np.fft.rfft(wave)
    hertz = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
    gain = 10 ** (draw.uniform(0, 6) * np.sin(2 * np.pi * (hertz / draw.uniform(2000, 9000) + draw.random())) / 20)
    low, high = draw.uniform(20, 350), draw.uniform(3200, 8000)
    gain = gain / (1 + (low / np.maximum(hertz, 1)) ** 4) / (1 + (hertz / high) ** 8)
    return np.fft.irfft(spectrum * gain, len(wave))
