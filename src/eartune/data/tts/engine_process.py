"""Text-to-speech engines run as processes of their own; their failures become input errors."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eartune.data.audio import Wave, to_mono_16k
from eartune.errors import InputError

SPEAK_SECONDS = 120  # after which a process that speaks one sentence has hung
_ENGINES = Path(__file__).with_name("engines.py")


def run_engine(command: Sequence[str], standard_input: bytes, voice: str, text: str) -> bytes:
    """Run a command that speaks `text` and return its standard output.

    Raises InputError with the voice, the text and what the command printed, if it is missing, fails or hangs.
    """
    try:
        finished = subprocess.run(command, input=standard_input, capture_output=True, check=True, timeout=SPEAK_SECONDS)
    except FileNotFoundError as error:
        raise InputError(f"the voice {voice} needs the command {command[0]}, which is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"the voice {voice} took over {SPEAK_SECONDS} s to say {text!r}") from error
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.decode(errors="replace").split()) or f"exit status {error.returncode}"
        raise InputError(f"the voice {voice} could not say {text!r}: {reason}") from error
    return finished.stdout


def speak_in_new_process(engine: str, voice: str, text: str, speed: float, pitch: float) -> Wave:
    """Return the 16 kHz mono wave of a sentence, shape (samples,), which depends on nothing but the arguments."""
    # -P, so that no file beside the script is taken for a library
    command = (sys.executable, "-P", str(_ENGINES), engine, voice, str(speed), str(pitch))
    output = run_engine(command, text.encode(), f"{engine}:{voice}", text)
    rate = int.from_bytes(output[:4], "little")
    samples = np.frombuffer(output, "<i2", offset=4).astype(np.float32) / np.float32(32768)
    return to_mono_16k(samples[:, None], rate)
