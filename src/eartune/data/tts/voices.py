"""Voices that speak text: one file for each engine, behind one small protocol."""

from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, Field

from eartune.data.audio import Wave
from eartune.data.tts.command import CommandVoice
from eartune.data.tts.espeak import EspeakVoice
from eartune.data.tts.pico import PicoVoice


class SpeakingVoice(Protocol):
    """A voice of a text-to-speech engine."""

    @property
    def label(self) -> str:
        """The voice and its settings, as a recording's speaker."""

    @property
    def cache_key(self) -> str:
        """All that the samples of a sentence depend on besides its words; it names the file of a recording."""

    @property
    def speaker(self) -> str:
        """The name of the speaker, whatever the speed and pitch; no speaker may be in both training and test."""

    def speak(self, text: str) -> Wave:
        """Return the text as a 16 kHz mono wave, shape (samples,); it is called from several threads.

        The wave must not depend on what was spoken before.
        """


def _pico_by_default(voice: Any) -> Any:
    return {"engine": "pico"} | voice if isinstance(voice, dict) else voice


Voice = Annotated[
    PicoVoice | EspeakVoice | CommandVoice, Field(discriminator="engine"), BeforeValidator(_pico_by_default)
]
