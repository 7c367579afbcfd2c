"""Voices that speak text: one file an engine, behind one small protocol."""

from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, Field

from eartune.data.audio import Wave
from eartune.data.tts.command import CommandVoice
from eartune.data.tts.espeak import EspeakVoice
from eartune.data.tts.pico import PicoVoice


class SpeakingVoice(Protocol):
    """What a text-to-speech engine must offer."""

    @property
    def label(self) -> str:
        """The voice and how it is set, which names its recordings."""

    @property
    def speaker(self) -> str:
        """Who speaks, however fast or high; nobody may in training and in the test."""

    def speak(self, text: str) -> Wave:
        """The text as a 16 kHz mono wave; called from several threads."""


def _pico_unless_told(voice: Any) -> Any:
    return {"engine": "pico"} | voice if isinstance(voice, dict) else voice


Voice = Annotated[
    PicoVoice | EspeakVoice | CommandVoice, Field(discriminator="engine"), BeforeValidator(_pico_unless_told)
]
