"""Speech from text: voices behind one small protocol, each utterance rendered once and kept.

Such recordings are synthetic, and whatever is learned or measured on them says so.
"""

import hashlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import BeforeValidator, Field, field_validator

from eartune.audio import Wave, audio_seconds, read_audio, write_audio
from eartune.faults import InputError
from eartune.settings import Section
from eartune.utterance import Recording, Utterance

CHARACTERS_A_SECOND = 15  # Pico's rate over English sentences, for plans made before anything is spoken


SPEAK_SECONDS = 120  # after which a command that speaks one sentence has hung

Progress = Callable[[int, int], None]
"""Told how many sentences are spoken, and of how many."""


class SpeakingVoice(Protocol):
    """What a text-to-speech engine must offer."""

    @property
    def label(self) -> str:
        """The voice and how it is set, which names its recordings."""

    def speak(self, text: str) -> Wave:
        """The text as a 16 kHz mono wave; called from several threads."""


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


class CommandVoice(Section):
    """Any engine with a command line that writes a sound file: espeak-ng, Piper, Kokoro, flite, your own."""

    engine: Literal["command"]
    name: str = Field(min_length=1)
    """Who speaks; a voice of the test must have another name than those of training."""
    command: str
    """{out} stands for the file to write and {text} for the words; without {text} they come on standard input."""

    @field_validator("command")
    @classmethod
    def _writes_a_file(cls, command: str) -> str:
        try:
            parts = shlex.split(command)
        except ValueError as error:
            raise InputError(f"the command {command!r} cannot be read ({error})") from error
        if not any("{out}" in part for part in parts):
            raise InputError(f"the command {command!r} must say {{out}} where the sound file's name belongs")
        return command

    @property
    def speaker(self) -> str:
        """Who speaks."""
        return self.name

    @property
    def label(self) -> str:
        """The voice as it is named where a recording has a speaker; another command is another voice."""
        return f"{self.name} by {self.command}"

    def speak(self, text: str) -> Wave:
        """The text as a 16 kHz mono wave; raises InputError with what the command said, if it fails."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "spoken.wav"
            self._run([p.replace("{out}", str(out)).replace("{text}", text) for p in shlex.split(self.command)], text)
            if not out.is_file():
                raise InputError(f"the voice {self.name} wrote no file at {{out}}, asked to say {text!r}")
            try:
                return read_audio(out)
            except InputError as error:
                raise InputError(f"the voice {self.name}, asked to say {text!r}: {error}") from error

    def _run(self, command: list[str], text: str) -> None:
        try:
            subprocess.run(command, input=text.encode(), capture_output=True, check=True, timeout=SPEAK_SECONDS)
        except FileNotFoundError as error:
            raise InputError(f"the voice {self.name} needs the command {command[0]}, which is not there") from error
        except subprocess.TimeoutExpired as error:
            raise InputError(f"the voice {self.name} took over {SPEAK_SECONDS} s to say {text!r}") from error
        except subprocess.CalledProcessError as error:
            said = " ".join(error.stderr.decode(errors="replace").split()) or f"exit status {error.returncode}"
            raise InputError(f"the voice {self.name} could not say {text!r}: {said}") from error


def _pico_unless_told(voice: Any) -> Any:
    return {"engine": "pico"} | voice if isinstance(voice, dict) else voice


Voice = Annotated[PicoVoice | CommandVoice, Field(discriminator="engine"), BeforeValidator(_pico_unless_told)]


def spoken(
    utterances: Iterable[Utterance],
    voices: Sequence[SpeakingVoice],
    folder: Path,
    render: bool = True,
    progress: Progress = lambda done, total: None,
) -> tuple[Utterance, ...]:
    """The utterances with one synthetic recording each, in the voice that the utterance's id picks.

    A recording is named after its content (words and voice) and rendered only if it is not there yet, several at a
    time; without `render` nothing is, and its length is a guess.
    """
    chosen = [(utterance, _pick(utterance, voices)) for utterance in utterances]
    places = [_place(utterance, voice, folder) for utterance, voice in chosen]
    if render:
        missing = {place: pair for place, pair in zip(places, chosen, strict=True) if not place.exists()}
        _render([(voice, str(utterance.text), place) for place, (utterance, voice) in missing.items()], progress)
    return tuple(
        replace(utterance, recordings=(_recording(utterance, voice, place),))
        for (utterance, voice), place in zip(chosen, places, strict=True)
    )


def _pick(utterance: Utterance, voices: Sequence[SpeakingVoice]) -> SpeakingVoice:
    return voices[int(hashlib.sha256(utterance.id.encode()).hexdigest(), 16) % len(voices)]


def _place(utterance: Utterance, voice: SpeakingVoice, folder: Path) -> Path:
    if utterance.text is None:
        raise InputError(f"{utterance.id}: has no text that a voice could speak")
    content = hashlib.sha256(f"{voice.label}\n{utterance.text}".encode()).hexdigest()[:20]
    return folder / f"{content}.flac"


def _render(missing: Sequence[tuple[SpeakingVoice, str, Path]], progress: Progress) -> None:
    """Threads are enough: a command runs beside us, and Pico takes 20 ms a sentence."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pending = [pool.submit(_render_one, voice, text, place) for voice, text, place in missing]
        try:
            for done, future in enumerate(pending, start=1):
                future.result()
                progress(done, len(missing))
        finally:
            pool.shutdown(cancel_futures=True)  # a voice that fails once would fail for all the others


def _render_one(voice: SpeakingVoice, text: str, place: Path) -> None:
    write_audio(place, voice.speak(text))


def _recording(utterance: Utterance, voice: SpeakingVoice, place: Path) -> Recording:
    guess = 0.5 + len(str(utterance.text)) / CHARACTERS_A_SECOND
    return Recording(place, audio_seconds(place) if place.exists() else guess, voice.label)
