"""Sound is decoded from the files of telephones, phones, browsers and recorders, and what cannot be is said."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from builders import sound_file, tone
from eartune.data.sound_file import SUFFIXES, SoundError, SoundFile, open_sound

RATE = 16_000


def heard(source: Path | bytes) -> tuple[SoundFile, np.ndarray]:
    with open_sound(source) as file:
        return file, file.read()


def is_tone(samples: np.ndarray, rate: int) -> bool:
    """Whether the middle of the samples is the tone of 440 Hz that was written."""
    middle = samples[len(samples) // 4 : -len(samples) // 4, 0]
    spectrum = np.abs(np.fft.rfft(middle))
    return abs(spectrum.argmax() * rate / len(middle) - 440) < 5 and 0.2 < np.abs(middle).max() < 0.4


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [
        *((".wav", name) for name in ("GSM610", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "PCM_U8", "PCM_24", "DOUBLE")),
        *((".au", "PCM_16"), (".aiff", "PCM_16"), (".caf", "ALAC_16"), (".opus", "OPUS"), (".oga", "VORBIS")),
        *((".w64", "PCM_16"), (".flac", "PCM_16"), (".mp3", "MPEG_LAYER_III")),
    ],
)
def test_what_libsndfile_writes_is_read_in_blocks(tmp_path: Path, suffix: str, subtype: str) -> None:
    """GSM 6.10 raised an error, as it cannot be asked how much is left."""
    path, rate = tmp_path / f"a{suffix}", 48_000 if suffix == ".opus" else 8_000
    format = {".opus": "OGG", ".oga": "OGG"}.get(suffix, suffix[1:].upper())
    soundfile.write(path, tone(1.0, rate), rate, subtype=subtype, format=format)
    for source in (path, path.read_bytes()):
        file, samples = heard(source)
        assert (file.rate, file.channels) == (rate, 1) and abs(len(samples) / rate - 1) < 0.2
        assert is_tone(samples, rate)


@pytest.mark.parametrize("channel", [0, 1])
def test_one_channel_is_read_alone(tmp_path: Path, channel: int) -> None:
    sides = np.stack([np.full(4_000, 0.25), np.full(4_000, -0.5)], axis=1)
    soundfile.write(tmp_path / "call.wav", sides, 8_000)
    with open_sound(tmp_path / "call.wav", channel) as file:
        assert (file.seconds, file.rate, file.channels) == (0.5, 8_000, 1)
        assert np.array_equal(file.read(), sides[:, channel : channel + 1].astype(np.float32))


def test_a_channel_that_is_not_there_is_said(tmp_path: Path) -> None:
    said = r"has no channel 1: it has 1, and the first is 0"
    with pytest.raises(SoundError, match=said), open_sound(sound_file(tmp_path / "a.wav", 0.5), 1):
        pass


def test_what_cannot_be_opened_is_no_sound(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match=r"^Is a directory$"), open_sound(tmp_path):
        raise AssertionError("opened")


def by_av(path: Path, codec: str, rate: int = RATE) -> Path:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone(1.0, rate).T), format="fltp", layout="mono")
        frame.rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return path


PHONES = [("a.m4a", "aac"), ("a.mp4", "aac"), ("a.3gp", "aac"), ("a.aac", "aac"), ("a.mov", "alac"), ("a.wav", "g722")]


@pytest.mark.parametrize(("name", "codec"), [*PHONES, ("a.webm", "libopus"), ("a.mkv", "aac")])
def test_what_phones_and_browsers_record_is_read(tmp_path: Path, name: str, codec: str) -> None:
    rate = 48_000 if codec == "libopus" else RATE
    path = by_av(tmp_path / name, codec, rate)
    file, samples = heard(path)
    assert (file.rate, samples.shape[1]) == (rate, 1) and abs(len(samples) / rate - 1) < 0.1
    assert codec == "g722" or is_tone(samples, rate)
    assert len(heard(path.read_bytes())[1]) == len(samples)
    assert file.seconds is None or abs(file.seconds - len(samples) / rate) < 0.2
    assert path.suffix in SUFFIXES


def test_without_pyav_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [by_av(tmp_path / name, codec) for name, codec in PHONES]
    monkeypatch.setitem(sys.modules, "av", None)
    said = [refused(path) for path in paths]
    assert said[0] == "M4A needs PyAV: pip install 'eartune[audio]', or convert the file to wav"
    assert said[3].startswith("AAC needs PyAV")
    assert said[-1].endswith("; PyAV reads more: pip install 'eartune[audio]'")


def refused(source: Path | bytes) -> str:
    with pytest.raises(SoundError) as raised:
        heard(source)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Format not recognised"),
        (b"no sound at all", "Format not recognised"),
        (b"\0\0\0\x18ftypM4A " + bytes(500), "damaged M4A: Invalid data found when processing input"),
        (b"\x1a\x45\xdf\xa3" + bytes(500), "damaged WebM: Invalid data found when processing input"),
        (b"\0\x05\x16\x07" + bytes(500), "Format not recognised"),
        (b"RIFF" + bytes(40), "Error in WAV file. No 'data' chunk marker"),
    ],
)
def test_what_is_no_sound_is_said(content: bytes, said: str) -> None:
    pytest.importorskip("av")
    assert refused(content).startswith(said) or said.startswith("Error in WAV")


HEADER = 44  # bytes of a WAV file before its data


def wav(folder: Path, whole_size: int | None = None, data_size: int | None = None) -> bytes:
    """One second of sound, with these sizes in the header."""
    content = bytearray(sound_file(folder / "a.wav", 1.0).read_bytes())
    if whole_size is not None:
        content[4:8] = whole_size.to_bytes(4, "little")
    if data_size is not None:
        content[HEADER - 4 : HEADER] = data_size.to_bytes(4, "little")
    return bytes(content)


@pytest.mark.parametrize(
    ("whole", "data"), [(None, 0), (0, 0), (36, 0), (2**32 - 1, 2**32 - 1), (2**31 - 1, 2**31 - 37), (0, None)]
)
def test_a_wav_whose_header_does_not_know_its_size_is_read_to_its_end(
    tmp_path: Path, whole: int | None, data: int | None
) -> None:
    """A recorder that was cut off leaves 0 there; it was said that such a file holds no samples."""
    file, samples = heard(wav(tmp_path, whole, data))
    assert len(samples) == RATE and is_tone(samples, RATE)
    assert (file.seconds, file.promised) == (1.0, 1.0)


def test_a_wav_with_no_sound_but_a_title_holds_none(tmp_path: Path) -> None:
    empty = wav(tmp_path, data_size=0)[:HEADER]
    assert len(heard(empty)[1]) == 0
    assert len(heard(empty + b"LIST" + (4).to_bytes(4, "little") + b"INFO")[1]) == 0


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au"])
def test_a_file_that_goes_on_behind_its_stated_end_says_how_long(tmp_path: Path, suffix: str) -> None:
    content = sound_file(tmp_path / f"a{suffix}", 1.0).read_bytes()
    assert heard(content)[0].beyond == 0.0
    file, samples = heard(content + tone(0.5).tobytes()[:RATE])
    assert (len(samples), file.seconds, file.promised) == (RATE, 1.0, 1.0)
    assert file.beyond == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("tail", [b"LIST" + (9000).to_bytes(4, "little") + b"x" * 9000, b"ID3\4", b"TAG", b"\0"])
def test_a_title_or_zeros_behind_the_sound_are_none(tmp_path: Path, tail: bytes) -> None:
    assert heard(wav(tmp_path) + tail + bytes(9000))[0].beyond == 0.0


def test_a_title_behind_a_byte_that_makes_the_size_even_is_none(tmp_path: Path) -> None:
    title = b"LIST" + (9000).to_bytes(4, "little") + bytes(9000)
    assert heard(wav(tmp_path, data_size=2 * RATE - 1) + title)[0].beyond == 0.0


def test_a_wav_of_unstated_size_may_begin_with_silence(tmp_path: Path) -> None:
    silent = wav(tmp_path, data_size=0)[:HEADER] + bytes(RATE)
    assert len(heard(silent + tone(0.5).tobytes()[:RATE])[1]) == RATE


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au"])
def test_a_file_that_ends_early_says_what_its_header_promised(tmp_path: Path, suffix: str) -> None:
    path = sound_file(tmp_path / f"a{suffix}", 1.0)
    assert heard(path)[0].promised == 1.0
    file, samples = heard(path.read_bytes()[:-RATE])
    assert (len(samples), file.seconds) == (RATE // 2, 0.5)
    assert file.promised == pytest.approx(1.0, abs=0.001)


def test_of_a_long_file_no_more_is_decoded_than_shows_its_length(tmp_path: Path) -> None:
    with open_sound(sound_file(tmp_path / "a.wav", 100.0)) as file:
        assert 30 * RATE < len(file.read(30)) < 50 * RATE


def test_whatever_a_reader_raises_concerns_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ValueError("frames must be specified")

    monkeypatch.setattr(soundfile.SoundFile, "read", fails)
    assert refused(sound_file(tmp_path / "a.wav")) == "frames must be specified"
    monkeypatch.setattr(soundfile.SoundFile, "__init__", fails)
    assert refused(sound_file_bytes()) == "frames must be specified"


def sound_file_bytes() -> bytes:
    return b"no file that anybody knows"
