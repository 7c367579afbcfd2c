"""Data directories of Kaldi and ESPnet, as their recipes write them."""

from pathlib import Path

import pytest

from builders import frame, sound_file
from eartune.errors import InputError
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.excerpt import Excerpt


def directory(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in ({"wav_scp": "s1-a a.wav\ns1-b b.wav\n"} | files).items():
        (folder / name.replace("wav_scp", "wav.scp")).write_text(content)
    return folder


def test_the_intent_before_the_words_as_the_recipe_for_slurp_has_it(tmp_path: Path) -> None:
    text = "s1-a alarm_set wake me at nine am\ns1-b lists_createoradd_new add a list\n"
    imported = read_utterances(directory(tmp_path, text=text, utt2spk="s1-a slurp_M1\ns1-b slurp_M1\n"))
    first, second = imported.utterances
    assert (first.id, first.text, first.frame) == ("s1-a", "wake me at nine am", frame("alarm.set"))
    assert second.frame == frame("lists.createoradd_new")  # the scenario ends at the first underscore
    assert first.recordings[0].speaker == "slurp_M1"


def test_entities_between_seps_as_the_recipe_with_entities_has_it(tmp_path: Path) -> None:
    text = (
        "s1-a alarm_set SEP date FILL friday SEP time FILL nine am SEP wake me at nine am on friday\n"
        "s1-b music_query SEP what is this\n"
    )
    first, second = read_utterances(directory(tmp_path, text=text)).utterances
    assert (first.text, first.frame) == (
        "wake me at nine am on friday",
        frame("alarm.set", "date:friday", "time:nine am"),
    )
    assert (second.text, second.frame) == ("what is this", frame("music.query"))


def test_plain_words_have_no_intent(tmp_path: Path) -> None:
    folder = directory(tmp_path, text="s1-a wake me\ns1-b some_thing else\n", utt2lang="s1-a en\n")
    reasons = [row.reason for row in read_utterances(folder).rejected]
    assert reasons == ['needs an "intent", or "scenario" and "action"'] * 2
    first, second = read_utterances(folder, labelled=False).utterances
    assert (first.text, first.frame, first.language, second.language) == ("wake me", None, "en", "und")


def test_segments_are_parts_of_recordings(tmp_path: Path) -> None:
    sound_file(tmp_path / "call.wav", 3.0)
    folder = directory(
        tmp_path,
        wav_scp="call-7 call.wav\n",
        segments="u1 call-7 0.5 1.5\nu2 call-7 1.5 -1\nu3 call-8 0 1\nu4 call-7 x y\n",
        text="u1 a_b one\nu2 a_b two\n",
    )
    imported = read_utterances(folder)
    parts = [recording for row in imported.utterances for recording in row.recordings]
    assert [isinstance(part, Excerpt) and part.part for part in parts] == [(0.5, 1.5, None), (1.5, None, None)]
    assert [row.reason.partition(", which must")[0] for row in imported.rejected] == [
        "names the recording 'call-8', which wav.scp does not have",
        "names the part x y",
    ]


def test_recordings_are_named_relative_to_the_folder_of_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    sound_file(tmp_path / "downloads" / "a.wav")
    folder = directory(tmp_path / "data" / "train", wav_scp="a downloads/a.wav\n", text="a x_y words\n")
    (row,) = read_utterances(folder).utterances
    assert row.recordings[0].path == tmp_path / "downloads" / "a.wav"


def test_a_command_is_not_run(tmp_path: Path) -> None:
    folder = directory(tmp_path, wav_scp="a a.wav\nb sph2pipe -f wav b.sph |\n")
    with pytest.raises(InputError, match=r"wav\.scp: b is a command, which is not run; write its sound to a file"):
        read_utterances(folder)
