"""Simulation of rooms, microphones and noise, which make synthetic speech more like real recordings."""

import numpy as np
import soxr

from eartune.data.audio import SAMPLE_RATE, Wave

LONGEST_SECONDS = 18.0


def record(wave: Wave, draw: np.random.Generator) -> Wave:
    """Return the wave as a random microphone in a random room would record it; every step is applied at random."""
    wave = wave / (np.abs(wave).max() + 1e-6) * 0.5
    if draw.random() < 0.5:
        wave = resample(wave, draw.uniform(0.9, 1.12))
    wave = pause(wave, draw)
    if draw.random() < 0.35:
        wave = reverberate(wave, draw)
    if draw.random() < 0.5:
        wave = colour(wave, draw)
    if draw.random() < 0.6:
        wave = wave + noise(len(wave), draw) * wave.std() * 10 ** (-draw.uniform(8, 35) / 20)
    wave = wave * 10 ** (-draw.uniform(0, 22) / 20)
    return np.clip(wave, -1, 1).astype(np.float32)[: int(LONGEST_SECONDS * SAMPLE_RATE)]


def resample(wave: Wave, factor: float) -> Wave:
    """Return the wave faster and higher, or slower and lower, as from another vocal tract."""
    return np.asarray(soxr.resample(wave, SAMPLE_RATE * factor, SAMPLE_RATE))


def pause(wave: Wave, draw: np.random.Generator) -> Wave:
    """Add silence before and after the speech, of the lengths that users leave."""
    before, after = (int(draw.exponential(mean) * SAMPLE_RATE) for mean in (0.35, 0.35))
    return np.pad(wave, (min(before, 2 * SAMPLE_RATE), min(after, 2 * SAMPLE_RATE)))


def reverberate(wave: Wave, draw: np.random.Generator) -> Wave:
    """Add the reverberation of a room: noise with an exponential decay of 0.1 to 0.6 s after the direct sound."""
    seconds = draw.uniform(0.1, 0.6)
    tail = draw.standard_normal(int(seconds * SAMPLE_RATE)) * np.exp(
        -6.9 * np.linspace(0, 1, int(seconds * SAMPLE_RATE))
    )
    tail *= draw.uniform(0.1, 0.7) / np.linalg.norm(tail)
    tail[0] = 1.0
    size = len(wave) + len(tail) - 1
    wet = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)
    return wet[: len(wave)]


def colour(wave: Wave, draw: np.random.Generator) -> Wave:
    """Apply a microphone's frequency response: a high-pass, a low-pass, and a slow wave of up to 6 dB."""
    spectrum = np.fft.rfft(wave)
    hertz = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
    gain = 10 ** (draw.uniform(0, 6) * np.sin(2 * np.pi * (hertz / draw.uniform(2000, 9000) + draw.random())) / 20)
    low, high = draw.uniform(20, 350), draw.uniform(3200, 8000)
    gain = gain / (1 + (low / np.maximum(hertz, 1)) ** 4) / (1 + (hertz / high) ** 8)
    return np.fft.irfft(spectrum * gain, len(wave))


def noise(length: int, draw: np.random.Generator) -> Wave:
    """Return noise of unit power between white and brown."""
    spectrum = np.fft.rfft(draw.standard_normal(length))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** draw.uniform(0, 1)
    shaped = np.fft.irfft(spectrum, length)
    return np.asarray(shaped / shaped.std())
