"""Text is spoken once per voice and kept; plans guess how long it will be."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from builders import pool, tone, utterance
from eartune.audio import Wave
from eartune.faults import InputError
from eartune.speech.voices import PicoVoice, spoken


@dataclass
class Whistle:
    """A voice that whistles as long as the text has letters, and remembers what it was given."""

    label: str = "whistle"
    said: list[str] = field(default_factory=list)

    def speak(self, text: str) -> Wave:
        self.said.append(text)
        return tone(0.1 * len(text))[:, 0]


def test_an_utterance_is_spoken_and_keeps_all_else(tmp_path: Path) -> None:
    (heard,) = spoken([utterance("u1", "good morning", None, 9.0)], [Whistle()], tmp_path)
    (recording,) = heard.recordings
    assert (heard.id, heard.text, recording.speaker) == ("u1", "good morning", "whistle")
    assert recording.seconds == pytest.approx(1.2) and recording.path.parent == tmp_path and recording.path.is_file()


def test_what_was_spoken_before_is_not_spoken_again(tmp_path: Path) -> None:
    voice = Whistle()
    assert spoken(pool(3), [voice], tmp_path) == spoken(pool(3), [voice], tmp_path)
    assert len(voice.said) == 3


def test_other_words_and_other_voices_are_other_recordings(tmp_path: Path) -> None:
    said = [
        spoken([utterance("u1", text)], [Whistle(label)], tmp_path)[0].recordings[0].path
        for text in ("good morning", "good night")
        for label in ("high", "low")
    ]
    assert len(set(said)) == len(list(tmp_path.iterdir())) == 4


def test_an_utterance_has_the_same_voice_in_any_company(tmp_path: Path) -> None:
    voices = [Whistle("high"), Whistle("low")]
    together = spoken(pool(20), voices, tmp_path, render=False)
    assert {u.recordings[0].speaker for u in together} == {"high", "low"}
    assert together == tuple(spoken([u], voices, tmp_path, render=False)[0] for u in pool(20))


def test_a_plan_renders_nothing_and_guesses(tmp_path: Path) -> None:
    voice = Whistle()
    (guessed,) = spoken([utterance("u1", "x" * 30)], [voice], tmp_path / "speech", render=False)
    assert guessed.seconds == pytest.approx(2.5)
    assert voice.said == [] and not (tmp_path / "speech").exists()


def test_a_plan_knows_the_length_of_what_is_there_already(tmp_path: Path) -> None:
    rendered = spoken(pool(1), [Whistle()], tmp_path)
    (planned,) = spoken(pool(1), [Whistle()], tmp_path, render=False)
    assert planned.seconds == pytest.approx(rendered[0].seconds, abs=1e-4)


def test_an_utterance_without_words_cannot_be_spoken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^u1: has no text that a voice could speak$"):
        spoken([utterance("u1", None, None, 1.0)], [Whistle()], tmp_path)


def test_a_voice_is_named_by_all_that_shapes_its_sound() -> None:
    assert PicoVoice(name="en-GB", speed=0.9).label == "pico:en-GB speed 0.9 pitch 1"


def test_without_the_engine_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py_nanotts", None)
    with pytest.raises(InputError, match=r"pip install 'eartune\[pocket\]'"):
        PicoVoice().speak("good morning")
