"""Recordings that somebody sends: their length is known from their header before any sample is read."""

from collections.abc import Iterator
from io import BytesIO

import soundfile

from eartune.data.audio import Wave, decode_audio
from eartune.data.pauses import Span, pieces_of
from eartune.errors import InputError

NAME = "the recording"
"""How sentences about it begin; what the sender called the file is never used."""
MOST_SAMPLES_A_SECOND = 768_000
"""4 channels at 192 kHz, or 16 at 48 kHz: silence at any rate in any number of channels takes no bytes in a file."""
MOST_SECONDS = 600
"""The longest recording that is cut into pieces, in s."""


def decode_recording(sent: bytes, channel: int | None = None) -> Wave:
    """Return the samples of a file's bytes, shape (samples,) at 16 kHz; raises InputError for what is no such file."""
    check_sent(sent)
    return decode_audio(sent, NAME, channel)


def decode_pieces(sent: bytes, channel: int | None = None) -> Iterator[tuple[Span, Wave]]:
    """Yield the pieces of a file's bytes, cut at pauses, each as it is decoded; raises InputError as above."""
    check_sent(sent)
    yield from pieces_of(sent, NAME, MOST_SECONDS, channel)


def check_sent(sent: bytes) -> None:
    """Raise InputError for a file that is not worth decoding."""
    if not sent:
        raise InputError(f"{NAME}: is empty; send the bytes of a sound file")
    check_rate(sent)


def check_rate(sent: bytes) -> None:
    """Raise InputError for more samples a second than a recording of speech has, channels taken together."""
    try:
        facts = soundfile.info(BytesIO(sent))
    except soundfile.LibsndfileError:
        return  # another decoder may know it, and else says what it is
    if facts.samplerate * facts.channels > MOST_SAMPLES_A_SECOND:
        raise InputError(
            f"{NAME}: has {facts.channels} channels at {facts.samplerate} Hz; all together may have at most "
            f"{MOST_SAMPLES_A_SECOND} samples a second"
        )
