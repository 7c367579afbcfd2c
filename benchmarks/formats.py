"""Write one clip in every format that people have, and read each again: python benchmarks/formats.py [--out FILE.json]

The clip is 3 s of synthetic vowels below 3.3 kHz, within what a telephone transmits, so that all formats can hold it.
For each file: its size, which library read it, the rate and the channels found, the seconds heard, how much later the
sound comes than it was written (what encoders put before it), and once that is taken away two correlations with the
clip: of the waves, and of the spectra in dB (25 ms, within 40 dB of the loudest), which do not know phases, as AMR's
filter below 80 Hz turns those of low voices. Formats without an encoder in PyAV's build are named.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from eartune.data.audio import SAMPLE_RATE, Wave, to_mono_16k
from eartune.data.sound_file import open_sound
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.prepare.importers.excerpt import Excerpt
from eartune.tables import Table, markdown_table

SECONDS = 3.0
MADE_AT = 48_000  # Hz, from which the clip is resampled to the rate of a format
LONGEST_DELAY = 0.2  # seconds that an encoder may put before the sound
HEADINGS = ("who writes it", "file", "codec", "read by", "kB", "Hz", "channels", "s", "delay, ms", "waves", "spectra")


@dataclass(frozen=True)
class Format:
    """One kind of file."""

    who: str
    """Who writes such files."""
    file: str
    codec: str
    """PyAV's name of the codec; in capitals, libsndfile's of the subtype, which then writes the file."""
    rate: int
    bit_rate: int | None = None
    """In bits a second; None for what the encoder chooses."""
    options: tuple[tuple[str, str], ...] = ()
    """Options of the container."""
    has_video: bool = False
    channel: int | None = None
    """Of a file with the clip on the left and other sound on the right: which channel is read, None for their mean."""


FORMATS = (
    Format("recorder", "clip.wav", "PCM_16", 16_000),
    Format("telephone, mu-law", "call.wav", "ULAW", 8_000),
    Format("telephone, A-law", "call.wav", "ALAW", 8_000),
    Format("telephone, GSM 6.10", "call.wav", "GSM610", 8_000),
    Format("telephone, G.722", "call.wav", "g722", 16_000),
    Format("call of two channels, the left", "call.wav", "PCM_16", 8_000, channel=0),
    Format("music software", "clip.flac", "PCM_16", 44_100),
    Format("iPhone voice memo", "memo.m4a", "aac", 48_000),
    Format("iPhone voice memo, lossless", "memo.m4a", "alac", 48_000),
    Format("Safari's recorder", "clip.mp4", "aac", 48_000, options=(("movflags", "frag_keyframe+empty_moov"),)),
    Format(
        "Chrome's and Firefox's recorder, no length stated", "clip.webm", "libopus", 48_000, options=(("live", "1"),)
    ),
    Format("messenger's voice message", "message.opus", "libopus", 48_000),
    Format("messenger's voice message", "message.ogg", "libopus", 48_000),
    Format("older phone, AMR narrow", "note.amr", "libopencore_amrnb", 8_000, 12_200),
    Format("older phone, AMR wide", "note.awb", "libvo_amrwbenc", 16_000),
    Format("older phone, AMR in 3GP", "note.3gp", "libopencore_amrnb", 8_000, 12_200),
    Format("Android's recorder", "note.3gp", "aac", 44_100),
    Format("Windows' recorder", "clip.wma", "wmav2", 44_100, 64_000),
    Format("MP3", "clip.mp3", "libmp3lame", 44_100),
    Format("bare AAC stream", "clip.aac", "aac", 44_100),
    Format("video of a phone", "video.mp4", "aac", 44_100, has_video=True),
    Format("video of a screen", "video.mkv", "libopus", 48_000, has_video=True),
)


@dataclass(frozen=True)
class Heard:
    """What came out of one file."""

    who: str
    file: str
    codec: str
    kilobytes: float
    reader: str
    rate: int
    channels: int
    seconds: float
    delay_ms: float
    waves: float
    spectra: float

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        numbers = (f"{self.kilobytes:.1f}", f"{self.rate:,}", f"{self.channels}", f"{self.seconds:.3f}")
        suffix = Path(self.file).suffix
        compared = (f"{self.delay_ms:.1f}", f"{self.waves:.4f}", f"{self.spectra:.4f}")
        return (self.who, suffix, self.codec, self.reader, *numbers, *compared)


def main() -> None:
    """Write and read all formats, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="a JSON file with the same numbers")
    out = parser.parse_args().out
    rows: list[Heard] = []
    not_made: list[Format] = []
    with tempfile.TemporaryDirectory() as folder:
        for one in FORMATS:
            path = Path(folder) / one.file
            if not is_writable(one):
                not_made.append(one)
                continue
            write(one, path)
            rows.append(heard(one, path))
    print(markdown_table(Table(HEADINGS, tuple(row.cells for row in rows), left=4)))
    print("not made, for want of an encoder:", ", ".join(f"{one.who} ({one.codec})" for one in not_made) or "none")
    if out:
        table: dict[str, Any] = {"made_with": made_with(), "formats": [asdict(row) for row in rows]}
        write_json(out, table | {"not_made": [one.who for one in not_made]})


