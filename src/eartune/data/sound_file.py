"""Decode a file of sound as samples at its own rate: libsndfile reads most formats, PyAV those of phones and browsers.

file -> length, rate, channels, and what is missing -> blocks of samples of shape (frames, channels)
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float32]
"""Samples of shape (frames, channels), in [-1, 1] up to clipping."""

SUFFIXES = (
    *(".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".spx", ".mp3", ".mp2", ".mpga", ".aiff", ".aif", ".aifc"),
    *(".au", ".snd", ".caf", ".w64", ".sph"),
    *(".m4a", ".m4b", ".mp4", ".mov", ".aac", ".3gp", ".3gpp", ".3ga", ".amr", ".awb", ".webm", ".weba"),
    *(".mka", ".mkv", ".wma"),
)
"""The suffixes of files of sound; what such a file holds is seen in its first bytes."""

_BLOCK_SECONDS = 40  # a recording that a model can be given is one block
_UNKNOWN_LENGTH = 2**62  # frames; libsndfile's answer for a header without a length is 2**63 - 1
_LARGEST_SIZE = 2**31 - 2**16  # bytes; a stream that did not know its size has a larger one in its header
_HEAD = 2000  # bytes behind the data of a file, in which it is seen what they are
_TAGS = (b"ID3", b"TAG", b"APETAGEX")
_PHONES = {b"\x1a\x45\xdf\xa3": "WebM", b"0&\xb2u": "WMA", b"#!AM": "AMR"}
_MORE_CODECS = (
    b"RIFF",
    b"FORM",
    b"OggS",
    b"caff",
    b".snd",
    b"fLaC",
)  # containers of which libsndfile reads some codecs
_INSTALL = "pip install 'eartune[audio]'"


class SoundError(Exception):
    """Raised where a file cannot be decoded; the message is one clause that says why."""


class SoundFile(ABC):
    """An open file of sound; `seconds` is None where only decoding shows the length."""

    def __init__(
        self, seconds: float | None, rate: int, channels: int, promised: float | None = None, beyond: float = 0.0
    ) -> None:
        self.seconds, self.rate, self.channels = seconds, rate, channels
        self.beyond = beyond
        """The seconds for which a file goes on, which are not read, behind where its header says that it ends."""
        self.promised = promised
        """The length in seconds that the header states, even where the file ends before; None if it states none."""

    @abstractmethod
    def blocks(self) -> Iterator[Samples]:
        """Yield the samples, once; raises SoundError where they cannot be decoded."""

    def blocks_from(self, second: float) -> Iterator[Samples]:
        """Yield the samples from a time on, once."""
        skipped = round(second * self.rate)
        for block in self.blocks():
            if len(block) > skipped:
                yield block[skipped:]
            skipped = max(0, skipped - len(block))

    def read_part(self, start: float, end: float | None) -> Samples:
        """Return the samples from one second to another, or to the end; fewer where the file has no more."""
        if end is None:
            return _joined(list(self.blocks_from(start)), self.channels)
        frames, blocks, there = round(end * self.rate) - round(start * self.rate), [], 0
        for block in self.blocks_from(start):
            blocks.append(block)
            there += len(block)
            if there >= frames:
                break
        return _joined(blocks, self.channels)[:frames]

    def read(self, at_most: float = math.inf) -> Samples:
        """Return the samples, shape (frames, channels); none are decoded when there are more than `at_most` seconds."""
        blocks: list[Samples] = []
        for block in self.blocks():
            blocks.append(block)
            if sum(map(len, blocks)) > at_most * self.rate:
                break
        return _joined(blocks, self.channels)


def _joined(blocks: Sequence[Samples], channels: int) -> Samples:
    """The blocks as one, which is not copied if it is one already, as almost always."""
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate([np.zeros((0, channels), np.float32), *blocks])


@contextmanager
def open_sound(source: Path | bytes, channel: int | None = None) -> Iterator[SoundFile]:
    """Open a file, or a file's bytes, or one channel of it, counted from 0.

    Raises SoundError for a file that cannot be opened, cannot be decoded, or does not have the channel.
    """
    with _opened(source) as file:
        yield file if channel is None else _OneChannel(file, channel)


@contextmanager
def _opened(source: Path | bytes) -> Iterator[SoundFile]:
    with _bytes_of(source) as file:
        head = _head(file)
        try:
            opened = soundfile.SoundFile(file if isinstance(source, bytes) else source)
        except Exception as error:  # whatever a reader raises concerns this file alone
            with _open_by_av(file, head, _clause(error)) as by_av:
                yield by_av
            return
        if opened.frames >= _UNKNOWN_LENGTH:  # a FLAC stream, which libsndfile cannot read without a length
            opened.close()
            with _open_by_av(file, head, "its header does not say how long it is") as by_av:
                yield by_av
            return
        with opened:
            yield _BySoundfile(opened, file, _Chunk.of(file, head))


def _bytes_of(source: Path | bytes) -> BinaryIO:
    if isinstance(source, bytes):
        return BytesIO(source)
    try:
        return source.open("rb")
    except OSError as error:
        raise SoundError(str(error.strerror)) from error


class _OneChannel(SoundFile):
    """One channel of a file, such as what one side of a telephone call says."""

    def __init__(self, file: SoundFile, channel: int) -> None:
        if channel >= file.channels:
            raise SoundError(f"has no channel {channel}: it has {file.channels}, and the first is 0")
        self._file, self._channel = file, channel
        super().__init__(file.seconds, file.rate, 1, file.promised, file.beyond)

    def blocks(self) -> Iterator[Samples]:
        return (block[:, self._channel : self._channel + 1] for block in self._file.blocks())


class _BySoundfile(SoundFile):
    """A file that libsndfile reads."""

    def __init__(self, opened: Any, file: BinaryIO, data: "_Chunk | None") -> None:
        self._opened, self._file, self._data = opened, file, data
        seconds = promised = opened.frames / opened.samplerate
        if data and data.is_unstated:
            seconds = promised = data.there / data.byte_rate
        elif data and seconds and data.there < data.stated < _LARGEST_SIZE:
            promised = seconds * data.stated / data.there
        beyond = seconds * data.beyond / data.stated if data and data.stated else 0.0
        super().__init__(seconds, opened.samplerate, opened.channels, promised, beyond)

    def blocks(self) -> Iterator[Samples]:
        opened, frames = self._opened, _BLOCK_SECONDS * self.rate  # some codecs cannot be asked how much is left
        with _as_sound_errors():
            if self._data and self._data.is_unstated:
                opened = soundfile.SoundFile(BytesIO(self._data.with_its_size(self._file)))
            while len(block := opened.read(frames, dtype="float32", always_2d=True)):
                yield block

    def blocks_from(self, second: float) -> Iterator[Samples]:
        """Yield the samples from a time on, which is found at once where the codec can be sought in."""
        if not self._opened.seekable() or (self._data and self._data.is_unstated):
            yield from super().blocks_from(second)
        elif second < (self.seconds or 0.0):
            with _as_sound_errors():
                self._opened.seek(round(second * self.rate))
            yield from self.blocks()


@dataclass(frozen=True)
class _Chunk:
    """The part of a WAV, AIFF or AU file that holds its sound: how long its header says it is, and how long it is."""

    at: int
    """The place of its first byte."""
    stated: int
    there: int
    byte_rate: int = 0
    is_unstated: bool = False
    """Whether the size in its header is 0 and sound stands behind it, as recorders leave it that were cut off."""
    beyond: int = 0
    """The bytes behind its stated end that are no other part of the file."""

    @classmethod
    def of(cls, file: BinaryIO, head: bytes) -> "_Chunk | None":
        """Return that part of a file; None for other formats."""
        here = file.tell()
        try:
            size = file.seek(0, 2)
            if head.startswith(b".snd"):
                at, stated = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
                return cls(at, stated, size - at, beyond=max(0, size - at - stated))
            if head[:4] in (b"RIFF", b"FORM"):
                return cls._in_chunks(file, size, "little" if head.startswith(b"RIFF") else "big")
            return None
        finally:
            file.seek(here)

    @classmethod
    def _in_chunks(cls, file: BinaryIO, size: int, order: Any) -> "_Chunk | None":
        place, byte_rate = 12, 0
        while place + 8 <= size:
            file.seek(place)
            name, stated = file.read(4), int.from_bytes(file.read(4), order)
            if name in (b"data", b"SSND"):
                there = size - place - 8
                beyond = max(0, there - stated)
                file.seek(place + 8 + stated)
                if _is_other_part(file.read(_HEAD), beyond, stated, order):
                    beyond = 0
                is_unstated = name == b"data" and not stated and byte_rate > 0 and beyond > 0
                return cls(place + 8, stated, there, byte_rate, is_unstated, beyond)
            if name == b"fmt ":
                byte_rate = int.from_bytes(file.read(16)[8:12], order)
            place += 8 + stated + stated % 2
        return None

    def with_its_size(self, file: BinaryIO) -> bytes:
        """Return the whole file with the true sizes in its header."""
        file.seek(0)
        whole = bytearray(file.read())
        whole[4:8] = (len(whole) - 8).to_bytes(4, "little")
        whole[self.at - 4 : self.at] = self.there.to_bytes(4, "little")
        return bytes(whole)


def _is_other_part(head: bytes, there: int, stated: int, order: Any) -> bool:
    """Whether what stands behind the stated end of data is another part of the file, such as its title, and no sound.

    Zeros fill a file up behind its sound; where the size is not stated they are how it begins.
    """
    if stated and (not any(head) or head.startswith(_TAGS)):
        return True
    return any(_is_chunk(head[odd : odd + 8], there - odd, order) for odd in range(1 + stated % 2))


def _is_chunk(head: bytes, there: int, order: Any) -> bool:
    name, size = head[:4], int.from_bytes(head[4:8], order)
    return len(head) == 8 and all(32 <= letter < 127 for letter in name) and size + 8 <= there


@contextmanager
def _open_by_av(file: BinaryIO, head: bytes, refused: str) -> Iterator[SoundFile]:
    """Open a file that libsndfile refused for the reason given."""
    kind = _kind(head)
    if kind is None and not head.startswith(_MORE_CODECS):
        raise SoundError(refused)
    try:
        import av
    except ImportError as error:
        if kind is None:
            raise SoundError(f"{refused}; PyAV reads more: {_INSTALL}") from error
        raise SoundError(f"{kind} needs PyAV: {_INSTALL}, or convert the file to wav") from error
    file.seek(0)
    try:
        container = av.open(file)
        opened = _ByAV(container)
    except Exception as error:
        raise SoundError(refused if kind is None else f"damaged {kind}: {_clause(error)}") from error
    with container:
        yield opened


class _ByAV(SoundFile):
    """A file that PyAV reads."""

    def __init__(self, container: Any) -> None:
        self._container = container
        if not container.streams.audio:
            raise SoundError("it has no sound")
        self._stream = stream = container.streams.audio[0]
        # Browsers state no length; that of a bare AAC stream is a guess from its first part, others count padding.
        stated = None if container.format.name == "aac" else container.duration
        super().__init__(stated / 1e6 if stated else None, stream.rate, stream.channels)

    def blocks(self) -> Iterator[Samples]:
        from av import AudioResampler

        with _as_sound_errors():
            planes = AudioResampler(format="fltp", layout=self._stream.layout, rate=self.rate)
            for frame in chain(self._container.decode(self._stream), [None]):  # None for what is left in the resampler
                yield from (np.asarray(part.to_ndarray().T, np.float32) for part in planes.resample(frame))


@contextmanager
def _as_sound_errors() -> Iterator[None]:
    """Turn whatever a reader raises into a SoundError: it concerns one file, and must not end the work on others."""
    try:
        yield
    except Exception as error:
        raise SoundError(_clause(error)) from error


def _head(file: BinaryIO) -> bytes:
    head = file.read(12)
    file.seek(0)
    return head


def _kind(head: bytes) -> str | None:
    """The name of a format that PyAV alone reads; None for any other."""
    if head[4:8] == b"ftyp":
        return "M4A"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:  # no layer of MPEG audio, as mp3 has one
        return "AAC"
    return _PHONES.get(head[:4])


def _clause(error: Exception) -> str:
    said = (
        getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
    )
    return " ".join(said.split()).rstrip(". ")
