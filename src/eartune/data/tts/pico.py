"""SVOX Pico, the default engine: small, offline, one speaker a language."""

from typing import Literal

import numpy as np
from pydantic import Field

from eartune.data.audio import Wave
from eartune.errors import InputError
from eartune.settings import Section


class PicoVoice(Section):
    """A voice of SVOX Pico through py-nanotts: en-US, en-GB, de-DE, es-ES, fr-FR or it-IT, one speaker each."""

    engine: Literal["pico"] = "pico"
    name: Literal["en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT"] = "en-US"
    speed: float = Field(default=1.0, ge=0.2, le=5)
    pitch: float = Field(default=1.0, ge=0.5, le=2)

    @property
    def speaker(self) -> str:
        """Who speaks, however fast or high."""
        return f"{self.engine}:{self.name}"

    @property
    def label(self) -> str:
        """The voice as it is named where a recording has a speaker."""
        return f"{self.speaker} speed {self.speed:g} pitch {self.pitch:g}"

    def speak(self, text: str) -> Wave:
        """The text as a 16 kHz mono wave; raises InputError saying what to install."""
        try:
            from py_nanotts import NanoTTS
        except ImportError as error:
            raise InputError("a pico voice needs the package py-nanotts: pip install 'eartune[pocket]'") from error
        pcm = NanoTTS().speak(text, voice=self.name, speed=self.speed, pitch=self.pitch)
        return np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)
