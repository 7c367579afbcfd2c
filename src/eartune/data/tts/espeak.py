"""eSpeak NG: robotic, but in a hundred languages and with many speakers each; its library, not its command."""

import ctypes
from functools import cache
from threading import Lock
from typing import Any, Literal

import numpy as np
from pydantic import Field

from eartune.data.audio import Wave, to_mono_16k
from eartune.errors import InputError
from eartune.settings import Section

WORDS_A_MINUTE = 165  # at speed 1
PITCH = 50  # of 0 to 100, at pitch 1
_SYNCHRONOUS, _RATE, _PITCH = 2, 1, 3  # as speak_lib.h numbers them
_ALONE = Lock()  # the library has one state for all


class EspeakVoice(Section):
    """A voice of eSpeak NG through espeakng-loader: a language of its, such as de or en-gb, and a speaker."""

    engine: Literal["espeak"]
    name: str = Field(min_length=1)
    variant: str = ""
    """Another speaker of the language: f1 to f5, m1 to m8, klatt, croak, whisper and more; none is its own."""
    speed: float = Field(default=1.0, ge=0.5, le=2)
    pitch: float = Field(default=1.0, ge=0, le=2)

    @property
    def speaker(self) -> str:
        """Who speaks, however fast or high."""
        return f"{self.engine}:{self._full_name}"

    @property
    def label(self) -> str:
        """The voice as it is named where a recording has a speaker."""
        return f"{self.speaker} speed {self.speed:g} pitch {self.pitch:g}"

    def speak(self, text: str) -> Wave:
        """The text as a 16 kHz mono wave; raises InputError saying what to install, or that there is no such voice."""
        with _ALONE:
            library, rate = _library()
            if library.espeak_SetVoiceByName(self._full_name.encode()):
                raise InputError(f"eSpeak NG has no voice {self._full_name!r}")
            library.espeak_SetParameter(_RATE, int(WORDS_A_MINUTE * self.speed), 0)
            library.espeak_SetParameter(_PITCH, int(PITCH * self.pitch), 0)
            return to_mono_16k(_synthesize(library, text.encode()), rate)

    @property
    def _full_name(self) -> str:
        return f"{self.name}+{self.variant}" if self.variant else self.name


@cache
def _library() -> tuple[Any, int]:
    """The library, set up once, and its sampling rate."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise InputError("an espeak voice needs the package espeakng-loader: pip install 'eartune[pocket]'") from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    return library, library.espeak_Initialize(_SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0)


def _synthesize(library: Any, text: bytes) -> Wave:
    """Samples at the library's rate, shape (samples, 1)."""
    heard = [np.zeros(0, np.int16)]

    def collect(samples: Any, count: int, _events: int) -> int:
        if count > 0:
            heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)(collect)
    library.espeak_SetSynthCallback(callback)
    library.espeak_Synth(text, len(text) + 1, 0, 0, 0, 1, None, None)
    return (np.concatenate(heard).astype(np.float32) / np.float32(32768))[:, None]
