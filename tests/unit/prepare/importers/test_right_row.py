"""A right row is one that is read, in the columns of the file that it is shown for."""

import json
from pathlib import Path

import pytest

from builders import frame, sound_file
from eartune.prepare.importers.columns import NAMES
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.right_row import VALUES


def right_row_of(path: Path, content: str) -> list[str]:
    """What is shown for a file all of whose rows are faulty."""
    path.write_text(content)
    return list(read_utterances(path).right_row)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("clip,sentence,label,slots", ",x,,"),
        ("text,scenario,action", "x,,"),
        ("uid,annot_utt,intent", "1,x,"),
        ("ID,wav,semantics,transcript", "1,a.wav,,x"),
        ("file,start_ms,end_ms,intent", "a.wav,9,1,x"),
        ("file,start,end,channel,speaker,lang,intent", "a.wav,9,1,0,s,en,x"),
    ],
)
def test_in_a_table_it_has_the_columns_of_the_table_and_is_read(tmp_path: Path, header: str, row: str) -> None:
    said, *lines = right_row_of(tmp_path / "calls.csv", f"{header}\n{row}\n")
    assert said == "A right row of calls.csv:" and set(lines[0].split(",")) == set(header.split(","))
    assert NAMES.keys() == VALUES.keys()  # whatever columns a table has
    sound_file(tmp_path / "r1.wav", 3.0)
    (tmp_path / "right.csv").write_text("\n".join(lines))
    imported = read_utterances(tmp_path / "right.csv")
    assert len(imported.utterances) == 1 and not imported.right_row
    if "start" in header:
        (recording,) = imported.utterances[0].recordings
        assert isinstance(recording, Excerpt) and recording.part[:2] == (0.5, 2.5)
    if "slots" in header:
        assert imported.utterances[0].frame == frame("order", "size:small", "drink:latte")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("t.jsonl", {"utt": "x", "intent": ""}),
        ("t.jsonl", {"utt": "x"}),
        ("t.jsonl", {"mood": "calm"}),
        ("t.jsonl", ["x"]),
        ("t.jsonl", {"messages": []}),
        ("t.jsonl", {"audio_filepath": "a.wav", "duration": 1}),
        ("t.jsonl", {"supervisions": []}),
        ("t.yaml", {"nlu": [{"intent": " ", "examples": "- x"}]}),
    ],
)
def test_in_json_it_is_a_row_that_is_read(tmp_path: Path, name: str, row: object) -> None:
    """Of a file without a key for the intent the right row had none either, and of one without rows it was {}."""
    _, line = right_row_of(tmp_path / name, json.dumps(row))
    right = (tmp_path / name).with_stem("right")
    right.write_text(line)
    imported = read_utterances(right)
    assert len(imported.utterances) == 1 and not imported.rejected
    assert imported.utterances[0].frame is not None and imported.utterances[0].frame.intent == "order"


def test_it_has_no_intent_where_rows_need_none(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"utt": 5}')
    assert read_utterances(tmp_path / "t.jsonl", labelled=False).right_row[1] == '{"utt": "a small latte"}'


def test_where_all_rows_are_read_none_is_shown(tmp_path: Path) -> None:
    assert right_row_of(tmp_path / "t.csv", "text,intent\na,b\n") == []
