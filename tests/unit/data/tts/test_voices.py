"""Text is spoken once per voice and kept; plans guess how long it will be."""

import ctypes
import hashlib
import multiprocessing
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from builders import pool, sound_file, tone, utterance
from eartune.data.audio import Wave
from eartune.data.tts import engines
from eartune.data.tts.command import CommandVoice
from eartune.data.tts.espeak import EspeakVoice
from eartune.data.tts.pico import PicoVoice
from eartune.data.tts.synthesis import synthesize
from eartune.data.tts.voices import Voice
from eartune.errors import InputError


@dataclass
class Whistle:
    """A voice that whistles as long as the text has letters, and remembers what it was given."""

    label: str = "whistle"
    said: list[str] = field(default_factory=list)

    @property
    def cache_key(self) -> str:
        return self.label

    def speak(self, text: str) -> Wave:
        self.said.append(text)
        return tone(0.1 * len(text))[:, 0]


def test_an_utterance_is_spoken_and_keeps_all_else(tmp_path: Path) -> None:
    (heard,) = synthesize([utterance("u1", "good morning", None, 9.0)], [Whistle()], tmp_path)
    (recording,) = heard.recordings
    assert (heard.id, heard.text, recording.speaker) == ("u1", "good morning", "whistle")
    assert recording.seconds == pytest.approx(1.2) and recording.path.parent == tmp_path and recording.path.is_file()


def test_what_was_spoken_before_is_not_spoken_again(tmp_path: Path) -> None:
    voice = Whistle()
    assert synthesize(pool(3), [voice], tmp_path) == synthesize(pool(3), [voice], tmp_path)
    assert len(voice.said) == 3


def test_other_words_and_other_voices_are_other_recordings(tmp_path: Path) -> None:
    said = [
        synthesize([utterance("u1", text)], [Whistle(label)], tmp_path)[0].recordings[0].path
        for text in ("good morning", "good night")
        for label in ("high", "low")
    ]
    assert len(set(said)) == len(list(tmp_path.iterdir())) == 4


def test_an_utterance_has_the_same_voice_in_any_company(tmp_path: Path) -> None:
    voices = [Whistle("high"), Whistle("low")]
    together = synthesize(pool(20), voices, tmp_path, may_write=False)
    assert {u.recordings[0].speaker for u in together} == {"high", "low"}
    assert together == tuple(synthesize([u], voices, tmp_path, may_write=False)[0] for u in pool(20))


def test_a_plan_renders_nothing_and_guesses(tmp_path: Path) -> None:
    voice = Whistle()
    (guessed,) = synthesize([utterance("u1", "x" * 30)], [voice], tmp_path / "speech", may_write=False)
    assert guessed.seconds == pytest.approx(2.5)
    assert voice.said == [] and not (tmp_path / "speech").exists()


def test_a_plan_knows_the_length_of_what_is_there_already(tmp_path: Path) -> None:
    rendered = synthesize(pool(1), [Whistle()], tmp_path)
    (planned,) = synthesize(pool(1), [Whistle()], tmp_path, may_write=False)
    assert planned.seconds == pytest.approx(rendered[0].seconds, abs=1e-4)


def test_an_utterance_without_words_cannot_be_spoken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^u1: has no text that a voice could speak$"):
        synthesize([utterance("u1", None, None, 1.0)], [Whistle()], tmp_path)


def test_a_voice_is_named_by_all_that_shapes_its_sound() -> None:
    assert PicoVoice(name="en-GB", speed=0.9).label == "pico:en-GB speed 0.9 pitch 1"


def test_without_the_engine_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py_nanotts", None)
    with pytest.raises(InputError, match=r"pip install 'eartune\[pocket\]'"):
        PicoVoice().speak("good morning")


def test_what_is_there_already_is_not_counted_as_work(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    synthesize(pool(1), [Whistle()], tmp_path)
    synthesize(pool(3), [Whistle()], tmp_path, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]


def test_words_that_stand_twice_are_spoken_once(tmp_path: Path) -> None:
    voice = Whistle()
    synthesize([utterance("u1", "good morning"), utterance("u2", "good morning")], [voice], tmp_path)
    assert voice.said == ["good morning"]


def test_a_voice_that_fails_stops_the_others_and_what_was_spoken_stays(tmp_path: Path) -> None:
    class Hoarse(Whistle):
        def speak(self, text: str) -> Wave:
            if text == "ahem":
                raise InputError("no voice today")
            return super().speak(text)

    rows = [*pool(1), utterance("u9", "ahem"), *pool(200, prefix="later")]
    voice = Hoarse()
    with pytest.raises(InputError, match="no voice today"):
        synthesize(rows, [voice], tmp_path)
    assert 1 <= len(list(tmp_path.iterdir())) == len(voice.said) < 100


def engine(code: str, tmp_path: Path) -> CommandVoice:
    """A voice of a text-to-speech command: a script that finds `text`, `standard_input` and `out`."""
    script = tmp_path / "say it.py"  # the name has a space, as folders of users do
    script.write_text(
        "import shutil, sys, time\nfrom pathlib import Path\n"
        f"text, out, standard_input = sys.argv[1], sys.argv[2], sys.stdin.read()\n{code}\n"
    )
    return CommandVoice(engine="command", name="robot", command=f"'{sys.executable}' '{script}' {{text}} {{out}}")


def test_any_command_can_speak(tmp_path: Path) -> None:
    sound = sound_file(tmp_path / "sound.wav", seconds=0.5, rate=22_050)
    code = f"assert text == standard_input == 'it\\'s {{out}} \u00e9; $HOME'; shutil.copy({str(sound)!r}, out)"
    (heard,) = synthesize([utterance("u1", "it's {out} \u00e9; $HOME")], [engine(code, tmp_path)], tmp_path / "speech")
    assert heard.recordings[0].seconds == pytest.approx(0.5, abs=0.01)
    assert heard.recordings[0].speaker is not None and heard.recordings[0].speaker.startswith("robot by ")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit('no such voice:\\n Vicki')", "^the voice robot could not say 'good morning': no such voice: Vicki$"),
        ("sys.exit(3)", "^the voice robot could not say 'good morning': exit status 3$"),
        ("pass", "^the voice robot wrote no file at {out}, asked to say 'good morning'$"),
        (
            "Path(out).write_text('RIFF')",
            "^the voice robot, asked to say 'good morning': .*not a recording that can be read",
        ),
    ],
)
def test_a_command_that_fails_is_named_with_what_it_said(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        engine(code, tmp_path).speak("good morning")


def test_a_command_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eartune.data.tts.engine_process.SPEAK_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"^the voice robot took over 0\.2 s to say 'good morning'$"):
        engine("time.sleep(60)", tmp_path).speak("good morning")


