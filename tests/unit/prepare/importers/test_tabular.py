"""Tables are read with their columns guessed or told, and every row that cannot be used has its reason."""

import json
import math
import re
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from builders import frame, utterance
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.sound_file import open_sound
from eartune.data.utterance import Recording, Utterance, read_manifest, write_manifest
from eartune.errors import InputError
from eartune.files import write_lines
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported

Form = Literal["NFC", "NFD"]
COFFEE = {"text": "a small latte", "intent": "order"}


def jsonl(folder: Path, *rows: Mapping[str, Any], **columns: str) -> Imported:
    write_lines(folder / "rows.jsonl", (dict(row) for row in rows))
    return read_utterances(folder / "rows.jsonl", "jsonl", columns)


def table(folder: Path, content: str, **columns: str) -> Imported:
    (folder / "rows.csv").write_text(content, newline="")
    return read_utterances(folder / "rows.csv", columns=columns)


def test_a_column_without_a_name_is_passed_over(tmp_path: Path) -> None:
    """The index that pandas writes, and a comma at the end of a header, ended in a traceback."""
    for content in (",text,intent\n0,hi,g\n1,bye,h\n", "text,intent,\nhi,g,\nbye,h,\n"):
        imported = table(tmp_path, content)
        assert [(row.text, row.frame) for row in imported.utterances] == [("hi", frame("g")), ("bye", frame("h"))]
        assert imported.rejected == () and imported.columns == {"text": "text", "intent": "intent"}


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    assert table(tmp_path, "text,intent,size\na small latte,order,small\n").ignored == ("size",)
    assert jsonl(tmp_path, COFFEE | {"recordings": [], "mood": "calm"}).ignored == ("mood",)


def only(imported: Imported) -> Utterance:
    """The one utterance of a file without faults."""
    assert imported.rejected == ()
    (found,) = imported.utterances
    return found


def reasons(imported: Imported) -> list[str]:
    """One a row, of a file that has nothing else."""
    assert imported.utterances == ()
    return [rejected.reason for rejected in imported.rejected]


SLOTS = "text,intent,size,drink\na small latte,order,small,latte\na mocha,order,,mocha\nthe mocha,order,,mocha\n"


def test_a_column_for_each_slot_is_pointed_out_and_read_when_told(tmp_path: Path) -> None:
    """Each of them was called a column that is not read, with no word on how to have it read."""
    assert table(tmp_path, SLOTS).notes == (
        "words of the text stand in size, drink, which are not read; "
        "for a slot of each name add --map entities=size,drink",
    )
    told = table(tmp_path, SLOTS, entities="size, drink")
    mocha = (Entity("drink", "mocha"),)
    assert [one.entities for one in told.utterances] == [
        (Entity("size", "small"), Entity("drink", "latte")),
        mocha,
        mocha,
    ]
    assert told.ignored == () and told.notes == ()


def test_one_column_of_a_slot_ends_in_a_comma(tmp_path: Path) -> None:
    told = table(tmp_path, "text,intent,size\na small latte,order,small\n", entities="size,")
    assert only(told).entities == (Entity("size", "small"),)


@pytest.mark.parametrize("key", ["size", "text"])
def test_a_key_that_stands_twice_is_a_fault_of_its_row_beside_columns_of_slots_too(tmp_path: Path, key: str) -> None:
    """The whole command ended, without a file and a row; and of two texts the last was taken without a word."""
    row = '{"text": "a small latte", "intent": "order", "size": "small"'
    (tmp_path / "rows.jsonl").write_text(f'{row}}}\n{row}, "{key}": "large"}}\n')
    imported = read_utterances(tmp_path / "rows.jsonl", "jsonl", {"entities": "size,"})
    assert [found.entities for found in imported.utterances] == [(Entity("size", "small"),)]
    assert [(each.place, each.reason) for each in imported.rejected] == [
        (f"{tmp_path / 'rows.jsonl'}, row 2", f"has the key '{key}' twice; write it once")
    ]


def test_a_slot_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape("has no column 'drnk' for entities; it has text, intent, size")):
        table(tmp_path, SLOTS, entities="size,drnk")


def test_a_column_of_anything_else_is_not_taken_for_slots(tmp_path: Path) -> None:
    others = "text,intent,mood,copy\na small latte,order,calm,a small latte\na mocha,order,small,a mocha\n"
    assert table(tmp_path, others).notes == ()


def test_our_own_manifest_is_read_as_it_is(tmp_path: Path) -> None:
    for name in ("a.flac", "b.flac"):
        (tmp_path / name).touch()
    both = (Recording(tmp_path / "a.flac", 1.5, "s1"), Recording(tmp_path / "b.flac", 2.0))
    written = [replace(utterance(), recordings=both), utterance("u2", "go", frame("order", "size:small", "size:large"))]
    write_manifest(tmp_path / "manifest.jsonl", written)
    imported = read_utterances(tmp_path / "manifest.jsonl")
    assert imported == read_utterances(tmp_path / "manifest.jsonl", "jsonl")
    assert imported.rejected == ()
    assert imported.utterances == read_manifest(tmp_path / "manifest.jsonl") == tuple(written)


def test_a_row_of_everything_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    row = {"uid": 7, "utt": "wake me", "wav": "a.wav", "locale": "en-US", "client_id": 3}
    imported = jsonl(tmp_path, row | {"domain": "alarm", "action": "set", "slots": {"date": "friday"}})
    (found,) = imported.utterances
    assert math.isnan(found.recordings[0].seconds)
    assert replace(found, recordings=()) == Utterance("7", "wake me", "en-US", frame("alarm.set", "date:friday"))
    assert (found.recordings[0].path, found.recordings[0].speaker) == (tmp_path / "a.wav", "3")
    assert imported.columns == {
        **{"id": "uid", "text": "utt", "audio": "wav", "language": "locale", "speaker": "client_id"},
        **{"scenario": "domain", "action": "action", "entities": "slots"},
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        *(("text", name) for name in ("text", "sentence", "transcript", "transcription", "utterance", "utt", "query")),
        *(("text", name) for name in ("normalized_text", "Text", "SENTENCE", "Normalized Text")),
        *(
            ("intent", name)
            for name in ("intent", "label", "intent_label", "Intent-Label", "label_text", "intent_name")
        ),
        *(("id", name) for name in ("id", "uid", "utt_id", "key")),
        *(("language", name) for name in ("language", "lang", "locale")),
        *(("entities", name) for name in ("entities", "slots", "tags", "spans", "annot_utt")),
    ],
)
def test_columns_are_guessed(tmp_path: Path, ours: str, theirs: str) -> None:
    columns = {"text": "text", "intent": "intent", ours: theirs}
    imported = jsonl(tmp_path, {theirs: "a" for theirs in columns.values()})
    assert imported.columns == columns and len(imported.utterances) == 1


AUDIO = ("audio", "audio_path", "audio_filepath", "file", "filename", "path", "wav", "clip", "File Name", "PATH")
TOOLS = ("file_name", "wav_filename", "audio_file", "audioFile", "wavPath")


