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
        segments="u1 call-7 0.5 1.5\nu2 call-7 1.5 -1\nu3 call-8 0 1\nu4 call-7 x y\nu5 call-7 1\nu6 call-7 0 1 A 2\n",
        text="u1 a_b one\nu2 a_b two\n",
    )
    imported = read_utterances(folder)
    parts = [recording for row in imported.utterances for recording in row.recordings]
    assert [isinstance(part, Excerpt) and part.part for part in parts] == [(0.5, 1.5, None), (1.5, None, None)]
    assert [row.reason.partition(", which must")[0] for row in imported.rejected] == [
        "names the recording 'call-8', which wav.scp does not have",
        "names the part 'x y'",
        "names the part '1'",
        "names the part '0 1 A 2'",
    ]


def test_a_segment_may_be_of_one_channel(tmp_path: Path) -> None:
    """A fifth field made the whole call of a segment, and a missing end did, and nothing was said."""
    folder = directory(
        tmp_path,
        wav_scp="c1 call.wav\nc2 other.wav\n",
        segments="u1 c1 0 1 A\nu2 c1 1 2 1\nu3 c2 0 1\nu4 c2 1 2 0\n",
        reco2file_and_channel="c2 call B\n",
        text="".join(f"u{n} a_b one\n" for n in range(1, 5)),
    )
    parts = [recording for row in read_utterances(folder).utterances for recording in row.recordings]
    assert [isinstance(part, Excerpt) and part.part for part in parts] == [
        *((0.0, 1.0, 0), (1.0, 2.0, 1), (0.0, 1.0, 1), (1.0, 2.0, 0))
    ]


def test_a_name_in_two_lines_that_differ_is_a_fault(tmp_path: Path) -> None:
    """The last line was taken."""
    folder = directory(
        tmp_path,
        wav_scp="u1 a.wav\nu1 b.wav\nu2 c.wav\nu2 c.wav\nu3 d.wav\n",
        text="u1 a_b one\nu2 a_b two\nu3 a_b three\nu3 a_b four\n",
    )
    imported = read_utterances(folder)
    assert [row.id for row in imported.utterances] == ["u2"]
    assert [row.reason for row in imported.rejected] == [
        "wav.scp has 'u1' in two lines that differ; names must be unique",
        "text has 'u3' in two lines that differ; names must be unique",
    ]


def test_lines_of_words_without_a_recording_are_counted(tmp_path: Path) -> None:
    """They vanished without a word."""
    words = "s1-a a_b one\nu3 a_b lost\nu4 a_b lost\n"
    imported = read_utterances(directory(tmp_path, text=words, utt2semantics='u3 {"intent": "x"}\n'))
    assert imported.notes == (
        "2 lines of text, the first for 'u3', belong to nothing in wav.scp and are not read",
        "1 line of utt2semantics, the first for 'u3', belong to nothing in wav.scp and are not read",
    )
    imported = read_utterances(directory(tmp_path, text=words, segments="u3 s1-a 0 1\nu4 s1-b 0 1\n"))
    assert imported.notes == ("1 line of text, the first for 's1-a', belong to nothing in segments and are not read",)


def test_labels_that_are_no_frame_are_faults_of_their_rows(tmp_path: Path) -> None:
    """JSON that was cut off ended everything with a traceback."""
    folder = directory(
        tmp_path,
        wav_scp="".join(f"u{n} a.wav\n" for n in range(5)),
        utt2semantics='u0 {"intent": "x"}\nu1 {"intent": "x"\nu2 null\nu3 [1]\nu4 {"intent": "x", "intent": "y"}\n',
    )
    imported = read_utterances(folder)
    assert [row.frame for row in imported.utterances] == [frame("x")]
    assert [row.reason.partition(";")[0].partition(",")[0] for row in imported.rejected] == [
        "utt2semantics must be JSON",
        '"utt2semantics" must be {"scenario": ...',
        '"utt2semantics" must be {"scenario": ...',
        "has the key 'intent' twice",
    ]


def test_an_utterance_that_is_its_own_speaker_has_none(tmp_path: Path) -> None:
    """A held-out test was said to be of speakers who are not trained on, though nobody knew who spoke."""
    folder = directory(tmp_path, text="s1-a a_b x\ns1-b a_b y\n", utt2spk="s1-a s1-a\ns1-b s1\n")
    assert [row.recordings[0].speaker for row in read_utterances(folder).utterances] == [None, "s1"]


def test_only_the_end_of_a_line_ends_it(tmp_path: Path) -> None:
    imported = read_utterances(directory(tmp_path, text="s1-a a_b one\u2028two\r\ns1-b a_b three\r\n"))
    assert [row.text for row in imported.utterances] == ["one\u2028two", "three"]


def test_recordings_are_named_relative_to_the_folder_of_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    sound_file(tmp_path / "downloads" / "a.wav")
    folder = directory(tmp_path / "data" / "train", wav_scp="a downloads/a.wav\n", text="a x_y words\n")
    (row,) = read_utterances(folder).utterances
    assert row.recordings[0].path == tmp_path / "downloads" / "a.wav"


def test_one_recording_that_is_gone_does_not_hide_the_others(tmp_path: Path) -> None:
    """If it was the first of wav.scp, none was found."""
    sound_file(tmp_path / "b.wav")
    wav_scp = f"0 {tmp_path / 'b.wav'}\na gone.wav\nb b.wav\n"
    folder = directory(tmp_path / "data" / "train", wav_scp=wav_scp, text="0 x_y so\na x_y so\nb x_y so\n")
    found = [row.recordings[0].path.is_file() for row in read_utterances(folder).utterances]
    assert found == [True, False, True]


def test_a_command_is_not_run(tmp_path: Path) -> None:
    folder = directory(tmp_path, wav_scp="a a.wav\nb sph2pipe -f wav b.sph |\n")
    with pytest.raises(InputError, match=r"wav\.scp: b is a command, which is not run; write its sound to a file"):
        read_utterances(folder)
