"""A manifest gives back what was written, and every fault is named with file and row."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import frame, sound_file, utterance
from eartune.data.example import without_labels
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, read_frame, read_manifest, write_manifest
from eartune.errors import InputError

words = st.text(min_size=1, max_size=12).filter(str.strip)
entities = st.lists(st.builds(Entity, words, words), max_size=3).map(tuple)
frames = st.builds(SemanticFrame.of, words, words, entities) | st.builds(SemanticFrame, words, entities)
recordings = st.builds(
    Recording,
    st.sampled_from(["a.flac", "speaker 1/b.wav"]).map(Path),
    st.integers(100, 30_000).map(lambda milliseconds: milliseconds / 1000),
    st.none() | words,
)
names = words.filter(str.strip)
meanings = st.tuples(frames, st.none()) | st.tuples(frames, names) | st.tuples(st.none(), names)  # frame, label
utterances = st.builds(
    lambda id, text, language, meaning, spoken: Utterance(id, text, language, meaning[0], spoken, meaning[1]),
    *(words, names, st.sampled_from(["en", "de"]), meanings, st.tuples(recordings)),
)


@given(written=st.lists(utterances, max_size=4, unique_by=lambda u: u.id))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, written: list[Utterance]) -> None:
    folder = tmp_path_factory.getbasetemp()
    inside = [replace(u, recordings=tuple(replace(r, path=folder / r.path) for r in u.recordings)) for u in written]
    write_manifest(folder / "manifest.jsonl", inside)
    assert read_manifest(folder / "manifest.jsonl") == tuple(inside)


def test_speech_without_words_is_read_back(tmp_path: Path) -> None:
    wordless = replace(utterance(text=None), recordings=(Recording(tmp_path / "a.flac", 1.5),))
    write_manifest(tmp_path / "manifest.jsonl", [wordless])
    assert read_manifest(tmp_path / "manifest.jsonl") == (wordless,)


SLOTS = 'its key must be "entities", a list of {"type": ..., "filler": ...}'


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"slots": {"size": "small"}}, f'has "slots"; {SLOTS}'),
        ({"slots": [{"size": "small"}]}, f'has "slots"; {SLOTS}'),
        ({"tags": {"size": "small"}}, f'has "tags"; {SLOTS}'),
        ({"file": "a.wav"}, 'has "file"; its key must be "recordings", a list of {"file": ...}'),
        ({"audio": {"path": "a.wav"}}, 'has "audio"; its key must be "recordings", a list of {"file": ...}'),
    ],
    ids=str,
)
def test_what_prepare_would_read_under_another_key_is_not_ignored(
    tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    """A manifest written by hand with slots had no entities, and right predictions with slots scored 0."""
    path, row = tmp_path / "manifest.jsonl", {"id": "u1", "text": "a small latte", "intent": "order"}
    path.write_text(json.dumps(row | more))
    with pytest.raises(InputError, match=re.escape(f"{path}, row 1: {said}")):
        read_manifest(path)
    path.write_text(json.dumps(row | more | {"entities": [], "recordings": []}))
    assert read_manifest(path)[0].frame == frame("order")


@pytest.mark.parametrize("more", [{"tags": ["noisy", "v1"]}, {"slots": {}}, {"file": "faq.txt"}, {"path": 5}], ids=str)
def test_what_only_looks_like_it_is_ignored(tmp_path: Path, more: dict[str, Any]) -> None:
    (tmp_path / "m.jsonl").write_text(json.dumps({"id": "u1", "text": "a small latte", "intent": "order"} | more))
    assert read_manifest(tmp_path / "m.jsonl")[0].frame == frame("order")


def test_recordings_inside_the_folder_are_named_relative_to_it_and_others_in_full(tmp_path: Path) -> None:
    both = (Recording(tmp_path / "data" / "in.flac", 1.0), Recording(tmp_path / "out.flac", 1.0))
    write_manifest(tmp_path / "data" / "manifest.jsonl", [replace(utterance(), recordings=both)])
    row = json.loads((tmp_path / "data" / "manifest.jsonl").read_text())
    assert [recording["file"] for recording in row["recordings"]] == ["in.flac", str(tmp_path / "out.flac")]


def test_a_row_may_have_a_label_instead_of_a_frame_or_beside_it(tmp_path: Path) -> None:
    angry = Utterance("cd34", "where is my train", "en", None, (), "angry")
    write_manifest(tmp_path / "manifest.jsonl", [angry, replace(utterance("u1"), label="calm")])
    first, second = (tmp_path / "manifest.jsonl").read_text().splitlines()
    assert first == '{"id":"cd34","text":"where is my train","language":"en","label":"angry","recordings":[]}'
    assert json.loads(second).keys() >= {"scenario", "action", "entities", "label"}
    assert read_manifest(tmp_path / "manifest.jsonl")[0] == angry


def test_a_row_may_have_a_translation_instead_of_both(tmp_path: Path) -> None:
    train = Utterance("ef56", "wo ist mein zug", "de", None, translation="where is my train")
    write_manifest(tmp_path / "manifest.jsonl", [train])
    assert (tmp_path / "manifest.jsonl").read_text() == (
        '{"id":"ef56","text":"wo ist mein zug","language":"de","translation":"where is my train","recordings":[]}\n'
    )
    assert read_manifest(tmp_path / "manifest.jsonl") == (train,)
    assert train.is_labelled and not without_labels([train])[0].is_labelled


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, 'needs "scenario" and "action", or "intent", or a "label", or a "translation", as text'),
        ({"translation": ""}, '"translation" must be text, and not empty'),
        ({"label": 5}, '"label" must be text, and not empty'),
        ({"label": " "}, '"label" must be text, and not empty'),
        ({"label": "angry", "intent": 5}, 'needs "scenario" and "action", or "intent", as text'),
        ({"label": "angry", "scenario": "alarm"}, 'needs "scenario" and "action", or "intent", as text'),
    ],
)
def test_a_row_needs_a_frame_or_a_label(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(json.dumps({"id": "u1", "text": "go"} | row))
    with pytest.raises(InputError) as fault:
        read_manifest(tmp_path / "manifest.jsonl")
    assert str(fault.value) == f"{tmp_path / 'manifest.jsonl'}, row 1: {said}"


def test_a_row_reads_as_the_module_shows_it(tmp_path: Path) -> None:
    order = replace(utterance("ab12", "a small latte", frame("orderDrink", "size:small")), recordings=())
    write_manifest(tmp_path / "manifest.jsonl", [order])
    assert (tmp_path / "manifest.jsonl").read_text() == (
        '{"id":"ab12","text":"a small latte","language":"en","intent":"orderDrink",'
        '"entities":[{"type":"size","filler":"small"}],"recordings":[]}\n'
    )


def test_a_recording_without_seconds_is_measured(tmp_path: Path) -> None:
    sound_file(tmp_path / "a.wav", seconds=1.25, rate=8000)
    read = read_rows(tmp_path, good() | {"recordings": [{"file": "a.wav"}]})
    assert read[0].seconds == pytest.approx(1.25)


@pytest.mark.parametrize("more", [{}, {"language": None}], ids=str)
def test_entities_and_language_may_be_left_out(tmp_path: Path, more: dict[str, Any]) -> None:
    """A language of null became the language "None"."""
    (read,) = read_rows(tmp_path, {"id": "u1", "text": "go", "intent": "go"} | more)
    assert (read.language, read.frame) == ("und", SemanticFrame("go"))


def test_an_empty_manifest_holds_nothing(tmp_path: Path) -> None:
    assert read_rows(tmp_path) == ()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"id": None}, 'needs an "id", as text'),
        ({"id": ""}, 'needs an "id", as text'),
        ({"id": 7}, 'needs an "id", as text'),
        ({"language": 5}, '"language" must be text such as "en", not 5, or left out'),
        ({"text": "  "}, '"text" is empty'),
        ({"text": 5}, '"text" is empty'),
        ({"text": None}, 'has neither "text" nor "recordings"'),
        ({"intent": None}, 'needs "scenario" and "action", or "intent", as text'),
        ({"intent": None, "scenario": "alarm"}, 'needs "scenario" and "action", or "intent", as text'),
        ({"entities": "date"}, '"entities" must be a list'),
        ({"entities": None}, '"entities" must be a list'),
        ({"entities": [{"type": "date"}]}, '"entities" must be a list'),
        ({"entities": [{"type": "date", "filler": 5}]}, '"entities" must be a list'),
        ({"entities": [{"type": "date", "filler": " "}]}, "the entity 'date' has no words"),
        ({"entities": [{"type": "", "filler": "friday"}]}, "the entity 'friday' has a blank type"),
        ({"intent": " "}, "the intent is blank"),
        ({"scenario": "alarm", "action": ""}, "the action is blank"),
        ({"recordings": [{}]}, 'each of "recordings" needs a "file"'),
        ({"recordings": ["a.wav"]}, 'each of "recordings" needs a "file"'),
        ({"recordings": None}, '"recordings" must be a list'),
        (
            {"recordings": [{"file": f, "seconds": 1.0} for f in ("near/1.wav", "far/1.wav", "far/../near/1.wav")]},
            "near/1.wav twice; name each recording once",
        ),
        ({"recordings": {"file": "a.wav"}}, '"recordings" must be a list'),
        ({"recordings": [{"file": "a.wav", "seconds": -1}]}, '"seconds" must be a number above 0'),
        ({"recordings": [{"file": "a.wav", "seconds": float("nan")}]}, '"seconds" must be a number above 0'),
        ({"recordings": [{"file": "a.wav", "seconds": "1.5"}]}, '"seconds" must be a number above 0'),
        ({"recordings": [{"file": "a.wav", "seconds": True}]}, '"seconds" must be a number above 0'),
        (
            {"recordings": [{"file": "a.wav", "seconds": 1, "start": 2}]},
            "a.wav: names a part of it; eartune prepare writes",
        ),
        ({"recordings": [{"file": "a.wav", "speaker": 5}]}, 'a.wav: "speaker" must be text, not 5, or left out'),
        ({"recordings": [{"file": "a.wav", "speaker": ["s1"], "seconds": 1}]}, '"speaker" must be text'),
        ({"id": "first"}, "the id 'first' stands in an earlier row too"),
    ],
)
def test_a_fault_is_named_with_file_and_row(tmp_path: Path, fault: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as raised:
        read_rows(tmp_path, good() | {"id": "first"}, good() | fault)
    assert str(raised.value).startswith(f"{tmp_path / 'manifest.jsonl'}, row 2: ")
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_an_answer_of_a_model_may_be_blank() -> None:
    """It is wrong, but no fault of a file: predictions are read back as they are."""
    answer = {"intent": "alarm_set", "entities": [{"type": "date", "filler": " "}]}
    assert read_frame(answer, "predictions.jsonl, row 1") == SemanticFrame("alarm_set", (Entity("date", " "),))


def good() -> dict[str, Any]:
    return {"id": "u2", "text": "wake me", "intent": "alarm_set"}


def read_rows(folder: Path, *rows: dict[str, Any]) -> tuple[Utterance, ...]:
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_manifest(path)
