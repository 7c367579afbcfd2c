"""Any other engine, by its command line."""

import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from eartune.data.audio import Wave, read_audio
from eartune.errors import InputError
from eartune.settings import Section

SPEAK_SECONDS = 120  # after which a command that speaks one sentence has hung


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
