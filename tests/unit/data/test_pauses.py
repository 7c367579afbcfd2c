"""A long recording is cut in the middle of its pauses, and where nobody pauses at its quietest place, which is said."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from builders import sound_file, tone
from eartune.data.audio import MAX_SECONDS, SAMPLE_RATE, read_audio
from eartune.data.pauses import Ending, Span, cut_at_pauses, pieces_of, pieces_of_samples
from eartune.errors import InputError

RATE = 8_000


def speech(seconds: float, *pauses: tuple[float, float], level: float = 0.0, noise: float = 0.0) -> np.ndarray:
    """Noise as loud as speech, shape (samples, 1), at `level` in each pause (start, end), with more noise over all."""
    random = np.random.default_rng(0)
    wave = random.normal(0, 0.1, (round(seconds * RATE), 1))
    for start, end in pauses:
        wave[round(start * RATE) : round(end * RATE)] *= level
    return (wave + random.normal(0, noise, wave.shape)).astype(np.float32)


def cuts(wave: np.ndarray, blocks: Sequence[np.ndarray] | None = None) -> list[tuple[float, str]]:
    """Where the pieces of a wave end, and at what; they must be the whole wave, and none too long."""
    pieces = list(cut_at_pauses([wave] if blocks is None else blocks, RATE))
    assert (np.concatenate([samples for _, samples in pieces]) == wave).all()
    ends = [0.0, *(span.end for span, _ in pieces)]
    assert [span.start for span, _ in pieces] == ends[:-1]
    assert all(len(samples) / RATE == pytest.approx(span.end - span.start) for span, samples in pieces)
    assert all(len(samples) <= MAX_SECONDS * RATE for _, samples in pieces)
    return [(round(span.end, 2), span.ending.value) for span, _ in pieces]


def test_it_is_cut_in_the_middle_of_pauses() -> None:
    """The pause at 8 s is too early: what follows it might be cut within a word."""
    assert cuts(speech(61, (8, 9), (25, 26), (47, 47.6))) == [(25.5, "pause"), (47.3, "pause"), (61.0, "end")]


def test_of_two_pauses_the_quieter_one_is_taken() -> None:
    wave = speech(40, (22, 23), (26, 27))
    wave[22 * RATE : 23 * RATE] += speech(1) * 0.05
    assert cuts(wave) == [(26.5, "pause"), (40.0, "end")]


@pytest.mark.parametrize("noise", [0.0003, 0.003])
def test_pauses_are_found_in_the_noise_of_a_line(noise: float) -> None:
    assert cuts(speech(45, (27, 28), noise=noise)) == [(27.5, "pause"), (45.0, "end")]


def test_a_stop_within_a_word_is_no_pause() -> None:
    assert cuts(speech(45, (23, 23.1), (28, 28.4))) == [(28.2, "pause"), (45.0, "end")]


def test_where_nobody_pauses_it_is_cut_at_the_quietest_place_and_said() -> None:
    assert cuts(speech(40, (24, 24.3), level=0.3)) == [(pytest.approx(24.15, abs=0.06), "quietest"), (40.0, "end")]


def test_silence_is_cut_too() -> None:
    assert cuts(np.zeros((65 * RATE, 1), np.float32)) == [(25.0, "pause"), (50.0, "pause"), (65.0, "end")]


def test_what_a_model_can_be_given_is_not_cut() -> None:
    assert cuts(speech(30, (25, 26))) == [(30.0, "end")]
    assert cuts(speech(0)) == [(0.0, "end")]


@pytest.mark.parametrize("seconds", [30.01, 30.5, 31, 31.01])
def test_no_snippet_is_left_over(seconds: float) -> None:
    (first, _), (last, _) = cuts(speech(seconds, (29.3, 29.9)))
    assert last - first >= 1


def test_blocks_of_a_decoder_make_no_difference() -> None:
    wave = speech(95, (25, 26), (47, 47.6), (70, 71))
    assert cuts(wave, np.array_split(wave, 4_000)) == cuts(wave)
    both = [np.repeat(wave, 2, axis=1) * np.array([0, 2], np.float32)]
    assert cuts(wave, both) == cuts(wave)


def test_pieces_of_a_file_are_what_a_model_is_given(tmp_path: Path) -> None:
    path, wave = tmp_path / "call.wav", speech(50, (25, 26))
    soundfile.write(path, np.repeat(wave, 2, axis=1), RATE, subtype="FLOAT")
    for source in (path, path.read_bytes()):
        (first, one), (second, other) = pieces_of(source, "call")
        assert (first, second) == (Span(0, 25.5, Ending.PAUSE), Span(25.5, 50, Ending.END))
        assert (len(one), len(other)) == (25.5 * SAMPLE_RATE, 24.5 * SAMPLE_RATE)
    assert first.to_json() == {"start": 0.0, "end": 25.5, "ends_at": "pause"}
    assert [span for span, _ in pieces_of_samples(wave, RATE, "call")] == [first, second]


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_a_short_recording_is_the_same_as_without_cutting(tmp_path: Path, suffix: str) -> None:
    path = sound_file(tmp_path / f"a.{suffix}", 1.5, 44_100, 2)
    ((_, wave),) = pieces_of(path, "a")
    assert (wave == read_audio(path)).all()


def test_what_cannot_be_cut_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "nan.wav", np.append(speech(40), np.nan), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    said = {"gone": "no such recording", "text": "not a recording that can be read", "nan": "not finite"}
    said |= {"empty": "holds no samples"}
    for name, why in said.items():
        with pytest.raises(InputError, match=f"^it: .*{why}"):
            list(pieces_of(tmp_path / f"{name}.wav", "it"))


def test_more_than_is_permitted_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "a.wav", tone(61), SAMPLE_RATE)
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("samples are read"))
    with pytest.raises(InputError, match=r"^it: is longer than 60 s"):
        list(pieces_of(tmp_path / "a.wav", "it", at_most=60))
