"""Speech from text: voices behind one small protocol, each utterance rendered once and kept.

Such recordings are synthetic, and whatever is learned or measured on them says so.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from pydantic import Field

from eartune.audio import SAMPLE_RATE, Wave, audio_seconds, write_audio
from eartune.faults import InputError
from eartune.settings import Section
from eartune.utterance import Recording, Utterance

CHARACTERS_A_SECOND = 15  # Pico's rate over English sentences, for plans made before anything is spoken


class SpeakingVoice(Protocol):
    """What a text-to-speech engine must offer."""

    def speak(self, text: str) -> Wave:
        """The text as a 16 kHz mono wave."""


class PicoVoice(Section):
    """A voice of SVOX Pico through py-nanotts: en-US, en-GB, de-DE, es-ES, fr-FR or it-IT, one speaker each."""

    engine: Literal["pico"] = "pico"
    name: Literal["en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT"] = "en-US"
    speed: float = Field(default=1.0, ge=0.2, le=5)
    pitch: float = Field(default=1.0, ge=0.5, le=2)

    @property
    def label(self) -> str:
        """The voice as it is named where a recording has a speaker."""
        return f"{self.engine}:{self.name} speed {self.speed:g} pitch {self.pitch:g}"

    def speak(self, text: str) -> Wave:
        """The text as a 16 kHz mono wave; raises InputError saying what to install."""
        try:
            from py_nanotts import NanoTTS
        except ImportError as error:
            raise InputError("a pico voice needs the package py-nanotts: pip install 'eartune[pocket]'") from error
        pcm = NanoTTS().speak(text, voice=self.name, speed=self.speed, pitch=self.pitch)
        return np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)


def spoken(
    utterances: Iterable[Utterance], voices: Sequence[PicoVoice], folder: Path, render: bool = True
) -> tuple[Utterance, ...]:
    """The utterances with one synthetic recording each, in the voice that the utterance's id picks.

    A recording is named after its content (words and voice) and rendered only if it is not there yet; without
    `render` nothing is, and its length is a guess.
    """
    return tuple(replace(u, recordings=(_recording(u, _pick(u, voices), folder, render),)) for u in utterances)


def _pick(utterance: Utterance, voices: Sequence[PicoVoice]) -> PicoVoice:
    return voices[int(hashlib.sha256(utterance.id.encode()).hexdigest(), 16) % len(voices)]


def _recording(utterance: Utterance, voice: PicoVoice, folder: Path, render: bool) -> Recording:
    if utterance.text is None:
        raise InputError(f"{utterance.id}: has no text that a voice could speak")
    content = hashlib.sha256(f"{voice.label}\n{utterance.text}".encode()).hexdigest()[:20]
    path = folder / f"{content}.flac"
    if path.exists():
        return Recording(path, audio_seconds(path), voice.label)
    if not render:
        return Recording(path, 0.5 + len(utterance.text) / CHARACTERS_A_SECOND, voice.label)
    wave = voice.speak(utterance.text)
    write_audio(path, wave)
    return Recording(path, len(wave) / SAMPLE_RATE, voice.label)
