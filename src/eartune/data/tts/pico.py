"""SVOX Pico, the default engine: small, offline, one speaker for each language."""

import importlib
from typing import Literal

from pydantic import Field

from eartune.data.audio import Wave
from eartune.data.tts.engine_process import speak_in_new_process
from eartune.errors import InputError
from eartune.settings import Section


class PicoVoice(Section):
    """A voice of SVOX Pico through py-nanotts: en-US, en-GB, de-DE, es-ES, fr-FR or it-IT, one speaker each."""

    engine: Literal["pico"] = "pico"
    name: Literal["en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT"] = "en-US"
    speed: float = Field(default=1.0, ge=0.2, le=5)
    """A factor; 1 is the voice's own speed."""
    pitch: float = Field(default=1.0, ge=0.5, le=2)
    """A factor; 1 is the voice's own pitch."""

    @property
    def speaker(self) -> str:
        """The name of the speaker, which does not depend on speed and pitch."""
        return f"{self.engine}:{self.name}"

    @property
    def label(self) -> str:
        """The name of the voice, as a recording's speaker."""
        return f"{self.speaker} speed {self.speed:g} pitch {self.pitch:g}"

    @property
    def cache_key(self) -> str:
        """All that the samples of a sentence depend on besides its words."""
        return f"{self.label}, each sentence by a new process"

    def speak(self, text: str) -> Wave:
        """Return the text as a 16 kHz mono wave; raises InputError where the package is missing or Pico fails."""
        try:
            importlib.import_module("py_nanotts")
        except ImportError as error:
            raise InputError("a pico voice needs the package py-nanotts: pip install 'eartune[pocket]'") from error
        return speak_in_new_process(self.engine, self.name, text, self.speed, self.pitch)