@pytest.mark.parametrize("name", [*AUDIO, *TOOLS])
def test_columns_of_recordings_are_guessed(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.wav").touch()
    imported = table(tmp_path, f"{name},intent,speakerId\na.wav,order,s1\n")
    assert imported.columns["audio"] == name
    assert only(imported).text is None
    assert only(imported).recordings[0].speaker == "s1"


def test_the_likeliest_of_several_columns_is_taken_and_can_be_overridden(tmp_path: Path) -> None:
    row = {"sentence": "go", "query": "went", "label": "drive", "Label2": "walk"}
    assert jsonl(tmp_path, row).columns == {"text": "sentence", "intent": "label"}
    told = jsonl(tmp_path, row, text="query", intent="Label2")
    assert told.columns == {"text": "query", "intent": "Label2"}
    assert (only(told).text, only(told).frame) == ("went", SemanticFrame("walk"))


def test_a_column_that_is_told_is_not_guessed_as_something_else(tmp_path: Path) -> None:
    imported = jsonl(tmp_path, {"label": "go", "class": "drive"}, text="label", intent="class")
    assert imported.columns == {"text": "label", "intent": "class"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": "words"}, "rows.jsonl: has no column 'words' for text; it has text, intent$"),
        ({"words": "text"}, "^columns: 'words' is none of id, text, audio, language, speaker, intent"),
        ({"scenario": "text"}, "scenario and action go together; name the column of the action too$"),
    ],
)
def test_a_column_that_is_told_wrong_is_named(tmp_path: Path, columns: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        jsonl(tmp_path, COFFEE, **columns)


def test_scenario_and_action_make_the_intent_and_an_intent_alone_stays_one(tmp_path: Path) -> None:
    pair = {"text": "go", "intent": "other", "scenario": "car", "action": "drive_on"}
    assert only(jsonl(tmp_path, pair)).frame == SemanticFrame.of("car", "drive_on")
    assert only(jsonl(tmp_path, {"text": "go", "intent": "car_drive"})).frame == SemanticFrame("car_drive")
    half = jsonl(tmp_path, {"text": "go", "intent": "car_drive", "scenario": "car"})
    assert only(half).frame == SemanticFrame("car_drive") and "scenario" not in half.columns
    both = table(tmp_path, "text,intent,scenario,action\ngo,other,car,drive_on\nstop,halt,,\nturn,turn,car,\n")
    assert [row.frame for row in both.utterances] == [SemanticFrame.of("car", "drive_on"), SemanticFrame("halt")]
    assert [row.reason for row in both.rejected] == ['needs both "scenario" and "action", as the file has them']


@pytest.mark.parametrize(
    ("entities", "pairs"),
    [
        ([{"type": "size", "filler": "small"}, {"type": "drink", "filler": "latte"}], ["size:small", "drink:latte"]),
        ([{"size": "small"}, {"drink": "latte"}], ["size:small", "drink:latte"]),
        ([{"size": "small", "drink": None}], ["size:small"]),
        ([{"entity": "size", "value": "small", "start": 2, "end": 7}], ["size:small"]),
        ([{"slot": "size", "value": "small"}], ["size:small"]),
        *(
            ([{kind: "size", filler: "small"}, {kind: "drink", filler: "latte"}], ["size:small", "drink:latte"])
            for kind, filler in (
                *(("label", "text"), ("name", "value"), ("name", "text"), ("tag", "word"), ("Type", "Value")),
                *(("slotName", "value"), ("slot_type", "surface"), ("entity_type", "mention")),
            )
        ),
        ([{"entity_group": "size", "score": 0.9, "word": "small", "start": 2, "end": 7}], ["size:small"]),
        ([{"entity_group": "size", "word": "##mall", "start": 2, "end": 7}], ["size:small"]),
        ([{"category": "size", "offset": 2, "length": 5}], ["size:small"]),
        ([{"category": "size", "text": "small", "offset": 2, "length": 5, "confidenceScore": 1}], ["size:small"]),
        *(
            ([{kind: "size", start: 2, end: 7}, {kind: "drink", start: 8, end: 13}], ["size:small", "drink:latte"])
            for kind, start, end in (
                ("class", "from", "to"),
                ("label", "start", "end"),
                ("tag", "startChar", "end_char"),
            )
        ),
        ([[2, 7, "size"], [8, 13, "drink"]], ["size:small", "drink:latte"]),
        ({"type": "latte", "text": "small", "size": "big"}, ["type:latte", "text:small", "size:big"]),
        ({"type": "latte", "value": "2", "start": "9"}, ["type:latte", "value:2", "start:9"]),
        ({"type": "size", "value": "small", "start": 2, "end": 7, "score": 0.9}, ["size:small"]),
        ({"entity": "size", "value": "small", "role": "to"}, ["size.to:small"]),
        ([{"entity": "size", "value": "small", "role": "to", "start": 2, "end": 7}], ["size.to:small"]),
        ([{"entity": "size", "role": "to", "start": 2, "end": 7}], ["size.to:small"]),
        ([{"entity": "size", "slot_name": "of_cup", "text": "small"}], ["of_cup:small"]),
        ([{"entity": "size", "slot_name": None, "text": "small"}], ["size:small"]),
        ([{"name": "of_cup", "type": "size", "value": "small"}], ["of_cup:small"]),
        ([{"name": "Small", "type": "size", "value": "small"}], ["size:small"]),
        ({"start": [2, 8], "end": [7, 13], "label": ["size", "drink"]}, ["size:small", "drink:latte"]),
        ({"start": [], "end": [], "label": []}, []),
        ([{"date": float("nan"), "size": "small"}], ["size:small"]),
        ([{"start": 2, "end": 7, "text": "small", "labels": ["size", "word"]}], ["size:small", "word:small"]),
        ({"label": ["size", "drink"], "text": ["small", "latte"]}, ["size:small", "drink:latte"]),
        ({"name": "latte", "text": "small"}, ["name:latte", "text:small"]),
        ({"size": "small", "drink": "latte"}, ["size:small", "drink:latte"]),
        ({"size": ["small", "large"], "drink": ""}, ["size:small", "size:large"]),
        ({"type": "size", "filler": "small"}, ["size:small"]),
        ({"type": ["size", "drink"], "filler": ["small", "latte"]}, ["size:small", "drink:latte"]),
        ({"type": "latte"}, ["type:latte"]),
        ({"shots": 2}, ["shots:2"]),
        ("a [size : small] latte", ["size:small"]),
        ("a [ size:small ] [drink : latte]", ["size:small", "drink:latte"]),
        ("size=small; shots = 2", ["size:small", "shots:2"]),
        ("size=;drink=iced latte;", ["drink:iced latte"]),
        ("size=small\nsize=large", ["size:small", "size:large"]),
        ("a small latte", []),
        ([], []),
        ({}, []),
        (None, []),
        (" ", []),
    ],
    ids=str,
)
def test_entities_are_read_in_all_ways_of_writing(tmp_path: Path, entities: Any, pairs: list[str]) -> None:
    expected = frame("order", *pairs)
    assert only(jsonl(tmp_path, COFFEE | {"entities": entities})).frame == expected
    if not isinstance(entities, str) and "NaN" not in json.dumps(entities):
        for cell in (json.dumps(entities), repr(entities)):  # repr is what pandas writes
            quoted = cell.replace('"', '""')
            found = only(table(tmp_path, f'text,intent,entities\na small latte,order,"{quoted}"\n'))
            assert (found.text, found.frame) == ("a small latte", expected)


ENTITIES = '"entities" must be a list of {"type": ..., "filler": ...} or an object of {"type": "filler"}'
SPANS = [{"start": 3, "end": 6, "text": "bob", "labels": ["name"]}]


@pytest.mark.parametrize("name", ["label", "Label"])
def test_spans_that_are_called_label_are_entities(tmp_path: Path, name: str) -> None:
    """As Label Studio exports them in JSON-MIN and CSV; in CSV they were not read, as there is an intent."""
    rows = [{"text": "hi", "intent": "greet", name: ""}, {"text": "hi bob", "intent": "greet", name: SPANS}]
    quoted = json.dumps(SPANS).replace('"', '""')
    csv = table(tmp_path, f'text,intent,{name}\nhi,greet,\nhi bob,greet,"{quoted}"\n')
    write_lines(tmp_path / "min.jsonl", rows)
    for imported in (csv, read_utterances(tmp_path / "min.jsonl")):
        assert [row.frame for row in imported.utterances] == [frame("greet"), frame("greet", "name:bob")]
        assert imported.columns["entities"] == name and imported.others == {}
    alone = table(tmp_path, f'text,{name}\nhi bob,"{quoted}"\n')
    assert reasons(alone) == ['needs an "intent", or "scenario" and "action"']


@pytest.mark.parametrize(
    ("value", "place", "filler"),
    [
        ("Robert", (3, 6), "bob"),
        ("BOB", (0, 2), "hi"),
        ("BOB", (3, 6), "BOB"),
        ("bob", (1, 2), "bob"),
        ("Robert", (3, 60), "Robert"),
        ("Robert", (6, 3), "Robert"),
    ],
)
def test_of_a_synonym_the_words_of_the_text_are_taken(
    tmp_path: Path, value: str, place: tuple[int, int], filler: str
) -> None:
    entity = {"entity": "name", "value": value, "start": place[0], "end": place[1]}
    found = only(jsonl(tmp_path, {"text": "hi bob", "intent": "greet", "entities": [entity]}))
    assert found.frame == frame("greet", f"name:{filler}")


@pytest.mark.parametrize(
    ("text", "entity", "filler"),
    [
        ("switch off the second lamp on floor 2", {"start": 15, "end": 21, "value": "2"}, "second"),
        ("two flights", {"start": 0, "end": 3, "value": 2}, "two"),
        ("two flights", {"start": 0, "end": 3, "value": None}, "two"),
        ("fly to NYC", {"value": "new york", "text": "nyc"}, "nyc"),
        ("fly to new york", {"value": "new york", "text": "nyc"}, "new york"),
        ("fly to new york", {"value": "paris", "text": "nyc"}, "paris"),
        ("set it for 5pm", {"start": 11, "end": 12, "value": 5}, "5"),
        ("明日の天気", {"start": 3, "end": 5}, "天気"),
    ],
)
def test_the_words_that_are_marked_are_the_filler_and_not_their_value(
    tmp_path: Path, text: str, entity: dict[str, Any], filler: str
) -> None:
    row = {"text": text, "intent": "x", "entities": [{"type": "y", **entity}]}
    assert only(jsonl(tmp_path, row)).frame == frame("x", f"y:{filler}")


@pytest.mark.parametrize(
    ("text", "start", "end", "words"),
    [
        ("fly to rome", 7, 10, "rom"),
        ("лети в рим", 7, 9, "ри"),
        ("table for 12", 10, 11, "1"),
        ("to malmö now", 3, 7, "malm"),
    ],
)
@pytest.mark.parametrize("value", [{}, {"value": "elsewhere"}])
def test_an_end_at_the_last_letter_is_found_in_every_script_with_spaces(
    tmp_path: Path, text: str, start: int, end: int, words: str, value: dict[str, Any]
) -> None:
    """Only ASCII letters were looked at: the last letter of a word in Cyrillic was lost."""
    row = {"text": text, "intent": "x", "entities": [{"type": "y", "start": start, "end": end, **value}]}
    assert reasons(jsonl(tmp_path, row)) == [
        f"has an entity from {start} to {end}, {words!r}, which cuts a word; end is the place behind it"
    ]


def test_lists_of_different_lengths_are_a_fault(tmp_path: Path) -> None:
    row = COFFEE | {"entities": {"start": [2, 8], "end": [7], "label": ["size"]}}
    assert reasons(jsonl(tmp_path, row)) == ['"entities" has lists of different lengths for start, end, label']


def test_blanks_around_a_label_are_no_part_of_it(tmp_path: Path) -> None:
    row = {"text": "pay 40", "intent": " pay ", "slots": [{"type": " amount ", "filler": " 40 "}]}
    assert only(jsonl(tmp_path, row)).frame == frame("pay", "amount:40")
    unseen = {"text": "pay 40", "intent": "pay\u200b", "slots": {"\ufeffamount\u200d": "40\u2060"}}
    assert only(jsonl(tmp_path, unseen)).frame == frame("pay", "amount:40")  # two labels looked alike
    marked = {"text": "pay 40", "intent": "\u200epay\u200f \u00ad", "slots": {"\u202aamount\u202c": "40"}}
    assert only(jsonl(tmp_path, marked)).frame == frame("pay", "amount:40")
    joined = {"text": "go", "intent": "\u0915\u094d\u200d"}  # where letters join, a joiner changes how one looks
    assert only(jsonl(tmp_path, joined)).frame == frame(joined["intent"])
    assert reasons(jsonl(tmp_path, {"text": "go", "intent": "\u200b"})) == [
        'needs an "intent", or "scenario" and "action"'
    ]
    pair = {"text": "go", "scenario": " car", "action": "drive "}
    assert only(jsonl(tmp_path, pair)).frame == SemanticFrame.of("car", "drive")


TWICE = '{"city": "paris", "date": "friday", "city": "rome"}'
TWO_CITIES = ["city:paris", "date:friday", "city:rome"]


@pytest.mark.parametrize("written", [TWICE, f"[{TWICE}]", TWICE.replace('"', "'"), f"[{TWICE}]".replace('"', "'")])
def test_a_type_that_stands_twice_has_both_fillers(tmp_path: Path, written: str) -> None:
    """JSON kept rome alone, and said nothing."""
    quoted = written.replace('"', '""')
    assert only(table(tmp_path, f'text,intent,slots\ngo,fly,"{quoted}"\n')).frame == frame("fly", *TWO_CITIES)
    if '"' in written:
        (tmp_path / "rows.jsonl").write_text(f'{{"text": "go", "intent": "fly", "slots": {written}}}\n')
        assert only(read_utterances(tmp_path / "rows.jsonl")).frame == frame("fly", *TWO_CITIES)


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ('"text": "go", "intent": "fly", "intent": "book"', "intent"),
        ('"text": "go", "text": "go", "intent": "fly"', "text"),
        ('"text": "go", "intent": "fly", "slots": [], "slots": [{"city": "rome"}]', "slots"),
        ('"text": "go", "intent": "fly", "slots": [{"type": "city", "filler": "oslo", "filler": "rome"}]', "filler"),
        ('"intent": "fly", "audio": {"path": "a.wav", "path": "b.wav"}', "path"),
        ('"messages": [], "messages": [], "intent": "fly"', "messages"),
        ('"audio_filepath": "a.wav", "duration": 1, "semantics": {"intent": "fly", "intent": "go"}', "intent"),
        (
            '"supervisions": [{"custom": {"intent": "a", "intent": "b"}}], '
            '"recording": {"sources": [{"type": "file", "source": "a.wav"}]}',
            "intent",
        ),
    ],
)
def test_any_other_key_that_stands_twice_is_a_fault(tmp_path: Path, row: str, key: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f"{{{row}}}\n")
    imported = read_utterances(tmp_path / "rows.jsonl")
    assert reasons(imported) == [f"has the key {key!r} twice; write it once"]
    assert json.dumps(imported.rejected[0].row).count(f'"{key}"') == row.count(f'"{key}"')  # both are to be seen