def clip(rate: int) -> Wave:
    """Vowels of changing pitch and loudness, shape (samples,): harmonics of 100 to 180 Hz, none above 3.3 kHz."""
    times = np.arange(round(SECONDS * MADE_AT)) / MADE_AT
    pitch = 140 + 40 * np.sin(2 * np.pi * 0.7 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / MADE_AT
    voiced = sum(np.sin(k * phase) / k * (k * pitch < 3_300) for k in range(1, 24))
    loudness = np.clip(np.sin(2 * np.pi * 1.1 * times + 0.3), 0.02, None)
    return np.asarray(soxr.resample(0.25 * voiced * loudness, MADE_AT, rate), np.float32)


def other(rate: int) -> Wave:
    """The other end of a call: noise."""
    return np.random.default_rng(0).normal(0, 0.05, round(SECONDS * rate)).astype(np.float32)


def is_writable(one: Format) -> bool:
    """Whether there is an encoder; libsndfile writes all that is asked of it here."""
    if one.codec.isupper():
        return True
    try:
        av.codec.Codec(one.codec, "w")
    except ValueError:
        return False
    return True


def write(one: Format, path: Path) -> None:
    """Write the clip, at the rate of the format."""
    wave = clip(one.rate)
    if one.codec.isupper():
        samples = wave if one.channel is None else np.stack([wave, other(one.rate)], axis=1)
        soundfile.write(path, samples, one.rate, subtype=one.codec)
        return
    with av.open(str(path), "w", options=dict(one.options)) as container:
        picture = (
            container.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p") if one.has_video else None
        )
        sound = container.add_stream(one.codec, rate=one.rate, layout="mono")
        if one.bit_rate:
            sound.bit_rate = one.bit_rate
        for packet in packets(picture, sound, wave, one.rate):
            container.mux(packet)


def packets(picture: Any, sound: Any, wave: Wave, rate: int) -> Iterator[Any]:
    """A grey picture ten times a second, if there is a stream for it, and the sound."""
    if picture is not None:
        for _ in range(round(SECONDS * 10)):
            yield from picture.encode(av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p"))
        yield from picture.encode(None)
    resampler = av.AudioResampler(format=sound.codec_context.format, layout="mono", rate=rate)
    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
    frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    for converted in (*resampler.resample(frame), None):
        yield from sound.encode(converted)


def heard(one: Format, path: Path) -> Heard:
    """Read a file as `eartune` does, and compare it with the clip."""
    with open_sound(path) as file:
        rate, channels = file.rate, file.channels
        wave = to_mono_16k(file.read(), rate) if one.channel is None else Excerpt(path, SECONDS, channel=0).wave()
    size, seconds = path.stat().st_size / 1000, len(wave) / SAMPLE_RATE
    alike = compared(wave, clip(SAMPLE_RATE))
    return Heard(one.who, one.file, one.codec, size, reader_of(path), rate, channels, seconds, *alike)


def reader_of(path: Path) -> str:
    """The library that reads a file: PyAV what libsndfile cannot."""
    try:
        soundfile.info(path)
    except soundfile.LibsndfileError:
        return "PyAV"
    return "libsndfile"


def compared(wave: Wave, original: Wave) -> tuple[float, float, float]:
    """How many ms later a wave comes than the original, and the correlations of waves and of spectra then."""
    size = 1 << (len(wave) + len(original)).bit_length()
    products = np.fft.irfft(np.fft.rfft(wave, size) * np.conj(np.fft.rfft(original, size)))
    most = round(LONGEST_DELAY * SAMPLE_RATE)
    lags = np.concatenate([np.arange(most), np.arange(-most, 0)])
    lag = int(lags[np.concatenate([products[:most], products[-most:]]).argmax()])
    late, early = wave[max(lag, 0) :], original[max(-lag, 0) :]
    n = min(len(late), len(early))
    waves = np.corrcoef(late[:n], early[:n])[0, 1]
    spectra = np.corrcoef(spectrum(late[:n]).ravel(), spectrum(early[:n]).ravel())[0, 1]
    return 1000 * lag / SAMPLE_RATE, float(waves), float(spectra)


def spectrum(wave: Wave) -> npt.NDArray[np.float64]:
    """Levels up to 3.4 kHz of windows of 25 ms, every 10 ms, in dB, none more than 40 below the loudest."""
    windows = np.lib.stride_tricks.sliding_window_view(wave, 400)[::160] * np.hanning(400)
    levels = 20 * np.log10(np.abs(np.fft.rfft(windows))[:, :86] + 1e-9)
    return np.maximum(levels, levels.max() - 40)


if __name__ == "__main__":
    main()
