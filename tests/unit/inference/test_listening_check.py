"""The listening check: a model that gets no audio is found, one that does is not, and one meaning cannot be checked."""

from dataclasses import replace
from pathlib import Path
from types import MethodType

import numpy as np
import pytest
import torch

from builders import frame
from eartune.data.audio import load_audio, write_audio
from eartune.data.example import Example
from eartune.data.utterance import Recording, Utterance
from eartune.inference import asr
from eartune.inference.listening_check import ListeningCheck, check_listening
from eartune.models.architecture import Architecture
from eartune.models.batch import Row
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import RowMaker
from eartune.settings import Decoding, Through
from eartune.tasks.slu import Schema, SluTask
from tiny_models import tiny

FRAMES = [frame("light.on"), frame("light.off"), frame("light.on"), frame("music.play")]


@pytest.fixture
def examples(tmp_path: Path) -> list[Example]:
    """Four tones of other lengths and pitches, the first and the third of one meaning."""
    found = []
    for place, meaning in enumerate(FRAMES):
        path = tmp_path / f"{place}.wav"
        seconds = 0.5 + 0.3 * place
        times = np.arange(round(16_000 * seconds)) / 16_000
        write_audio(path, 0.3 * np.sin(2 * np.pi * 200 * 2**place * times).astype(np.float32))
        recording = Recording(path, seconds)
        found.append(Example(Utterance(f"u{place}", None, "en", meaning, (recording,)), recording))
    return found


def checked(model: Qwen2Audio, examples: list[Example], through: Through = "nothing") -> ListeningCheck | None:
    rows = RowMaker(model, SluTask(), Schema.of(FRAMES), Architecture(type="qwen2-audio", checkpoint="pocket"))
    return check_listening(model, examples, rows, "slu_f1", Decoding(beams=1, max_new_tokens=3, through=through))


def make_deaf(model: Qwen2Audio) -> None:
    """Give the decoder zeros in place of every clip, as a bug in the prompt or in the encoder may do."""

    def adapt(self: Qwen2Audio, states: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(Qwen2Audio.adapt(self, states))

    model.adapt = MethodType(adapt, model)  # type: ignore[method-assign]


def test_a_model_that_gets_no_audio_is_said_not_to_listen(examples: list[Example]) -> None:
    model = tiny(Qwen2Audio)
    make_deaf(model)
    found = checked(model, examples)
    assert found is not None and found.muted == 0 and not found.listens
    assert found.swapped > 1e-3  # clips of other lengths take other numbers of positions
    assert found.sentence.startswith("IT DOES NOT LISTEN: ") and "silence by 0.00" in found.sentence


def test_a_model_that_gets_its_audio_changes_with_it(examples: list[Example]) -> None:
    found = checked(tiny(Qwen2Audio), examples)
    assert found is not None and min(found.swapped, found.muted) > 1e-3 and found.listens


def test_a_model_that_answers_through_words_changes_with_what_it_hears(examples: list[Example]) -> None:
    found = checked(tiny(Qwen2Audio, seed=10), examples, "words")
    assert found is not None and min(found.swapped, found.muted) > 1e-3 and found.listens


def test_a_model_that_writes_the_same_words_of_every_sound_does_not_listen(
    examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asr, "heard", lambda rows, clips, watch: ["Wake me!"] * len(clips))
    found = checked(tiny(Qwen2Audio, seed=10), examples, "words")
    assert found is not None and found.swapped == found.muted == 0 and not found.listens


@pytest.mark.parametrize(
    ("silence", "speech", "listens"), [(0.0, 0.0, True), (0.1, 0.5, True), (0.41, 0.5, False), (0.5, 0.5, False)]
)
def test_silence_must_score_clearly_less_than_speech(silence: float, speech: float, listens: bool) -> None:
    assert ListeningCheck(swapped=0.5, muted=0.5, silence=silence, speech=speech).listens is listens


def test_a_test_with_one_meaning_cannot_be_checked(examples: list[Example]) -> None:
    same = [replace(example, utterance=replace(example.utterance, frame=FRAMES[0])) for example in examples]
    assert checked(tiny(Qwen2Audio), same) is None


def test_a_score_in_silence_alone_does_not_say_that_a_model_gets_no_audio() -> None:
    """Of two classes, one of them is right for half of the clips, whatever is heard."""
    found = ListeningCheck(swapped=0.5, muted=0.5, silence=0.5, speech=0.6)
    assert found.sentence.startswith("IT IS NOT SHOWN TO LISTEN on these few recordings: ")


def rows_asked_of(examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> tuple[Qwen2Audio, list[Row]]:
    """Check a model; return it and the first rows that it was asked, those of the recordings themselves."""
    asked: list[list[Row]] = []
    model = tiny(Qwen2Audio)
    real = model.collate
    monkeypatch.setattr(model, "collate", lambda rows: asked.append(rows) or real(rows))
    checked(model, examples)
    return model, asked[0]


def test_the_recordings_of_all_meanings_are_checked_in_turn(
    examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fourth of four would be swapped with the first, which has the same meaning."""
    model, rows = rows_asked_of(examples, monkeypatch)
    mels = [row.clip.mel for row in rows if row.clip is not None]
    first = [examples[place].recording for place in (0, 1, 3)]
    expected = [model.features(load_audio(recording.path, False)).mel for recording in first if recording]
    assert len(mels) == 3 and all(torch.equal(one, other) for one, other in zip(mels, expected, strict=True))


def test_of_two_meanings_several_recordings_are_checked_in_turn(
    examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their order is on, on, off, off, and neighbours would be swapped within one meaning. Of 20, 16 are checked."""
    meanings = (FRAMES[0], FRAMES[0], FRAMES[1], FRAMES[1])
    two = [replace(e, utterance=replace(e.utterance, frame=m)) for e, m in zip(examples, meanings, strict=True)]
    _, rows = rows_asked_of(two * 5, monkeypatch)
    on, off = (row.answer for row in rows[:2])
    assert on != off and [row.answer for row in rows] == [on, off] * 8