BRACKETS = (
    *("[00:16.020 --> 00:18.090]  wake me at six", "[10:30] remind me to call mum", "[noise: door] lights off"),
    *("[Speaker 1: agent] how can i help", "wake me at [time : nine am]", "a [size:small] latte"),
)


@pytest.mark.parametrize("text", BRACKETS)
def test_brackets_in_a_text_are_no_entities_unless_somebody_says_so(tmp_path: Path, text: str) -> None:
    """Times, noises and speakers became entities of the types "10", "noise" and "Speaker 1"."""
    for found in (
        only(jsonl(tmp_path, {"text": text, "intent": "x"})),
        only(table(tmp_path, f"text,intent\n{text},x\n")),
    ):
        assert (found.text, found.frame) == (text, frame("x"))


def test_text_with_marks_gives_words_and_entities_where_its_column_is_both(tmp_path: Path) -> None:
    marked = {"text": "wake me at [time : nine am] [date : friday]", "intent": "wake"}
    plain = jsonl(tmp_path, marked)
    assert plain.notes == (
        "the column text has [type : words] in it and is read as plain text; "
        "for entities add --map text=text --map entities=text",
    )
    told = jsonl(tmp_path, marked, text="text", entities="text")
    assert only(told).text == "wake me at nine am friday" and told.notes == ()
    assert only(told).frame == frame("wake", "time:nine am", "date:friday")
    annotated = jsonl(tmp_path, {"annot_utt": marked["text"], "intent": "wake"})
    assert only(annotated).text == only(told).text and only(annotated).frame == only(told).frame
    assert annotated.columns == {"text": "annot_utt", "intent": "intent", "entities": "annot_utt"}


