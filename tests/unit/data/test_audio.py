"""Any recording arrives as 16 kHz mono of the right length, or one sentence names the file and the fault."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from builders import sound_file, tone
from eartune.data.audio import SAMPLE_RATE, audio_seconds, check_wave, cut_silence, read_audio, to_mono_16k, write_audio
from eartune.errors import InputError

# mp3 is written in whole frames of 1152 samples, with the coder's delay before and after.
SLACK_SECONDS = {"wav": 0.0005, "flac": 0.0005, "ogg": 0.0005, "mp3": 0.3}


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_recording_arrives_as_16_khz_mono(tmp_path: Path, suffix: str, rate: int, channels: int) -> None:
    path = sound_file(tmp_path / f"a.{suffix}", 0.7, rate, channels)
    wave = read_audio(path)
    assert wave.dtype == np.float32 and wave.ndim == 1
    assert len(wave) / SAMPLE_RATE == pytest.approx(0.7, abs=SLACK_SECONDS[suffix])
    assert audio_seconds(path) == pytest.approx(0.7, abs=SLACK_SECONDS[suffix])
    middle = wave[len(wave) // 2 - 1600 : len(wave) // 2 + 1600]
    assert np.abs(np.fft.rfft(middle)).argmax() * SAMPLE_RATE / len(middle) == pytest.approx(440, abs=5)
    assert np.abs(middle).max() == pytest.approx(0.3, rel=0.1)


def test_a_ten_hour_file_is_refused_before_its_samples_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was loaded, 2 GB of it, only to say that 30 s is the limit."""
    path = sound_file(tmp_path / "day.wav", 0.5)
    n_bytes = 10 * 3600 * SAMPLE_RATE * 2
    header = path.read_bytes()[:44]
    path.write_bytes(header[:40] + n_bytes.to_bytes(4, "little"))
    os.truncate(path, 44 + n_bytes)  # a hole, which takes no space on the disk
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("samples are read"))
    with pytest.raises(InputError, match=r"day\.wav: is 36000\.00 s long"):
        read_audio(path)


def test_channels_are_averaged() -> None:
    left_only = tone(0.5, channels=2) * np.array([1, 0], np.float32)
    assert to_mono_16k(left_only, SAMPLE_RATE) == pytest.approx(tone(0.5)[:, 0] / 2)


def test_16_khz_mono_is_left_as_it_is(tmp_path: Path) -> None:
    wave = tone(0.5)[:, 0]
    soundfile.write(tmp_path / "a.wav", wave, SAMPLE_RATE, subtype="FLOAT")
    assert (read_audio(tmp_path / "a.wav") == wave).all()


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_what_is_written_is_read_to_16_bits(tmp_path: Path, suffix: str) -> None:
    wave = tone(0.5)[:, 0]
    write_audio(tmp_path / "new" / f"a.{suffix}", wave)
    assert np.abs(read_audio(tmp_path / "new" / f"a.{suffix}") - wave).max() < 2**-15
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"a.{suffix}"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "a.flac")
    before = path.read_bytes()
    with pytest.raises((TypeError, ValueError)):
        write_audio(path, np.array(["no sound"]))
    assert path.read_bytes() == before


def written(path: Path, samples: np.ndarray, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, SAMPLE_RATE, subtype=subtype)
    return path


def cut(path: Path, keep: int) -> Path:
    path.write_bytes(path.read_bytes()[:keep])
    return path


