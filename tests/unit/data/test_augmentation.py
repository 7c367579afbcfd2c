"""Changed recordings sound otherwise, are drawn anew for each showing, and are of lengths that a model can take."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builders import tone, utterance
from eartune.data.audio import MAX_SECONDS, MIN_SECONDS, SAMPLE_RATE, Wave, write_audio
from eartune.data.augmentation import at_speed, augmented, draw_of, in_a_room, masked, over_a_telephone, with_noise
from eartune.data.example import Example
from eartune.data.utterance import Recording
from eartune.models.architecture import Architecture
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import Augmented, RowMaker
from eartune.settings import Augmentation
from eartune.tasks.slu import SluTask
from tiny_models import tiny

ROW = utterance("u1", "wake me on friday", None, 1.0)
SPOKEN = Example(ROW, ROW.recordings[0])
NOTHING = Augmentation(speed=0, noise=0, room=0, telephone=0, bands=0, spans=0)


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def beep(seconds: float = 1.0) -> Wave:
    return tone(seconds)[:, 0]


def test_draws_are_those_of_the_seed_the_recording_and_the_showing() -> None:
    others = (
        (SPOKEN, 1),
        (replace(SPOKEN, showing=1), 0),
        (replace(SPOKEN, utterance=replace(ROW, id="u2")), 0),
        (replace(SPOKEN, recording=Recording(Path("u1-1.flac"), 1.0)), 0),
    )
    first = draw_of(SPOKEN, 0).random()
    assert draw_of(SPOKEN, 0).random() == first
    assert len({first, *(draw_of(example, seed).random() for example, seed in others)}) == 5


def test_a_recording_in_another_folder_is_the_same() -> None:
    moved = replace(SPOKEN, recording=Recording(Path("elsewhere") / ROW.recordings[0].path, 1.0))
    assert draw_of(moved, 0).random() == draw_of(SPOKEN, 0).random()


def test_without_any_change_a_recording_is_as_it_was() -> None:
    assert np.array_equal(augmented(beep(), NOTHING, draw()), beep())
    mel = draw().standard_normal((8, 10)).astype(np.float32)
    assert np.array_equal(masked(mel, 10, NOTHING, draw()), mel)


@pytest.mark.parametrize("settings", [{"speed": 0.2}, {"noise": 1}, {"room": 1}, {"telephone": 1}], ids=str)
def test_each_change_alone_changes_the_samples(settings: dict[str, float]) -> None:
    changed = augmented(beep(), NOTHING.model_copy(update=settings), draw())
    assert changed.dtype == np.float32 and np.abs(changed).max() <= 1
    assert changed.shape != beep().shape or np.abs(changed - beep()).max() > 1e-3


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_faster_speech_is_shorter_and_higher(factor: float) -> None:
    changed = at_speed(beep(), factor)
    assert len(changed) == pytest.approx(SAMPLE_RATE / factor, rel=0.01)
    assert np.abs(np.fft.rfft(changed)).argmax() * SAMPLE_RATE / len(changed) == pytest.approx(440 * factor, rel=0.01)


@pytest.mark.parametrize(("seconds", "factor"), [(MAX_SECONDS, 0.6), (MAX_SECONDS - 1, 0.9), (MIN_SECONDS, 1.4)])
def test_no_change_of_speed_leads_to_a_length_that_a_model_cannot_take(seconds: float, factor: float) -> None:
    assert MIN_SECONDS <= len(at_speed(beep(seconds), factor)) / SAMPLE_RATE <= MAX_SECONDS


@pytest.mark.parametrize("level", [1, 0.01])
def test_noise_is_as_far_below_the_speech_as_was_asked_for(level: float) -> None:
    wave = beep() * np.float32(level)
    noise = with_noise(wave, 20, draw()) - wave
    assert 20 * np.log10(wave.std() / noise.std()) == pytest.approx(20, abs=0.1)


def test_silence_stays_silent() -> None:
    assert not augmented(np.zeros(8000, np.float32), Augmentation(noise=1, room=1, telephone=1), draw()).any()


def test_a_room_adds_sound_after_the_direct_one_alone() -> None:
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[4000] = 0.5
    heard = in_a_room(click, draw())
    assert np.abs(heard[:4000]).max() < 1e-6 and heard[4000] == pytest.approx(0.5, abs=1e-6)
    assert 0.01 < np.linalg.norm(heard[4001:]) < 0.5


@pytest.mark.parametrize(("hertz", "kept"), [(100, 0), (1000, 1), (6000, 0)])
def test_a_telephone_keeps_its_band(hertz: int, kept: int) -> None:
    wave = np.sin(2 * np.pi * hertz * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    assert over_a_telephone(wave).std() / wave.std() == pytest.approx(kept, abs=0.02)


def test_masks_lie_within_the_recording_and_are_no_wider_than_they_may_be() -> None:
    mel = draw().standard_normal((80, 300)).astype(np.float32)
    settings = NOTHING.model_copy(update={"bands": 1, "spans": 1})
    widest = [0, 0]
    for seed in range(200):
        changed = masked(mel, 200, settings, draw(seed)) != mel
        assert not changed[:, 200:].any()
        bands, spans = (changed[:, :200].all(axis=axis).sum() for axis in (1, 0))
        widest = [max(widest[0], bands), max(widest[1], spans)]
    assert widest == [10, 10]


def test_rows_to_learn_are_changed_and_rows_to_ask_are_not(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", beep())
    example = Example(ROW, Recording(tmp_path / "a.wav", 1.0))
    model, labels = tiny(Qwen2Audio), SluTask().labels([ROW])
    plain, changed = (
        RowMaker(model, SluTask(), labels, Architecture(type="qwen2-audio", checkpoint="pocket"), augment=augment)
        for augment in (None, Augmented(Augmentation(noise=1, speed=0), 0))
    )

    def mel(rows: RowMaker, learn: bool, showing: int = 0) -> np.ndarray:
        row = (rows.to_learn if learn else rows.to_ask)(replace(example, showing=showing))
        assert row.clip is not None and row.clip.mel is not None
        return row.clip.mel.numpy()

    assert np.array_equal(mel(changed, learn=False), mel(plain, learn=False))
    assert np.array_equal(mel(changed, learn=True), mel(changed, learn=True))
    assert not np.array_equal(mel(changed, learn=True), mel(plain, learn=True))
    assert not np.array_equal(mel(changed, learn=True), mel(changed, learn=True, showing=1))