@pytest.mark.parametrize("name", ["labels", "annotations", "ner"])
@pytest.mark.parametrize(
    "spans", [[{"start": 2, "end": 7, "label": "size"}], '[{"start": 2, "end": 7, "label": "size"}]']
)
def test_a_column_of_places_in_the_text_is_pointed_out(tmp_path: Path, name: str, spans: Any) -> None:
    """Of entities that were called labels nothing was said."""
    row = COFFEE | {name: spans}
    assert jsonl(tmp_path, row).notes == (
        f"the column {name} has places in a text and is not read; for entities add --map entities={name}",
    )
    told = jsonl(tmp_path, row, entities=name)
    assert told.notes == () and only(told).frame == frame("order", "size:small")
    assert jsonl(tmp_path, row | {"entities": []}).notes == ()
    assert jsonl(tmp_path, COFFEE | {name: [{"label": "size"}, "x"]}, COFFEE | {name: "[{"}).notes == ()


@pytest.mark.parametrize(
    ("mark", "remedy"),
    [
        *((mark, "if it marks an entity, write the words") for mark in ("[rome](city)", "<city>rome</city>")),
        *((mark, "if it is HTML, decode it first") for mark in ("&#39;", "&amp;")),
    ],
)
def test_marks_in_a_text_are_pointed_out(tmp_path: Path, mark: str, remedy: str) -> None:
    """They were learned as words, and nobody was told."""
    (said,) = jsonl(tmp_path, {"text": f"fly to {mark} now", "intent": "fly"}).notes
    assert said.startswith(f"the column text has {mark} in it and is read as plain text; {remedy}")
    harmless = "AT&T <b> a < b > c [see](https://a.b) f(x) & more; <i>"
    assert jsonl(tmp_path, {"text": harmless, "intent": "fly"}).notes == ()


def test_a_column_of_files_that_exist_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    """file_name and wav_filename were not known: rows were kept without their recordings."""
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "b.wav").touch()
    imported = table(tmp_path, "tape,note,text,intent\na,b c,go,drive\nb,,stop,halt\n")
    assert imported.ignored == ("tape", "note")
    assert imported.notes == (
        "the column tape names files that exist and is not read; for recordings add --map audio=tape",
    )
    assert table(tmp_path, "tape,text,intent\nb,go,drive\n", audio="tape").notes == ()


def test_recordings_that_are_called_by_their_ids_are_pointed_out_and_keep_them(tmp_path: Path) -> None:
    """The rows became text alone, and nobody was told of the recordings."""
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "u1.wav").touch()
    content = "utt_id,text,intent\nu1,turn on,on\n"
    assert table(tmp_path, content).notes == (
        "the column utt_id names files that exist and is read as ids alone; "
        "for recordings add --map audio=utt_id, which keeps the ids",
    )
    told = table(tmp_path, content, audio="utt_id")
    assert (only(told).id, only(told).recordings[0].path) == ("u1", tmp_path / "wavs" / "u1.wav") and not told.notes
    assert table(tmp_path, "utt_id,file,text,intent\nu1,b.wav,turn on,on\n").notes == ()
    assert table(tmp_path, content, audio="utt_id", id="").columns == {
        **{"text": "text", "audio": "utt_id", "intent": "intent"},
    }


def test_rows_of_two_tools_in_one_file_are_read_by_the_names_of_each(tmp_path: Path) -> None:
    """Of "slots" in one row and "entities" in another, the slots were lost."""
    rows = [{"text": "go", "intent": "fly"}, {"sentence": "stop", "label": "halt"}]
    rows = [rows[0] | {"slots": {"city": "rome"}}, rows[1] | {"entities": None, "slots": {"city": "oslo"}}]
    imported = jsonl(tmp_path, *rows, {"text": "on", "sentence": "off", "intent": "x", "entities": [{"city": "bonn"}]})
    assert [(u.text, u.frame) for u in imported.utterances] == [
        ("go", frame("fly", "city:rome")),
        ("stop", frame("halt", "city:oslo")),
        ("on", frame("x", "city:bonn")),
    ]
    assert imported.columns["entities"] == "entities" and imported.others["entities"] == ["slots"]
    assert imported.ignored == ()
    assert jsonl(tmp_path, *rows[:1], entities="slots").others.get("entities") is None


def test_a_column_is_read_where_another_is_blank_if_no_row_fills_both(tmp_path: Path) -> None:
    """A blank intent was filled from a column `label` that said something else in other rows."""
    either = table(tmp_path, "text,intent,label\ngo,,drive\nstop,halt,\n")
    assert [row.frame for row in either.utterances] == [frame("drive"), frame("halt")]
    assert either.others == {"intent": ["label"]} and either.ignored == ()
    both = table(tmp_path, "text,intent,slots,label,tags\ngo,drive,x=go,ok,home\nstop,halt,,bad,home\nso,,,bad,\n")
    assert [row.frame for row in both.utterances] == [frame("drive", "x:go"), frame("halt")]
    assert both.rejected[0].reason.startswith('needs an "intent"')
    assert both.others == {} and both.ignored == ("label", "tags")


def test_so_it_is_in_parquet(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"text": ["go", "stop"], "intent": ["drive", None], "label": ["ok", "bad"]}
    parquet.write_table(arrow.table(columns), tmp_path / "rows.parquet")
    imported = read_utterances(tmp_path / "rows.parquet")
    assert [row.frame for row in imported.utterances] == [frame("drive")] and len(imported.rejected) == 1
    parquet.write_table(arrow.table(columns | {"label": [None, "halt"]}), tmp_path / "rows.parquet")
    imported = read_utterances(tmp_path / "rows.parquet")
    assert [row.frame for row in imported.utterances] == [frame("drive"), frame("halt")]


@pytest.mark.parametrize("entities", [[], {}, ""])
def test_no_entities_are_an_answer_that_no_other_key_fills(tmp_path: Path, entities: Any) -> None:
    """Predictions that somebody had rejected became entities, and topics set good rows aside."""
    row = COFFEE | {"entities": entities}
    spans = [{"start": 2, "end": 7, "label": "rejected"}]
    assert only(jsonl(tmp_path, row | {"spans": spans, "tags": ["smalltalk"]})).entities == ()
    assert reasons(jsonl(tmp_path, COFFEE | {"intent": " ", "label": "drive"}))[0].startswith('needs an "intent"')


