"""A model answers recordings and typed words in batches, each as it answers it alone."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from builders import frame, sound_file, tone, utterance
from eartune.data.example import Asked
from eartune.errors import InputError
from eartune.inference.trained_model import TrainedModel, load
from eartune.models.architecture import Architecture
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus
from tiny_models import tiny

WAVES = [tone(seconds)[:, 0] for seconds in (0.3, 0.5, 0.4)]
TEXTS = ["wake me on friday", "stop"]


def trained(asked: Asked = Asked.FRAME, **decoding: object) -> TrainedModel:
    task = SluTask()
    labels = task.labels([utterance("u", "day", frame("alarm.set"), 1.0)])
    settings = Decoding.model_validate({"beams": 1, "max_new_tokens": 6} | decoding)
    architecture = Architecture(type="qwen2-audio", checkpoint="tiny")
    return TrainedModel(tiny(Qwen2Audio), task, labels, architecture, settings, "", asked)


def test_a_batch_is_answered_as_a_stream_of_recordings_is() -> None:
    model = trained(batch_size=3)
    streamed = list(model.stream([(wave, 16_000) for wave in WAVES]))
    found = model.answer_batch(WAVES)
    assert [one.text for one in found] == [one.text for one in streamed]
    assert [(one.id, one.file) for one in found] == [("0", None), ("1", None), ("2", None)]
    assert [one.file for one in streamed] == ["recording 0", "recording 1", "recording 2"]


def test_pieces_of_long_recordings_are_answered_in_batches_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[list[int]] = []

    def answer_batch(self: TrainedModel, waves: list[np.ndarray]) -> list[Prediction]:
        given.append([len(wave) for wave in waves])
        return [Prediction(str(len(wave)), None, "", ParseStatus.NOT_JSON, None) for wave in waves]

    model = trained(batch_size=2)
    monkeypatch.setattr(TrainedModel, "answer_batch", answer_batch)
    path = sound_file(tmp_path / "a.wav", 0.3)
    long = np.concatenate([tone(25), np.zeros((16_000, 1)), tone(24)])
    found = list(model.stream([path, (np.round(long * 32768).astype(np.int16), 16_000)], cut_long=True))
    assert given == [[4_800, 408_000], [392_000]]
    assert [one.file for one in found] == [str(path), "recording 1", "recording 1"]
    assert [one.to_json(model.task)["start"] for one in found] == [0.0, 0.0, 25.5]
    with pytest.raises(InputError, match=r"^recording 1: is 50\.00 s long"):
        list(model.stream([path, (long, 16_000)]))


@pytest.mark.parametrize("cut_long", [False, True])
def test_a_channel_is_answered_of_files_bytes_and_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_long: bool
) -> None:
    def answer_batch(self: TrainedModel, waves: list[np.ndarray]) -> list[Prediction]:
        return [Prediction("0", None, f"{wave.mean():.2f}", ParseStatus.NOT_JSON, None) for wave in waves]

    monkeypatch.setattr(TrainedModel, "answer_batch", answer_batch)
    sides = np.stack([np.full(8_000, 0.25), np.full(8_000, 0.5)], axis=1)
    soundfile.write(path := tmp_path / "call.wav", sides, 16_000)
    call = [path, path.read_bytes(), (sides, 16_000)]
    model = trained(batch_size=2)
    for channel, mean in ((0, "0.25"), (1, "0.50"), (None, "0.38")):
        assert [one.text for one in model.stream(call, cut_long=cut_long, channel=channel)] == [mean] * 3
    for one in call:
        with pytest.raises(InputError, match="has no channel 2"):
            list(model.stream([one], cut_long=cut_long, channel=2))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16, np.int32])
def test_samples_of_every_kind_are_the_same_recording(kind: type[np.generic]) -> None:
    full = -float(np.iinfo(kind).min) if issubclass(kind, np.integer) else 1.0
    samples = (WAVES[0] * 0.5 * full).astype(kind)
    assert np.allclose(load((samples, 16_000), "tone"), WAVES[0] * 0.5, atol=2**-14)


@pytest.mark.parametrize(
    ("samples", "rate", "said"),
    [
        ([0, 1_000, -1_000], 16_000, "one: has samples of type int64; give floats from -1 to 1, int16 or int32"),
        (np.full(8_000, 128, np.uint8), 16_000, "one: has samples of type uint8"),
        (np.zeros(0), 16_000, r"one: has samples of shape \(0,\); give \(samples,\) or \(samples, channels\)"),
        (np.float32(0.5), 16_000, r"one: has samples of shape \(\);"),
        (np.zeros((1, 2, 8_000)), 16_000, r"one: has samples of shape \(1, 2, 8000\);"),
        (np.zeros(8_000), 0, "one: has the sample rate 0; give one above 0"),
    ],
)
def test_samples_that_are_no_recording_are_refused(samples: npt.ArrayLike, rate: int, said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        load((samples, rate), "one")


def test_typed_words_are_answered_at_once_whatever_recordings_are_answered_with() -> None:
    at_once = [one.text for one in trained().answer_batch(TEXTS)]
    assert [one.text for one in trained(Asked.WORDS_THEN_FRAME).answer_batch(TEXTS)] == at_once
    through = trained(through="words").answer_batch(TEXTS)
    assert [(one.text, one.words) for one in through] == [(text, None) for text in at_once]


def test_written_down_words_are_answered_at_once_whatever_recordings_are_answered_with() -> None:
    """As in a run whose answers come through words."""
    plain, with_words = (
        trained(asked, through="words").answer_batch(WAVES[:1]) for asked in (Asked.FRAME, Asked.WORDS_THEN_FRAME)
    )
    assert plain == with_words and plain[0].words is not None


@pytest.mark.parametrize("shown", [WAVES, TEXTS])
def test_each_row_can_be_watched(shown: list[str] | list[np.ndarray]) -> None:
    seen: list[str] = []
    found = trained().answer_batch(shown, lambda text_of: seen.append(text_of(1)))
    assert seen[-1] == found[1].text and len(seen) > 3


def test_the_words_on_the_way_can_be_watched_too_and_are_no_text_of_the_answer() -> None:
    """So that nobody waits in vain for the end of a transcript that is wanted no more."""
    seen: list[str] = []
    model = trained(through="words")
    model.answer_batch(WAVES[:1], lambda text_of: seen.append(text_of(0)))
    alone: list[str] = []
    model.answer_batch(TEXTS[:1], lambda text_of: alone.append(text_of(0)))
    assert len(seen) > len(alone) and set(seen[: len(seen) - len(alone)]) == {""}

    def end(text_of: object) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        model.answer_batch(WAVES[:1], end)
