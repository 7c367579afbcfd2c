"""Any other engine, by its command line."""

import shlex
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from eartune.data.audio import Wave, read_audio
from eartune.data.tts.engine_process import run_engine
from eartune.errors import InputError
from eartune.settings import Section


class CommandVoice(Section):
    """Any engine with a command line that writes a sound file: espeak-ng, Piper, Kokoro, flite, your own."""

    engine: Literal["command"]
    name: str = Field(min_length=1)
    """The speaker's name; a voice of the test must have another name than those of training."""
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
            raise InputError(f"the command {command!r} must contain {{out}} in place of the sound file's name")
        return command

    @property
    def speaker(self) -> str:
        """The name of the speaker."""
        return self.name

    @property
    def label(self) -> str:
        """The name of the voice, as a recording's speaker; another command is another voice."""
        return f"{self.name} by {self.command}"

    @property
    def cache_key(self) -> str:
        """All that the samples of a sentence depend on besides its words."""
        return self.label

    def speak(self, text: str) -> Wave:
        """Return the text as a 16 kHz mono wave; raises InputError with what the command printed, if it fails."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "spoken.wav"
            parts = [part.replace("{out}", str(out)).replace("{text}", text) for part in shlex.split(self.command)]
            run_engine(parts, text.encode(), self.name, text)
            if not out.is_file():
                raise InputError(f"the voice {self.name} wrote no file at {{out}}, asked to say {text!r}")
            try:
                return read_audio(out)
            except InputError as error:
                raise InputError(f"the voice {self.name}, asked to say {text!r}: {error}") from error
