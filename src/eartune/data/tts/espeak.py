"""eSpeak NG: robotic, but in a hundred languages and with many speakers each; its library, not its command."""

import importlib
from typing import Literal

from pydantic import Field

from eartune.data.audio import Wave
from eartune.data.tts.engine_process import speak_in_new_process
from eartune.errors import InputError
from eartune.settings import Section


class EspeakVoice(Section):
    """A voice of eSpeak NG through espeakng-loader: one of its languages, such as de or en-gb, and a speaker."""

    engine: Literal["espeak"]
    name: str = Field(min_length=1)
    """A language of eSpeak NG, such as de or en-gb."""
    variant: str = ""
    """Another speaker of the language: f1 to f5, m1 to m8, klatt, croak, whisper and more; none is its own."""
    speed: float = Field(default=1.0, ge=0.5, le=2)
    """A factor; 1 is the voice's own speed."""
    pitch: float = Field(default=1.0, ge=0, le=2)
    """A factor; 1 is the voice's own pitch."""

    @property
    def speaker(self) -> str:
        """The name of the speaker, which does not depend on speed and pitch."""
        return f"{self.engine}:{self._full_name}"

    @property
    def label(self) -> str:
        """The name of the voice, as a recording's speaker."""
        return f"{self.speaker} speed {self.speed:g} pitch {self.pitch:g}"

    @property
    def cache_key(self) -> str:
        """All that the samples of a sentence depend on besides its words."""
        return f"{self.label}, each sentence by a new process"

    def speak(self, text: str) -> Wave:
        """Return the text as a 16 kHz mono wave; raises InputError without the package or for an unknown voice."""
        try:
            importlib.import_module("espeakng_loader")
        except ImportError as error:
            raise InputError(
                "an espeak voice needs the package espeakng-loader: pip install 'eartune[pocket]'"
            ) from error
        return speak_in_new_process(self.engine, self._full_name, text, self.speed, self.pitch)

    @property
    def _full_name(self) -> str:
        return f"{self.name}+{self.variant}" if self.variant else self.name