@pytest.mark.parametrize("given", [12345678901234567890, -5, 7.5, 10**60])
def test_ids_may_be_numbers_of_any_length(tmp_path: Path, given: float) -> None:
    assert only(jsonl(tmp_path, COFFEE | {"id": given})).id == str(given)


@pytest.mark.parametrize(("in_table", "on_disk"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_may_be_written_in_two_ways(tmp_path: Path, in_table: Form, on_disk: Form) -> None:
    """macOS writes é of a file's name as e and an accent; such a recording was missing."""
    folder = tmp_path / unicodedata.normalize(on_disk, "café")
    folder.mkdir()
    file = folder / unicodedata.normalize(on_disk, "grüße.wav")
    file.touch()
    (recording,) = only(table(tmp_path, unicodedata.normalize(in_table, "audio,intent\ncafé/grüße,x\n"))).recordings
    assert recording.path == file


def test_the_text_of_massive_is_taken_from_its_own_column(tmp_path: Path) -> None:
    row = {"utt": "来週の月曜", "annot_utt": "[date : 来週] の 月曜", "intent": "alarm_set", "scenario": "alarm"}
    found = only(jsonl(tmp_path, row))
    assert (found.text, found.frame) == ("来週の月曜", frame("alarm_set", "date:来週"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": " "}, "has neither text nor a recording"),
        ({"text": 5}, '"text" must be text, not int'),
        ({"text": "half \ud800"}, '"text" holds half of a surrogate pair, which is not a character'),
        ({"intent": ""}, 'needs an "intent", or "scenario" and "action"'),
        ({"intent": 12}, '"intent" must be text, not int'),
        ({"scenario": "car", "action": ""}, 'needs both "scenario" and "action", as the file has them'),
        ({"language": ["en"]}, '"language" must be text, not list'),
        ({"id": True}, '"id" must be text, not bool'),
        ({"id": {}}, '"id" must be text, not dict'),
        ({"recordings": 5}, '"recordings" must be text, not int'),
        ({"recordings": ["a.wav"]}, 'each of "recordings" needs a "file", as text'),
        ({"recordings": [{"file": " "}]}, 'each of "recordings" needs a "file", as text'),
        *(
            ({"recordings": [{"file": "a.wav", "seconds": seconds}]}, "the length of a recording must be a number")
            for seconds in (0, -1, "1", True, float("inf"))
        ),
        ({"recordings": [{"file": "a.wav", "speaker": []}]}, '"speaker" must be text, not list'),
        ({"audio": 7}, '"audio" must be text, not int'),
        ({"audio": {"path": "a.wav", "bytes": "no!"}}, "the bytes of a recording must be in base64; or write it to a"),
        (
            {"audio": {"clip_of": "a.wav", "hz": 8}},
            '"audio" must be a path, or have a "path", "bytes" or an "array"; it ',
        ),
        ({"audio": {"path": "a.wav", "start": 2, "end": 1}}, "its part from 2 to 1 s is empty"),
        ({"audio": ["a.wav", "b.wav"]}, "names 2 recordings; write a row for each of them"),
        ({"audio": [0.0, 0.1]}, "a recording as samples needs their rate: "),
        ({"audio": {"array": [0.0, 0.1], "path": None}}, "a recording as samples needs their rate: "),
        ({"audio": {"array": ["a"], "sampling_rate": 8000}}, 'the "array" of a recording must be numbers'),
        (
            {"audio": {"array": [[[0.0]]], "sampling_rate": 8000}},
            'the "array" of a recording must be a list of numbers',
        ),
        ({"audio": {"array": [[]], "sampling_rate": 8000}}, 'the "array" of a recording must be a list'),
        ({"audio": "a.wav", "start": 2, "end": 1}, "its part from 2 to 1 s is empty"),
        ({"audio": "a.wav", "start": -2, "end": 1}, "the start of a part of a recording must be 0 or above, not -2"),
        ({"audio": "a.wav", "start": "now", "end": 1}, "the start of a part of a recording must be seconds, or"),
        ({"audio": "a.wav", "start": 0, "end": 7, "duration": 2}, "its part from 0 to 7 does not last 2 s, in no unit"),
        ({"audio": "x" * 5000}, "no file can be called 'xxx"),
        ({"audio": "a\0/b.wav"}, "no file can be called 'a\\x00/b.wav'"),
        ({"audio": "https://a.b/c.wav"}, "the recording https://a.b/c.wav is a URL; download the file and name that"),
        ({"entities": 5}, '"entities" must be a list of {"type": ..., "filler": ...} or an object of {"type": "fill'),
        ({"entities": "O B-size O"}, '"entities" must be a list of'),
        ({"entities": "size=small, shots=2"}, '"entities" must be a list of'),
        ({"entities": "size=small; two shots"}, '"entities" must be a list of'),
        ({"entities": "{size"}, "entities must be JSON, or a Python literal, but is neither"),
        ({"entities": "[" * 9000}, "entities must be JSON, or a Python literal, but is neither"),
        ({"entities": ["small"]}, '"entities" must be a list of'),
        ({"entities": [{"type": "date", "span": [2]}]}, '"entities" must be a list of'),
        ({"entities": [{"type": "date", "filler": ""}]}, '"entities" must be a list of'),
        *(
            ({"entities": [{"size": "small"}, item]}, f"{ENTITIES}; one has {', '.join(item)}")
            for item in (
                *({"label": "date", "says": "friday"}, {"word": "friday", "sort": "date"}, {"name": "a", "city": "b"}),
                *(
                    {"start": 2, "end": 7, "sort": "size"},
                    {"sort": "size", "at": 2, "long": 5},
                    {"sort": "x", "start": "9"},
                    {"size": "x", "shots": 2},
                ),
            )
        ),
        ({"entities": [{"": "friday"}]}, '"entities" must be a list of'),
        ({"entities": [{"date": {"day": "friday"}}]}, '"filler" must be text, not dict'),
        (
            {"entities": [{"label": "size", "start": 2, "end": 70}]},
            "has an entity from 2 to 70, but its text has the places",
        ),
        ({"entities": [[-4, 7, "size"]]}, "has an entity from -4 to 7, but its text has the places 0 to 13"),
        (
            {"entities": [{"label": "size", "start": 2, "end": 6}]},
            "has an entity from 2 to 6, 'smal', which cuts a word; e",
        ),
        *(
            ({"entities": slots}, f'"entities" has {", ".join(slots)}: are they slots, or one entity?')
            for slots in (
                {"type": "latte", "text": "small"},
                {"type": "standup", "text": "latte", "start": 9, "end": 10},
            )
        ),
        ({"entities": {"type": ["a", "b"], "filler": ["c"]}}, "\"entities\" has 2 of 'type' but 1 of 'filler'"),
        ({"entities": "{1: 0x" + "f" * 5000 + "}"}, '"filler" must be text, not int'),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_row_that_cannot_be_used_has_its_reason(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "rows.jsonl").write_text(json.dumps(COFFEE | row) + "\n")
    imported = read_utterances(tmp_path / "rows.jsonl", "jsonl")
    (said,) = reasons(imported)
    assert said.startswith(reason)
    assert imported.rejected[0].place == f"{tmp_path}/rows.jsonl, row 1"
    assert imported.rejected[0].row.keys() == (COFFEE | row).keys()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    quote = "" if delimiter == "\t" else '"'
    row = delimiter.join(["1", f"{quote}one, two; three | four{quote}", "count"])
    head = delimiter.join(["id", "text", "intent"])
    found = only(table(tmp_path, f"{head}\r\n{row}\r\n"))
    assert (found.id, found.text, found.frame.intent) == ("1", "one, two; three | four", "count")


def test_quoted_cells_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    imported = table(tmp_path, 'text,intent\n"say ""hi"",\nnow",greet\n\n,,\n,\ngo, drive \n"",x\n')
    assert [(u.text, u.frame.intent) for u in imported.utterances] == [('say "hi",\nnow', "greet"), ("go", "drive")]
    assert [(r.place.partition(", ")[2], r.reason) for r in imported.rejected] == [
        ("row 7", "has neither text nor a recording")  # as a spreadsheet numbers them
    ]


def test_rows_of_other_lengths_than_the_header_are_set_apart(tmp_path: Path) -> None:
    imported = table(tmp_path, 'text,intent\ngo, now,drive\nstop\n"go on\nnow",drive,far\n')
    assert reasons(imported) == [
        "has 3 cells, but the header has 2",
        "has 1 cells, but the header has 2",
        "has 3 cells, but the header has 2; is a quote left open?",
    ]
    assert [rejected.row for rejected in imported.rejected] == ["go, now,drive\n", "stop\n", '"go on\nnow",drive,far\n']


def test_a_quote_that_is_never_closed_ends_neither_the_reading_nor_the_rows_before(tmp_path: Path) -> None:
    imported = table(tmp_path, "text,intent\ngo,drive\n" + '"open' + "x" * 200_000 + "\nstop,halt\n")
    assert [u.text for u in imported.utterances] == ["go", "stop"]
    assert imported.rejected[0].reason == "is not a row of CSV (unexpected end of data); is a quote left open?"


@pytest.mark.parametrize("folder", ["", "audio", "wav", "wavs", "clips", "recordings"])
@pytest.mark.parametrize("name", ["s1/a.wav", "s1/a", "s1\\a.wav"])
def test_recordings_are_found_beside_the_table(tmp_path: Path, folder: str, name: str) -> None:
    (tmp_path / folder / "s1").mkdir(parents=True)
    for file in ("a.wav", "a.txt", "ab.wav"):
        (tmp_path / folder / "s1" / file).touch()
    found = only(table(tmp_path, f"file,intent\n{name},order\n"))
    assert found.recordings[0].path == tmp_path / folder / "s1" / "a.wav"


def test_recordings_may_be_anywhere_by_their_full_names(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "a.mp3").touch()
    for name in (tmp_path / "a.mp3", "../a.mp3"):
        path = only(table(tmp_path / "data", f"file,intent\n{name},order\n")).recordings[0].path
        assert path.resolve() == (tmp_path / "a.mp3").resolve()


@pytest.mark.parametrize("name", ["no.wav", "no", "s1/no.wav", "/no/no.wav"])
def test_a_recording_that_is_nowhere_is_left_to_be_counted_as_missing(tmp_path: Path, name: str) -> None:
    (tmp_path / "clips").mkdir()
    assert only(table(tmp_path, f"file,intent\n{name},order\n")).recordings[0].path == tmp_path / name


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("file://{folder}/a.wav", "a.wav"),
        ("file://{folder}/a%20b.wav", "a b.wav"),
        ("wavs/c%20d.wav", "wavs/c d.wav"),
        ("c%20d", "wavs/c d.wav"),
        ("e%20f.wav", "e%20f.wav"),
        ("file:///no/no.wav", "/no/no.wav"),
    ],
)
def test_addresses_of_files_and_encoded_names_are_found(tmp_path: Path, name: str, file: str) -> None:
    """They were refused as URLs, or missing."""
    (tmp_path / "wavs").mkdir()
    for each in ("a.wav", "a b.wav", "wavs/c d.wav", "e f.wav", "e%20f.wav"):
        (tmp_path / each).touch()
    named = name.format(folder=tmp_path)
    (recording,) = only(table(tmp_path, f"file,intent\n{named},order\n")).recordings
    assert recording.path == tmp_path / file
    if not file.startswith("/"):
        assert (
            table(tmp_path, f"tape,text,intent\n{named},go,drive\n").notes[0].startswith("the column tape names files")
        )


def test_a_name_that_fits_two_recordings_is_none(tmp_path: Path) -> None:
    for name in ("a.wav", "a.flac"):
        (tmp_path / name).touch()
    assert reasons(table(tmp_path, "file,intent\na,order\n")) == [
        "the recording a may be a.flac or a.wav; write the suffix too"
    ]


def test_ids_come_from_the_content_and_copies_are_counted(tmp_path: Path) -> None:
    rows = [COFFEE, COFFEE | {"entities": [{"size": "small"}]}, COFFEE, COFFEE]
    ids = [found.id for found in jsonl(tmp_path, *rows).utterances]
    assert ids == [ids[0], ids[1], f"{ids[0]}-2", f"{ids[0]}-3"]
    assert ids[0] != ids[1] and all(len(each) == 12 and int(each, 16) for each in ids[:2])
    assert [found.id for found in jsonl(tmp_path, *reversed(rows)).utterances][2] == ids[1]


def test_ids_from_the_content_do_not_depend_on_where_the_folder_is(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.wav").touch()
    here, there = (only(table(tmp_path / folder, "file,intent\na.wav,order\n")).id for folder in ("here", "there"))
    assert here == there


def test_an_id_that_stands_twice_is_set_apart(tmp_path: Path) -> None:
    first = jsonl(tmp_path, COFFEE).utterances[0].id
    imported = jsonl(tmp_path, COFFEE | {"id": first}, COFFEE | {"id": first}, COFFEE)
    assert [found.id for found in imported.utterances] == [first, f"{first}-2"]
    assert imported.rejected[0].reason == f"row 1 has the id {first!r} already; ids must differ"


def test_cells_in_which_tools_write_that_a_value_is_missing_are_blank(tmp_path: Path) -> None:
    """They were the words, the intents and the languages "nan", "NaN" and "NULL"."""
    rows = ["NaN,a.wav,x,NULL", "nan,,x,en", "<NA>,,x,en", "hi,NaN,#N/A,en", "null,,null,<NA>"]
    imported = table(tmp_path, "text,audio,intent,lang\n" + "\n".join(rows) + "\n")
    found = [(row.text, len(row.recordings), row.frame, row.language) for row in imported.utterances]
    assert found == [(None, 1, frame("x"), "und"), ("nan", 0, frame("x"), "en"), ("null", 0, frame("null"), "und")]
    assert [row.reason.partition(",")[0] for row in imported.rejected] == [
        "has neither text nor a recording",
        'needs an "intent"',
    ]
    assert imported.notes == (
        "6 cells with NaN, NULL, <NA> and #N/A, as tools write what is missing, read as blank",
        "1 row with nan for text, which is kept as words; leave the cell blank where nobody said so",
    )


def test_a_column_that_is_for_something_else_is_named_and_can_be_left_out(tmp_path: Path) -> None:
    """All rows were set aside with a word on "entities", which the file does not have."""
    topics = "text,intent,tags,language\nlights off,off,urgent;home,en\n"
    assert reasons(table(tmp_path, topics)) == [
        ENTITIES.replace(
            '"entities"', '"tags" is read as entities (if it is for something else, add --map entities=) and'
        )
        + ', or "type=filler; type=filler", or the text with [type : words] in it'
    ]
    left_out = table(tmp_path, topics, entities="", language="")
    assert (only(left_out).entities, only(left_out).language) == ((), "und")
    assert left_out.columns == {"text": "text", "intent": "intent"} and left_out.ignored == ("tags", "language")
    assert reasons(jsonl(tmp_path, {"text": "hi", "label": 0})) == ['"label" must be text, not int']
    spans = jsonl(tmp_path, {"text": "hi bob", "intent": "greet", "label": SPANS}, entities="")
    assert only(spans).entities == () and only(jsonl(tmp_path, {"annot_utt": "hi", "intent": "x"}, entities=""))


@pytest.mark.parametrize("key", ["audio", "id", "speaker", "start", "language", "slots"])
def test_what_is_not_a_number_is_blank(tmp_path: Path, key: str) -> None:
    """pandas and Parquet write a missing value so; the row was set aside, as NaN is no text."""
    nan = float("nan")
    assert len(jsonl(tmp_path, COFFEE | {key: nan}).utterances) == 1
    recorded = COFFEE | {"recordings": [{"file": "a.wav", "seconds": nan}]}
    assert math.isnan(only(jsonl(tmp_path, recorded)).recordings[0].seconds)
    part = jsonl(tmp_path, COFFEE | {"audio": "a.wav", "start": nan, "end": nan, "channel": nan})
    assert type(only(part).recordings[0]) is Recording


def test_what_cannot_be_written_as_json_is_put_into_words(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "\\ud800", "intent": NaN}\n')
    assert read_utterances(tmp_path / "rows.jsonl").rejected[0].row == {"text": "?", "intent": "NaN"}


def test_parquet_is_read(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (tmp_path / "a.wav").touch()
    audio = [{"bytes": None, "path": "a.wav"}, {"bytes": b"RIFF", "path": "b.wav"}, None]
    slots = [{"size": "small", "drink": None}, {"size": None, "drink": None}, {"size": "a", "drink": "b"}]
    columns = {"audio": audio, "intent": ["order"] * 3, "slots": slots, "sentence": [None, "go", "now"]}
    parquet.write_table(arrow.table(columns), tmp_path / "rows.parquet")
    imported = read_utterances(tmp_path / "rows.parquet")
    assert imported.columns == {"text": "sentence", "audio": "audio", "intent": "intent", "entities": "slots"}
    assert imported.rejected == () and [len(u.recordings) for u in imported.utterances] == [1, 1, 0]
    assert [u.frame for u in imported.utterances] == [
        *(frame("order", "size:small"), frame("order"), frame("order", "size:a", "drink:b")),
    ]
    stored = imported.utterances[1].recordings[0]
    assert isinstance(stored, Excerpt) and (stored.path, stored.stored) == (tmp_path / "b.wav", b"RIFF")


SAMPLES = {"path": None, "array": [0.0, 0.5, -0.5], "sampling_rate": 8000}


@pytest.mark.parametrize(
    ("audio", "shape"),
    [
        (SAMPLES, (3, 1)),
        (SAMPLES | {"path": "far/b.mp3"}, (3, 1)),
        (SAMPLES | {"array": [[0.0, 0.5, -0.5], [0.0, 0.5, -0.5]]}, (3, 2)),
        (SAMPLES | {"array": [0, 16384, -16384]}, (3, 1)),
    ],
)
def test_samples_in_a_row_are_its_recording(tmp_path: Path, audio: dict[str, Any], shape: tuple[int, int]) -> None:
    """datasets writes decoded sound so; it was dropped without a word."""
    (recording,) = only(jsonl(tmp_path, COFFEE | {"audio": audio})).recordings
    assert isinstance(recording, Excerpt) and recording.stored
    assert b"PEAK" not in recording.stored  # in which libsndfile writes the time into a WAV, and ids would change
    with open_sound(recording.stored) as file:
        assert file.rate == 8000 and file.read()[:, 0] == pytest.approx([0, 0.5, -0.5])
        assert (round((file.seconds or 0) * 8000), file.channels) == shape
    assert recording.path.parent == tmp_path and recording.path.name.startswith("b.mp3" if audio["path"] else "stored-")


@pytest.mark.parametrize("key", ["path", "file", "src", "url", "file_name", "audio_filepath"])
def test_an_object_that_names_a_recording_is_one(tmp_path: Path, key: str) -> None:
    """Under file or src it made a row of text, and its start and end were the whole file."""
    (tmp_path / "a.wav").touch()
    named = {key: "a.wav", "duration": 6.0}
    assert [type(each) for each in only(jsonl(tmp_path, COFFEE | {"audio": named})).recordings] == [Recording]
    (recording,) = only(
        jsonl(tmp_path, COFFEE | {"audio": {key: "a.wav", "startMs": 500, "end": 2, "channel": "B"}})
    ).recordings
    assert isinstance(recording, Excerpt) and (recording.path.name, recording.part) == ("a.wav", (0.5, 2.0, 1))
    for nothing in ({}, {key: None}, {key: " ", "sampling_rate": None}):
        assert only(jsonl(tmp_path, COFFEE | {"audio": nothing})).recordings == ()


@pytest.mark.parametrize("key", ["audio", "audios", "wavs"])
def test_one_recording_in_a_list_is_the_recording(tmp_path: Path, key: str) -> None:
    """Rows of "audios" were text alone, and those of "audio" were told to state a rate."""
    (tmp_path / "a.wav").touch()
    for one in (["a.wav"], [{"path": "a.wav"}]):
        (recording,) = only(jsonl(tmp_path, COFFEE | {key: one})).recordings
        assert recording.path == tmp_path / "a.wav"
    assert only(jsonl(tmp_path, COFFEE | {key: []})).recordings == ()
    assert jsonl(tmp_path, COFFEE | {"tapes": ["a.wav"]}).notes[0].startswith("the column tapes names files that exist")


@pytest.mark.parametrize("names", ["label,label_text", "label_text,label", "intent,intent_name", "label,label_name"])
def test_of_the_number_and_the_name_of_a_label_the_name_is_read(tmp_path: Path, names: str) -> None:
    """The intents were 0 and 1."""
    named = table(tmp_path, f"text,{names}\nhi,{'greet,0' if names.startswith('label_') else '0,greet'}\nbye,,\n")
    assert [found.frame for found in named.utterances] == [frame("greet")]
    blank = table(tmp_path, f"text,{names}\nhi,{',0' if names.startswith('label_') else '0,'}\n")
    assert reasons(blank)[0].startswith('needs an "intent"')


@pytest.mark.parametrize("recordings", [[], None, {}, ""])
def test_an_empty_list_of_recordings_does_not_hide_the_column_of_audio(tmp_path: Path, recordings: Any) -> None:
    (tmp_path / "a.wav").touch()
    assert len(only(jsonl(tmp_path, COFFEE | {"audio": "a.wav", "recordings": recordings})).recordings) == 1


@pytest.mark.parametrize(
    ("item", "part"),
    [
        ({"offset": 0.5, "duration": 0.5}, (0.5, 1.0, None)),
        ({"start_ms": 500, "end_ms": 1000, "channel": "right"}, (0.5, 1.0, 1)),
        ({"channel": 1}, (0.0, None, 1)),
    ],
)
def test_each_of_several_recordings_may_be_a_part(tmp_path: Path, item: dict[str, Any], part: Any) -> None:
    """The whole file was taken."""
    listed = [{"file": "a.wav", "seconds": 2.0, "speaker_id": "bob"} | item, {"path": "b.wav", "duration": 2.0}]
    first, second = only(jsonl(tmp_path, COFFEE | {"speaker": "ann", "recordings": listed})).recordings
    assert isinstance(first, Excerpt) and (first.part, first.seconds, first.speaker) == (part, 2.0, "bob")
    assert type(second) is Recording and (second.path, second.speaker) == (tmp_path / "b.wav", "ann")


@pytest.mark.parametrize("key", ["start", "end_ms", "offset", "channel"])
def test_a_part_beside_several_recordings_is_a_part_of_none(tmp_path: Path, key: str) -> None:
    row = COFFEE | {"recordings": [{"file": "a.wav"}], key: 1}
    assert reasons(jsonl(tmp_path, row)) == [
        f'has "{key}" beside "recordings"; write it into each of these, or rename it if it is no part of them'
    ]


def test_a_column_called_recordings_may_name_one_in_each_row(tmp_path: Path) -> None:
    """Each row was set aside, even with --map audio=recordings."""
    for columns in ({}, {"audio": "recordings"}):
        imported = table(tmp_path, "recordings,text,intent\na.wav,hi,g\n", **columns)
        assert only(imported).recordings[0].path == tmp_path / "a.wav"
        assert imported.columns["audio"] == "recordings"
    assert table(tmp_path, "recordings,audio,intent\na.wav,b.wav,g\n", audio="audio").ignored == ("recordings",)


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ({"offset": 0.0, "duration": 2.0}, (0.0, 2.0, None)),
        ({"offset": 4.5}, (4.5, None, None)),
        ({"start": 1.5, "end": 3}, (1.5, 3.0, None)),
        ({"start_time": "0:01:02.5", "end_time": "01:04"}, (62.5, 64.0, None)),
        ({"begin": 32000, "stop": 64000, "duration": 2.0}, (2.0, 4.0, None)),
        ({"start": 500, "end": 1500, "duration": 1.0}, (0.5, 1.5, None)),
        ({"start_ms": 500, "end_ms": 1500}, (0.5, 1.5, None)),
        ({"startMs": 500, "endMs": 1500}, (0.5, 1.5, None)),
        ({"START_MS": 500, "END_MS": 1500}, (0.5, 1.5, None)),
        ({"Start (ms)": 500, "End (ms)": 1500}, (0.5, 1.5, None)),
        ({"start_ms": 500, "end_ms": 1500, "duration_ms": 1000}, (0.5, 1.5, None)),
        ({"start_ms": 500, "end_ms": 1500, "duration": 1000}, (0.5, 1.5, None)),
        ({"start_ms": 500, "end_s": 1.5}, (0.5, 1.5, None)),
        ({"start_ms": 500, "duration": 1.0}, (0.5, 1.5, None)),
        ({"start_ms": 500, "end_ms": -1}, (0.5, None, None)),
        ({"start": 0, "end": -1}, (0.0, None, None)),
        ({"onset": 1, "offset": 2}, (1.0, 2.0, None)),
        ({"xmin": 1, "xmax": 2}, (1.0, 2.0, None)),
        ({"channel": 1}, (0.0, None, 1)),
        ({"channel": "left", "start": 1, "end": 2}, (1.0, 2.0, 0)),
        *(({"channel": name}, (0.0, None, 0)) for name in ("0.0", 0.0, "A", "L", " Left ", "00")),
        *(({"channel": name}, (0.0, None, 1)) for name in ("1.0", 1.0, "B", "r", "RIGHT")),
        *(({"channel": name}, (0.0, None, name)) for name in ("agent", "ch1", "-1", "0.5", "9" * 30)),
    ],
    ids=str,
)
def test_a_row_may_name_a_part_of_its_recording(tmp_path: Path, row: dict[str, Any], part: Any) -> None:
    """The whole file was taken for every row."""
    (tmp_path / "a.wav").touch()
    cells = {name: str(value) for name, value in row.items()}
    csv = f"audio,intent,{','.join(cells)}\na.wav,order,{','.join(cells.values())}\n"
    for found in (only(jsonl(tmp_path, {"audio": "a.wav", "intent": "order"} | row)), only(table(tmp_path, csv))):
        (recording,) = found.recordings
        assert isinstance(recording, Excerpt) and recording.part == part


@pytest.mark.parametrize("names", [("start_sample", "end_sample"), ("t0", "t1"), ("start",), ("end",)])
def test_columns_that_may_be_the_times_of_parts_are_named_where_rows_share_a_recording(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Every row had the whole call, and nothing was said."""
    (tmp_path / "call.wav").touch()
    head = f"audio,text,intent,age,mood,{','.join(names)}\n"
    times = [",".join(str(row + place) for place in range(len(names))) for row in range(3)]
    rows = [f"call.wav,{'so ' * row}go,order,40,calm,{cells}\n" for row, cells in enumerate(times)]
    are = "are times" if len(names) == 2 else "is the time"
    assert table(tmp_path, head + "".join(rows)).notes == (
        f"call.wav is whole in rows with different words; if {' and '.join(names)} {are} of a part, "
        "add --map start=COLUMN --map end=COLUMN",
    )
    assert table(tmp_path, head + rows[0]).notes == ()


@pytest.mark.parametrize(("name", "start"), [("items", 5.0), ("t0_ms", 0.005), ("beginMS", 0.005), ("systems", 5.0)])
def test_a_column_that_was_named_says_itself_whether_it_has_milliseconds(
    tmp_path: Path, name: str, start: float
) -> None:
    """A column called items was read as milliseconds."""
    (tmp_path / "a.wav").touch()
    imported = table(tmp_path, f"audio,intent,{name},end\na.wav,order,5,60\n", start=name)
    (recording,) = only(imported).recordings
    assert isinstance(recording, Excerpt) and recording.part == (start, 60.0, None)


@pytest.mark.parametrize(
    ("heading", "cell"), [("Begin Time - hh:mm:ss.ms", "00:00:01.500"), ("Begin - ss.ms", "1.5"), ("t0_ms", "0:01.5")]
)
def test_times_in_hours_and_minutes_are_no_milliseconds(tmp_path: Path, heading: str, cell: str) -> None:
    """ELAN's times were divided by 1,000."""
    imported = table(tmp_path, f"audio,intent,{heading},end\na.wav,order,{cell},60\n", start=heading)
    (recording,) = only(imported).recordings
    assert isinstance(recording, Excerpt) and recording.part == (1.5, 60.0, None)


@pytest.mark.parametrize(
    "row", [{"duration": 2.0}, {"start": 1.5}, {"start": "", "end": ""}, {"channel": "average"}, {"end": 4}], ids=str
)
def test_what_names_no_part_leaves_a_recording_whole(tmp_path: Path, row: dict[str, Any]) -> None:
    (tmp_path / "a.wav").touch()
    (recording,) = only(jsonl(tmp_path, {"audio": "a.wav", "intent": "order"} | row)).recordings
    assert type(recording) is Recording


def test_maps_of_parquet_are_entities(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    slots = arrow.array([[("size", "small")]], arrow.map_(arrow.string(), arrow.string()))
    parquet.write_table(arrow.table({"text": ["go"], "intent": ["order"], "slots": slots}), tmp_path / "rows.parquet")
    assert only(read_utterances(tmp_path / "rows.parquet")).frame == frame("order", "size:small")


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "rows.parquet").write_text("text,intent\n")
    with pytest.raises(InputError, match=r"rows\.parquet: cannot be read as Parquet"):
        read_utterances(tmp_path / "rows.parquet")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"Parquet files need pyarrow; pip install 'eartune\[data\]'$"):
        read_utterances(tmp_path / "rows.parquet")