def test_a_command_that_is_not_there_is_named() -> None:
    voice = CommandVoice(engine="command", name="robot", command="no-such-engine {out}")
    with pytest.raises(InputError, match="needs the command no-such-engine, which is not installed"):
        voice.speak("good morning")


def test_espeak_speaks_many_languages_with_many_speakers() -> None:
    said = [
        EspeakVoice(engine="espeak", name=name, variant=variant).speak("regnet es heute")
        for name, variant in (("de", ""), ("de", "f2"), ("it", ""))
    ]
    assert all(0.5 < len(wave) / 16_000 < 3 and np.abs(wave).max() > 0.05 for wave in said)
    assert not np.array_equal(said[0][:8000], said[1][:8000]) and len(said[0]) != len(said[2])
    assert EspeakVoice(engine="espeak", name="de", variant="f2", speed=1.1).speaker == "espeak:de+f2"


def test_a_language_that_espeak_does_not_speak_is_named() -> None:
    with pytest.raises(InputError, match="eSpeak NG has no voice 'qqq'"):
        EspeakVoice(engine="espeak", name="qqq").speak("hello")


SENTENCES = ("good morning", "switch the light on", "regnet es heute in berlin", "what time is it", "stop")
VOICES = (
    PicoVoice(name="en-US"),
    PicoVoice(name="de-DE", speed=0.9, pitch=0.8),
    EspeakVoice(engine="espeak", name="de", variant="f2"),  # whose breath is noise
)


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.speaker)
def test_samples_depend_on_words_and_voice_and_not_on_what_was_spoken_before(voice: Voice, tmp_path: Path) -> None:
    """Recordings of two runs of the demo differed with the order in which two threads spoke."""

    def recordings(folder: str, order: Sequence[str]) -> dict[str, bytes]:
        rows = [utterance(text, text) for text in order]
        return {row.id: row.recordings[0].path.read_bytes() for row in synthesize(rows, [voice], tmp_path / folder)}

    everything = recordings("one", SENTENCES)
    assert everything == recordings("two", SENTENCES[::-1])
    recordings("three", SENTENCES[1::2])  # some are there already when the others are spoken
    assert everything == recordings("three", SENTENCES)
    assert len(set(everything.values())) == len(SENTENCES)


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.speaker)
def test_recordings_of_a_voice_that_depended_on_the_order_are_not_used_again(voice: Voice, tmp_path: Path) -> None:
    """Their names were made of label and words alone."""
    (place,) = (u.recordings[0].path for u in synthesize([utterance("u1", "stop")], [voice], tmp_path, may_write=False))
    assert place.stem != hashlib.sha256(f"{voice.label}\nstop".encode()).hexdigest()[:20]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_two_processes_may_speak_one_sentence_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both wrote to one temporary name, so that one renamed the half file of the other."""
    fork = multiprocessing.get_context("fork")
    both_have_written = fork.Barrier(2)
    write = soundfile.write

    def write_and_wait(*arguments: Any, **options: Any) -> None:
        write(*arguments, **options)
        both_have_written.wait(60)

    monkeypatch.setattr(soundfile, "write", write_and_wait)
    processes = [fork.Process(target=synthesize, args=(pool(1), [Whistle()], tmp_path / "two")) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    monkeypatch.undo()
    synthesize(pool(1), [Whistle()], tmp_path / "alone")
    by_two, by_one = ({path.name: path.read_bytes() for path in (tmp_path / n).iterdir()} for n in ("two", "alone"))
    assert by_two == by_one


def test_espeak_that_does_not_start_says_so_and_minus_one_is_no_sampling_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SimpleNamespace(espeak_Initialize=lambda *_: -1)
    monkeypatch.setattr(ctypes, "CDLL", lambda path: library)
    with pytest.raises(SystemExit, match="eSpeak NG did not start: espeak_Initialize returned -1"):
        engines.speak_espeak("hello", "de", 1.0, 1.0)