FAULTS = {
    "missing": (lambda folder: folder / "a.wav", "no such recording"),
    "folder": (lambda folder: folder, "no such recording"),
    "no bytes": (lambda folder: cut(sound_file(folder / "a.flac"), 0), "not a recording that can be read"),
    "text": (lambda folder: text_file(folder / "a.wav"), "not a recording that can be read"),
    "cut header": (lambda folder: cut(sound_file(folder / "a.flac"), 20), "not a recording that can be read"),
    "cut flac": (lambda folder: cut(sound_file(folder / "a.flac", 2.0), 9000), "not a recording that can be read"),
    "cut ogg": (lambda folder: cut(sound_file(folder / "a.ogg", 2.0), 2600), "not a recording that can be read"),
    "no samples": (lambda folder: written(folder / "a.wav", np.zeros(0, np.float32)), "holds no samples"),
    "NaN": (lambda folder: written(folder / "a.wav", with_a(np.nan)), "holds samples that are not finite"),
    "infinity": (lambda folder: written(folder / "a.wav", with_a(np.inf)), "holds samples that are not finite"),
    "short": (
        lambda folder: sound_file(folder / "a.wav", 0.05),
        "is 0.05 s long; a recording must be 0.1 to 30 s long",
    ),
    "long": (lambda folder: sound_file(folder / "a.flac", 31), "is 31.00 s long; a recording must be 0.1 to 30 s long"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_heard_is_named_in_one_sentence(tmp_path: Path, fault: str) -> None:
    make, said = FAULTS[fault]
    path = make(tmp_path)
    with pytest.raises(InputError) as raised:
        read_audio(path)
    assert str(raised.value).startswith(f"{path}: {said}") and "\n" not in str(raised.value)


@pytest.mark.parametrize("fault", ["missing", "folder", "no bytes", "text", "cut header"])
def test_some_faults_show_in_the_header_already(tmp_path: Path, fault: str) -> None:
    make, said = FAULTS[fault]
    path = make(tmp_path)
    with pytest.raises(InputError) as raised:
        audio_seconds(path)
    assert str(raised.value).startswith(f"{path}: {said}")


def test_the_limits_themselves_can_be_heard() -> None:
    for samples in (1600, 30 * SAMPLE_RATE):
        assert len(check_wave(np.zeros(samples, np.float32), "silence")) == samples
    for samples in (1599, 30 * SAMPLE_RATE + 1):
        with pytest.raises(InputError, match=r"^silence: is "):
            check_wave(np.zeros(samples, np.float32), "silence")


def text_file(path: Path) -> Path:
    path.write_text("this is no sound")
    return path


def with_a(value: float) -> np.ndarray:
    wave = tone(0.5)[:, 0].copy()
    wave[100] = value
    return wave


def silent(seconds: float, level: float = 1e-4) -> np.ndarray:
    """Hiss, 70 dB below the tone."""
    return (level * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


SPOKEN = np.concatenate([tone(0.5)[:, 0], silent(0.4), tone(0.3)[:, 0]])


def test_silence_before_and_after_is_cut_and_silence_between_stays() -> None:
    cut = cut_silence(np.concatenate([silent(1.2), SPOKEN, silent(4.0)]))
    assert len(cut) / SAMPLE_RATE == pytest.approx(0.2 + 1.2 + 0.2, abs=0.05)
    start = np.flatnonzero(np.abs(cut) > 0.01)[0]
    assert np.array_equal(cut[start : start + len(SPOKEN) - 10], SPOKEN[1:][: len(SPOKEN) - 10])


def test_where_there_is_little_silence_nothing_is_cut() -> None:
    wave = np.concatenate([silent(0.15), SPOKEN, silent(0.15)])
    assert np.array_equal(cut_silence(wave), wave)


def test_a_click_is_not_speech() -> None:
    click = np.zeros(160, np.float32) + 0.9
    cut = cut_silence(np.concatenate([SPOKEN, silent(2.0), click, silent(1.0)]))
    assert len(cut) / SAMPLE_RATE == pytest.approx(1.2 + 0.2, abs=0.05)


def test_a_noisy_recording_is_left_alone() -> None:
    wave = np.concatenate([silent(1.0, 0.05), SPOKEN + silent(1.2, 0.05), silent(1.0, 0.05)])
    assert np.array_equal(cut_silence(wave), wave)


@pytest.mark.parametrize("wave", [np.zeros(8_000, np.float32), silent(0.5), np.zeros(100, np.float32)])
def test_of_silence_alone_nothing_is_cut(wave: np.ndarray) -> None:
    assert np.array_equal(cut_silence(wave), wave)


def test_cutting_twice_is_cutting_once() -> None:
    once = cut_silence(np.concatenate([silent(1.0), SPOKEN, silent(2.0)]))
    assert np.array_equal(cut_silence(once), once)
