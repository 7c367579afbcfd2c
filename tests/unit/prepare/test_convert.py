"""What is written for other tools is read again, but for what their formats do not hold."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from builders import frame, sound_file
from eartune.cli.app import app
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.errors import InputError
from eartune.prepare.convert import FOLDERS, Target, convert
from eartune.prepare.importers.detect_format import read_utterances

WITH_IDS: tuple[Target, ...] = ("nemo", "lhotse", "kaldi", "hf")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    sound_file(folder / "b.wav", 2.0)
    return sound_file(folder / "a.wav", 1.0, rate=8000)


def rows_of(clip: Path) -> list[Utterance]:
    """A row with everything, one with two recordings, one without words, one with an intent alone, and one of text."""
    recording, other = Recording(clip, 1.0, "s1"), Recording(clip.with_name("b.wav"), 2.0)
    return [
        Utterance("a", 'it\'s "7:30", ok', "en", frame("alarm.set", "time:7:30", "x:it's"), (recording,)),
        Utterance("b", "größer", "de", frame("order", "size:größer"), (recording, other)),
        Utterance("c", None, "und", frame("order"), (Recording(clip, 1.0),)),
        Utterance("d", "only typed", "en", frame("order", "size:a", "size:b")),
    ]


def read_again(rows: list[Utterance], target: Target, folder: Path) -> list[Utterance]:
    out = folder / "out" if target in FOLDERS else folder / f"out.{'json' if target == 'nemo' else 'jsonl'}"
    convert(rows, target, out)
    imported = read_utterances(out)
    assert not imported.rejected
    return list(imported.utterances)


def expected(rows: list[Utterance], target: Target) -> list[tuple[object, ...]]:
    """Name, words, language, frame and speaker of each row that the format holds."""
    held = []
    for row in rows:
        for number, recording in enumerate(row.recordings or ((None,) if target == "hf" else ())):
            own = row.id if not number else f"{row.id}-{number + 1}"
            speaker = recording.speaker if recording else None
            name = f"{speaker}-{own}" if target == "kaldi" and speaker else own
            held.append((name, row.text, row.language, row.frame, speaker))
    return sorted(held, key=str)


@pytest.mark.parametrize("target", WITH_IDS)
def test_rows_are_read_again(target: Target, tmp_path: Path, clip: Path) -> None:
    rows = rows_of(clip)
    again = read_again(rows, target, tmp_path)
    speakers = [next((r.speaker for r in row.recordings), None) for row in again]
    found = [(u.id, u.text, u.language, u.frame, s) for u, s in zip(again, speakers, strict=True)]
    assert sorted(found, key=str) == expected(rows, target)
    if target != "hf":
        assert {r.path for row in again for r in row.recordings} == {clip, clip.with_name("b.wav")}


def test_chats_are_read_again_without_ids_languages_speakers_and_words_of_recordings(
    tmp_path: Path, clip: Path
) -> None:
    rows = rows_of(clip)
    again = read_again(rows, "messages", tmp_path)
    assert [row.frame for row in again] == [rows[0].frame, rows[1].frame, rows[1].frame, rows[2].frame, rows[3].frame]
    assert [row.text for row in again] == [None, None, None, None, "only typed"]


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), min_size=1).filter(
    lambda text: bool(text.strip()) and text == " ".join(text.split())
)
frames = st.builds(
    SemanticFrame, words, st.lists(st.builds(Entity, words, words), max_size=3).map(tuple), st.none(), st.none()
)


@pytest.mark.parametrize("target", WITH_IDS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.none() | words, meaning=frames)
def test_any_words_and_labels_are_read_again(
    target: Target, tmp_path: Path, clip: Path, text: str | None, meaning: SemanticFrame
) -> None:
    (again,) = read_again([Utterance("a", text, "en", meaning, (Recording(clip, 1.0),))], target, tmp_path)
    assert (again.text, again.frame) == (text, meaning)


def test_what_kaldi_wants_of_its_files(tmp_path: Path, clip: Path) -> None:
    spoken = [replace(row, id=f"{row.id} {n}") for n, row in enumerate(rows_of(clip)[:2])]
    convert(spoken[::-1], "kaldi", tmp_path)
    lines = {path.name: path.read_text().splitlines() for path in tmp_path.iterdir()}
    assert lines["utt2spk"] == ["b_1-2 b_1-2", "s1-a_0 s1", "s1-b_1 s1"]
    assert lines["spk2utt"] == ["b_1-2 b_1-2", "s1 s1-a_0 s1-b_1"]
    for name in lines.keys() - {"spk2utt"}:
        assert [line.split()[0] for line in lines[name]] == ["b_1-2", "s1-a_0", "s1-b_1"]


@pytest.mark.parametrize("target", WITH_IDS)
def test_each_recording_is_written_under_a_name_of_its_own(tmp_path: Path, clip: Path, target: Target) -> None:
    """Of seven recordings Kaldi's files had five: "a b" and "a_b" were one, and the second of x and x-2 were one."""
    recording, other = Recording(clip, 1.0), Recording(clip.with_name("b.wav"), 2.0)
    ids = {"a b": 1, "a_b": 1, "x": 2, "x-2": 1}
    rows = [Utterance(name, name, "en", frame("order"), (recording, other)[:count]) for name, count in ids.items()]
    again = read_again(rows, target, tmp_path)
    assert sorted(str(row.text) for row in again) == ["a b", "a_b", "x", "x", "x-2"]
    first = ["a_b", "a_b-2"] if target == "kaldi" else ["a b", "a_b"]
    assert sorted(row.id for row in again) == [*first, "x", "x-2", "x-3"]
    assert [row.text for row in again if row.id == "x-2"] == ["x-2"]


