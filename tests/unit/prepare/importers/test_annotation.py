"""Exports of Label Studio and of Doccano."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from builders import frame, sound_file
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported


def choice(name: str, value: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "audio", "type": "choices", "value": {"choices": [value]}}


def label(kind: str, words: str) -> dict[str, Any]:
    value = {"start": 2, "end": 7, "text": words, "labels": [kind]}
    return {"from_name": "slot", "to_name": "text", "type": "labels", "value": value}


TRANSCRIPT = {
    "from_name": "transcription",
    "to_name": "audio",
    "type": "textarea",
    "value": {"text": ["a small latte"]},
}


def task(*results: list[dict[str, Any]], **data: Any) -> dict[str, Any]:
    annotations = [{"id": n, "was_cancelled": False, "result": result} for n, result in enumerate(results)]
    return {"id": 7, "data": {"audio": "a.wav"} | data, "annotations": annotations, "predictions": []}


def read(folder: Path, *rows: dict[str, Any], labelled: bool = True) -> Imported:
    (folder / "export.json").write_text(json.dumps(list(rows)))
    return read_utterances(folder / "export.json", labelled=labelled)


def test_a_task_of_label_studio_is_an_utterance(tmp_path: Path) -> None:
    done = [choice("intent", "order"), TRANSCRIPT, label("size", "small"), label("drink", "latte")]
    (row,) = read(tmp_path, task(done, speaker="s1", lang="en")).utterances
    assert (row.id, row.text, row.language, row.frame) == (
        *("7", "a small latte", "en"),
        frame("order", "size:small", "drink:latte"),
    )
    assert [(recording.path.name, recording.speaker) for recording in row.recordings] == [("a.wav", "s1")]


def test_scenario_and_action_are_two_choices(tmp_path: Path) -> None:
    (row,) = read(tmp_path, task([choice("scenario", "alarm"), choice("action", "set")], text="wake me")).utterances
    assert (row.text, row.frame) == ("wake me", frame("alarm.set"))


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("/data/upload/12/1f0c9a3b-a.wav", "a.wav"),
        ("/data/upload/1f0c9a3b-b.wav", "1f0c9a3b-b.wav"),
        ("/data/local-files/?d=clips/a%20b.wav", "clips/a b.wav"),
        ("/data/local-files/?d=clips/a.wav", "a.wav"),
        ("http://localhost:8080/data/upload/12/1f0c9a3b-a.wav", "a.wav"),
        ("clips/c.wav", "clips/c.wav"),
    ],
)
def test_addresses_of_label_studio_are_files(tmp_path: Path, address: str, file: str) -> None:
    sound_file(tmp_path / "a.wav")
    sound_file(tmp_path / "1f0c9a3b-b.wav")
    """In JSON-MIN and CSV, which are tables, they were not found."""
    (tmp_path / "rows.csv").write_text(f"audio,intent\n{address},x\n")
    of_task = read(tmp_path, task([choice("intent", "x")], audio=address))
    for imported in (of_task, read_utterances(tmp_path / "rows.csv")):
        (row,) = imported.utterances
        assert row.recordings[0].path == tmp_path / file


def test_the_ground_truth_counts_and_what_differs_is_set_aside(tmp_path: Path) -> None:
    one, other = [choice("intent", "order")], [choice("intent", "cancel")]
    differ, same, skipped = task(one, other), task(one, one), task(one)
    truth = task(one, other)
    truth["annotations"][1]["ground_truth"] = True
    skipped["annotations"][0]["was_cancelled"] = True
    for number, each in enumerate((differ, same, skipped, truth)):
        each["id"] = number
    imported = read(tmp_path, differ, same, skipped, truth)
    assert [(row.id, row.frame) for row in imported.utterances] == [("1", frame("order")), ("3", frame("cancel"))]
    assert [row.reason.partition(";")[0] for row in imported.rejected] == [
        "has 2 annotations that differ",
        "has no annotation",
    ]


@pytest.mark.parametrize("key", ["voice", "Recording of the call", "url"])
def test_the_author_of_a_project_names_the_keys_of_its_data(tmp_path: Path, key: str) -> None:
    """A recording under another key than audio was lost: its row became one of text."""
    done = [choice("intent", "x")]
    named = {"id": 7, "data": {key: "a.wav", "text": "hi", "mood": "calm"}, "annotations": [{"result": done}]}
    (row,) = (imported := read(tmp_path, named)).utterances
    assert (row.text, [recording.path.name for recording in row.recordings]) == ("hi", ["a.wav"])
    assert imported.notes == ("of the data mood is not read; the words are called text, the recording audio",)
    named["data"] = {"one": "a.wav", "other": "b.wav", "text": "hi"}
    assert read(tmp_path, named).rejected[0].reason == "has several recordings, one, other; call the right one audio"


def test_a_comment_does_not_take_the_place_of_the_words(tmp_path: Path) -> None:
    """Whatever stood in a text area was the text."""
    comment, right = ({**TRANSCRIPT, "from_name": name} for name in ("comment", "corrected_transcription"))
    for done, text, words in (
        ([comment], {"text": "lights on"}, "lights on"),
        ([comment, right], {"text": "lights on"}, "a small latte"),
        ([comment], {}, "a small latte"),
        ([comment, TRANSCRIPT], {}, "a small latte"),
    ):
        (row,) = read(tmp_path, task([choice("intent", "x"), *done], **text)).utterances
        assert row.text == words


def test_parts_of_recordings_and_two_intents_are_set_aside(tmp_path: Path) -> None:
    part = {"from_name": "labels", "type": "labels", "value": {"start": 0.5, "end": 1.5, "labels": ["Speech"]}}
    several = task([choice("one", "a"), choice("mood", "b")])
    reasons = [row.reason for row in read(tmp_path, task([part]), several).rejected]
    assert reasons[0].startswith("labels parts of its recording")
    assert reasons[1].startswith("has several values for intent")


def test_where_choices_are_called_intent_others_are_none(tmp_path: Path) -> None:
    """Beside an intent, the quality of the recording set the row aside, and without one it was the intent."""
    rows = [task([choice("quality", "good"), *more], text="hi") for more in ([choice("intent", "greet")], [])]
    imported = read(tmp_path, rows[0], rows[1] | {"id": 8})
    assert [row.frame for row in imported.utterances] == [frame("greet")]
    assert [row.reason for row in imported.rejected] == ['needs an "intent", or "scenario" and "action"']
    assert imported.notes == ("the choices quality is not read, as others are called intent",)
    (alone,) = read(tmp_path, rows[1]).utterances
    assert alone.frame == frame("good")


def test_of_several_texts_it_is_said_which_text_area_has_them(tmp_path: Path) -> None:
    lines = {**TRANSCRIPT, "value": {"text": ["a small", "latte"]}}
    twice = [TRANSCRIPT, {**TRANSCRIPT, "from_name": "text"}]
    rows = [task([choice("intent", "x"), *areas]) for areas in ([lines], twice)]
    assert [row.reason for row in read(tmp_path, *rows).rejected] == [
        "has 2 texts in its text area transcription; write the words as one",
        "has several text areas with words, text among them; leave those in one of them",
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"text": "a small latte", "cats": ["order"], "entities": [[2, 7, "size"]]}, frame("order", "size:small")),
        ({"text": "a small latte", "label": ["order"]}, frame("order")),
        *(
            ({"text": "a small latte", key: [[2, 7, "size"]], "intent": "order"}, frame("order", "size:small"))
            for key in ("label", "labels", "entities")
        ),
        ({"text": "a small latte", "labels": [[2, 7, "size"]], "label": "order"}, frame("order", "size:small")),
        (
            {
                "text": "a small latte",
                "cats": ["order"],
                "entities": [{"id": 1, "label": "size", "start_offset": 2, "end_offset": 7}],
            },
            frame("order", "size:small"),
        ),
    ],
)
def test_rows_of_doccano(tmp_path: Path, row: dict[str, Any], expected: object) -> None:
    (found,) = read(tmp_path, {"id": 3, **row}).utterances
    assert (found.id, found.text, found.frame) == ("3", "a small latte", expected)


def test_a_transcript_of_doccano_is_the_words_of_a_recording(tmp_path: Path) -> None:
    row = {"id": 3, "filename": "a.wav", "label": ["a small latte"]}
    (found,) = read(tmp_path, row, labelled=False).utterances
    assert (found.text, found.frame, found.recordings[0].path.name) == ("a small latte", None, "a.wav")


def test_a_row_of_doccano_may_name_a_part_of_its_recording(tmp_path: Path) -> None:
    """The whole file was taken."""
    row = {"id": 3, "filename": "a.wav", "start": 1.0, "end": 2.0, "channel": 1, "label": ["a small latte"]}
    (found,) = read(tmp_path, row, labelled=False).utterances
    (recording,) = found.recordings
    assert isinstance(recording, Excerpt) and recording.part == (1.0, 2.0, 1)


def test_what_doccano_labelled_twice_or_not_at_all_is_set_aside(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "text": "x", "cats": ["a", "b"], "entities": []},
        {"id": 2, "text": "x", "cats": [], "entities": []},
        {"id": 3, "text": "x", "cats": ["a"], "entities": [["0", 1, "y"]]},
        {"id": 4, "text": "x", "cats": ["a"], "entities": 5},
        {"id": 5, "text": "x", "label": 5},
        {"id": 6, "text": "fly to oslo", "cats": ["a"], "entities": [[7, 700, "city"]]},
        {"id": 7, "text": "fly to oslo", "cats": ["a"], "label": [[-4, 11, "city"]]},
        {"id": 8, "text": "x", "label": ["urgent"], "intent": "fly"},
    ]
    reasons = [row.reason for row in read(tmp_path, *rows).rejected]
    assert reasons == [
        "has the labels a, b; an utterance has one",
        'needs an "intent", or "scenario" and "action"',
        'an entity must be [start, end, "type"]',
        'an entity must be [start, end, "type"]',
        '"intent" must be text, not int',
        "has an entity from 7 to 700, but its text has the places 0 to 11",
        "has an entity from -4 to 11, but its text has the places 0 to 11",
        "has the labels urgent, fly; an utterance has one",
    ]


def test_numbers_where_lists_should_be_are_faults_of_their_rows(tmp_path: Path) -> None:
    """They ended everything with a traceback."""
    good = task([choice("intent", "x")], text="hi")
    numbers = [good | {"id": 8, "annotations": 5}, good | {"id": 9, "annotations": [{"result": 5}]}]
    spans = [{"type": "labels", "value": {"text": "hi", "labels": labels}} for labels in (5, "size")]
    of_spans = [task([choice("intent", "x"), span], text="hi") | {"id": n} for n, span in enumerate(spans)]
    imported = read(tmp_path, good, *numbers, *of_spans)
    assert [row.frame for row in imported.utterances] == [frame("x"), frame("x", "5:hi"), frame("x", "size:hi")]
    assert [row.reason for row in imported.rejected] == [
        "has no annotation",
        'needs an "intent", or "scenario" and "action"',
    ]


def test_several_choices_in_a_table_are_several_values(tmp_path: Path) -> None:
    """They were one label, with brackets and all."""
    cells = ('{"choices":["order","cancel"]}', '{"choices":["order"]}', "order")
    rows = [{"id": n, "text": "hi", "intent": cell} for n, cell in enumerate(cells)]
    with (tmp_path / "export.csv").open("w", newline="") as file:
        csv.writer(file).writerows([rows[0].keys(), *(row.values() for row in rows)])
    for imported in (
        read(
            tmp_path, *(row | {"intent": json.loads(cell)} for row, cell in zip(rows[:2], cells, strict=False)), rows[2]
        ),
        read_utterances(tmp_path / "export.csv"),
    ):
        assert [row.frame for row in imported.utterances] == [frame("order")] * 2
        assert imported.rejected[0].reason.startswith("has several values for intent; ")


@pytest.mark.parametrize(
    ("intent", "label"),
    [
        (["greet"], "greet"),
        ("['greet']", "greet"),
        ('["greet"]', "greet"),
        ("[greet]", "[greet]"),
        (["greet", "bye"], None),
        ("['greet', 'bye']", None),
        ("['greet' 'bye']", None),
    ],
)
def test_a_list_of_one_intent_is_that_intent(tmp_path: Path, intent: Any, label: str | None) -> None:
    """In a cell it was a label with brackets and all, and in JSON it was refused."""
    row = {"text": "hi", "intent": intent}
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([row.keys(), row.values()])
    for imported in (read(tmp_path, row), read_utterances(tmp_path / "rows.csv")):
        assert [found.frame for found in imported.utterances] == ([frame(label)] if label else [])
        assert label or imported.rejected[0].reason.startswith("has several values for intent; ")
    assert read(tmp_path, row | {"intent": []}).rejected[0].reason.startswith('needs an "intent"')


def test_of_prodigy_spans_are_entities_and_only_what_is_accepted_is_read(tmp_path: Path) -> None:
    """Spans were lost, and what somebody had rejected was learned."""
    spans = [{"start": 7, "end": 11, "token_start": 2, "token_end": 2, "label": "city"}]
    row = {"text": "fly to oslo", "spans": spans, "label": "fly", "answer": "accept", "_task_hash": 5}
    others = [{"text": "lights off", "spans": [], "label": "fly", "answer": answer} for answer in ("reject", "ignore")]
    imported = read(tmp_path, row, *others)
    assert [found.frame for found in imported.utterances] == [frame("fly", "city:oslo")]
    assert [each.reason for each in imported.rejected] == [
        f'has the "answer" {answer!r}, as Prodigy writes it; only what is accepted is read'
        for answer in ("reject", "ignore")
    ]
