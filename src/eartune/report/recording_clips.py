"""Recordings inside a page: short ones as MP3 within it up to a limit, and all others as links to their files."""

import base64
import os
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import soundfile

from eartune.data.audio import SAMPLE_RATE, read_audio
from eartune.errors import InputError

MOST_BYTES = 6_000_000
"""The bytes of recordings that a page holds, before they are written as text: about 25 minutes of speech."""

SMALLEST = 0.9  # the compression level of libsndfile at which speech of 16 kHz takes 4 kB a second


@dataclass(frozen=True)
class Clips:
    """The sources of players, by recording: data within the page, or relative paths."""

    sources: dict[Path, str]
    embedded: int
    linked: int


def make_clips(recordings: Iterable[Path], page: Path, most_bytes: int = MOST_BYTES) -> Clips:
    """Return sources for the players of a page in the folder `page`; the recordings that come first are embedded.

    A recording that cannot be read any more has no source.
    """
    sources: dict[Path, str] = {}
    used = embedded = 0
    for recording in dict.fromkeys(recordings):
        if used < most_bytes and (data := _mp3(recording)):
            sources[recording] = f"data:audio/mpeg;base64,{base64.b64encode(data).decode()}"
            used, embedded = used + len(data), embedded + 1
        elif recording.is_file():
            sources[recording] = quote(Path(os.path.relpath(recording, page)).as_posix())
    return Clips(sources, embedded, len(sources) - embedded)


def _mp3(recording: Path) -> bytes | None:
    """A recording as MP3, which all browsers play; None where it cannot be read or libsndfile writes no MP3."""
    if "MP3" not in soundfile.available_formats():
        return None
    try:
        wave = read_audio(recording)
    except InputError:
        return None
    file = BytesIO()
    soundfile.write(file, wave, SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III", compression_level=SMALLEST)
    return file.getvalue()