def test_speakers_before_ids_do_not_make_two_names_one(tmp_path: Path, clip: Path) -> None:
    said = [("1-a", "s"), ("a", "s-1")]
    rows = [Utterance(name, name, "en", frame("order"), (Recording(clip, 1.0, speaker),)) for name, speaker in said]
    assert [row.id for row in read_again(rows, "kaldi", tmp_path)] == ["s-1-a", "s-1-a-2"]


def test_what_lhotse_wants_of_a_cut(tmp_path: Path, clip: Path) -> None:
    convert(rows_of(clip)[:1], "lhotse", tmp_path / "cuts.jsonl")
    cut = json.loads((tmp_path / "cuts.jsonl").read_text())
    assert cut["recording"]["num_samples"] == 8000 and cut["recording"]["sampling_rate"] == 8000
    assert (cut["type"], cut["channel"], cut["duration"]) == ("MonoCut", 0, 1.0)


def test_rows_that_are_left_out_are_counted_and_unlabelled_ones_refused(tmp_path: Path, clip: Path) -> None:
    rows = rows_of(clip)
    assert convert(rows, "nemo", tmp_path / "n.json") == ["left out: 1 row of text alone, which nemo does not hold"]
    assert convert(rows, "hf", tmp_path / "hf") == []
    with pytest.raises(InputError, match=r"nothing would be written to .*k, as kaldi holds recordings"):
        convert(rows[3:], "kaldi", tmp_path / "k")
    with pytest.raises(InputError, match="the utterance 'a' has no intent"):
        convert([replace(rows[0], frame=None)], "nemo", tmp_path / "n.json")


@pytest.mark.parametrize("target", ["lhotse", "hf"])
def test_a_recording_that_cannot_be_read_is_named_with_its_utterance_and_nothing_is_written(
    tmp_path: Path, clip: Path, target: Target
) -> None:
    """It ended in a traceback, after half of a dataset was written."""
    (tmp_path / "damaged.wav").write_bytes(b"RIFF")
    for name, said in {"gone": "no such recording", "damaged": r"not a recording that can be read \("}.items():
        first, *others = rows_of(clip)
        faulty = replace(others[1], recordings=(Recording(clip, 1.0), Recording(tmp_path / f"{name}.wav", 1.0)))
        with pytest.raises(InputError, match=rf"^the utterance 'c': {tmp_path}/{name}\.wav: {said}"):
            convert([first, faulty], target, tmp_path / "out" / "written")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("target", ["nemo", "lhotse", "kaldi"])
def test_labels_and_translations_are_written(tmp_path: Path, clip: Path, target: Target) -> None:
    """They were dropped in silence."""
    both = replace(rows_of(clip)[0], label="angry", translation="weck mich")
    alone = replace(both, id="e", frame=None)
    again = read_again([both, alone], target, tmp_path)
    assert [row.frame and row.frame.intent for row in again] == [both.frame and both.frame.intent, "angry"]
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert written.count("angry") == written.count("weck mich") == 2


@pytest.mark.parametrize("target", ["hf", "messages"])
def test_labels_that_a_format_does_not_hold_are_counted_or_refused(tmp_path: Path, clip: Path, target: Target) -> None:
    first, *others = rows_of(clip)
    notes = convert([replace(first, label="angry"), *others], target, tmp_path / "out")
    assert notes == [f"left out: the labels and translations of 1 row, which {target} does not hold"]
    with pytest.raises(InputError, match=r"'a' has no intent, and .* holds neither labels nor translations"):
        convert([replace(first, frame=None, label="angry")], target, tmp_path / "other")


@pytest.mark.parametrize("target", [*WITH_IDS, "messages"])
def test_no_rows_are_said_to_be_none(tmp_path: Path, target: Target) -> None:
    with pytest.raises(InputError, match="there are no rows"):
        convert([], target, tmp_path / "out")


def test_the_command_writes_and_refuses_what_it_would_destroy(tmp_path: Path, clip: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", rows_of(clip))

    def run(out: str, target: str) -> str:
        command = ["convert", str(tmp_path / "m.jsonl"), "--to", target, "--out", str(tmp_path / out)]
        done = CliRunner().invoke(app, command)
        return done.output + str(done.exception or "")

    assert "written:" in run("n.json", "nemo") and (tmp_path / "n.json").is_file()
    assert "is the manifest itself" in run("m.jsonl", "nemo")
    assert "is a file, but kaldi is not" in run("n.json", "kaldi")
    write_manifest(tmp_path / "m.jsonl", [replace(rows_of(clip)[0], frame=None, label="angry")])
    assert "m.jsonl: the utterance 'a' has no intent" in run("m", "messages")
