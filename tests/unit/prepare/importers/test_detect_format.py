"""A file is recognised by its suffix and first rows, and one that cannot be used is named with what would be right."""

import gzip
import json
import math
import time
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eartune.data.frame import Entity, SemanticFrame
from eartune.errors import InputError
from eartune.files import json_line, write_lines
from eartune.prepare.importers.detect_format import FileFormat, read_utterances
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported

ROW = {"text": "go", "intent": "drive"}


def chat(text: str, intent: str, *entity: str) -> dict[str, Any]:
    answer = json.dumps({"intent": intent, "entities": [dict([entity])] if entity else []})
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]}


CHAT = chat("go", "drive")
SHAREGPT = {"conversations": [{"from": "human", "value": "go"}, {"from": "gpt", "value": '{"intent": "drive"}'}]}
NEMO = {"audio_filepath": "", "duration": 1.0, "text": "go", "semantics": '{"intent": "drive"}'}
ALPACA = {"instruction": "Extract.", "input": "go", "output": '{"intent": "drive"}'}
CUT = {
    "id": "c1",
    "start": 0,
    "duration": 1.0,
    "recording": {"sources": [{"type": "file", "source": "a.wav"}], "duration": 1.0},
    "supervisions": [{"text": "go", "custom": {"intent": "drive"}}],
}
RASA = "nlu:\n- intent: drive\n  examples: |\n    - go\n"


def labels(imported: Imported) -> list[tuple[str | None, str]]:
    assert imported.rejected == ()
    return [(utterance.text, utterance.frame.intent) for utterance in imported.utterances]


@pytest.mark.parametrize(
    "row",
    [ROW, CHAT, SHAREGPT, ALPACA, NEMO, CUT, {"query": "go", "response": "Driving.", "intent": "drive"}],
    ids=["table", "messages", "sharegpt", "alpaca", "nemo", "lhotse", "a table of queries and responses"],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".JSON", ".ndjson"])
def test_rows_of_json_tell_their_shape(tmp_path: Path, row: dict[str, Any], suffix: str) -> None:
    (tmp_path / "a.wav").touch()
    write_lines(tmp_path / f"rows{suffix}", [row])
    assert labels(read_utterances(tmp_path / f"rows{suffix}")) == [("go", "drive")]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", "text,intent\ngo,drive\n"), ("a.TSV", "text\tintent\ngo\tdrive\n"), ("a.yml", RASA), ("a.yaml", RASA)],
)
def test_suffixes_tell_the_shape(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert labels(read_utterances(tmp_path / name)) == [("go", "drive")]


def test_a_shape_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("text,intent\ngo,drive\n")
    assert labels(read_utterances(tmp_path / "notes.txt", format="csv")) == [("go", "drive")]


def test_the_first_row_that_has_a_shape_tells_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("no json\n[1]\n" + json_line(CHAT))
    imported = read_utterances(tmp_path / "a.jsonl")
    assert [u.text for u in imported.utterances] == ["go"] and len(imported.rejected) == 2


ROWS = [{"text": "go", "intent": "drive"}, {"text": "stop", "intent": "halt"}]
NAMES = ["text", "intent"]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "whole",
    [
        {"data": ROWS},
        {"schema": {"fields": []}, "data": [{"index": 0} | row for row in ROWS]},
        {"features": [], "rows": [{"row_idx": n, "row": row, "truncated_cells": []} for n, row in enumerate(ROWS)]},
        {name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in NAMES},
        {name: [row[name] for row in ROWS] for name in NAMES},
        {"columns": NAMES, "index": [0, 1], "data": [list(row.values()) for row in ROWS]},
    ],
    ids=["data", "pandas table", "viewer of the hub", "pandas", "columns", "pandas split"],
)
def test_rows_that_one_object_holds_are_read(tmp_path: Path, whole: dict[str, Any], indent: int | None) -> None:
    """In one line they were one row with neither text nor a recording."""
    (tmp_path / "a.json").write_text(json.dumps(whole, indent=indent))
    imported = read_utterances(tmp_path / "a.json")
    assert labels(imported) == [("go", "drive"), ("stop", "halt")]


@pytest.mark.parametrize(
    "whole",
    [{"rasa_nlu_data": {"common_examples": ROWS}}, {"features": [], "rows": []}, {"a1": ROWS[0], "a2": ROWS[1]}],
)
def test_one_object_of_another_shape_is_told_what_is_right_in_one_line_too(tmp_path: Path, whole: object) -> None:
    (tmp_path / "a.json").write_text(json.dumps(whole))
    with pytest.raises(InputError, match="is a single JSON object; write one object a line, or a list of objects"):
        read_utterances(tmp_path / "a.json")


@pytest.mark.parametrize(
    "row",
    [
        {"text": "go", "intent": "drive", "data": [{"text": "no"}]},
        {"audio": {"path": "a.wav", "bytes": None}, "intent": "drive"},
        {"text": "go", "intent": "drive", "slots": {"0": "a"}},
    ],
)
def test_one_row_stays_one_row(tmp_path: Path, row: dict[str, Any]) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    assert labels(read_utterances(tmp_path / "a.jsonl")) == [(row.get("text"), "drive")]


def test_a_list_of_objects_is_rows(tmp_path: Path) -> None:
    """As LLaMA-Factory's files are written."""
    (tmp_path / "a.json").write_text(json.dumps([ROW, CHAT, 7], indent=1))
    imported = read_utterances(tmp_path / "a.json", format="jsonl")
    assert [u.text for u in imported.utterances] == ["go"]
    assert [rejected.place for rejected in imported.rejected] == [f"{tmp_path}/a.json, row {n}" for n in (2, 3)]


def test_gzipped_and_marked_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(json_line(ROW).encode()))
    (tmp_path / "b.jsonl").write_text(json_line(ROW), encoding="utf-8-sig")
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress("text,intent\ngo,drive\n".encode("utf-8-sig")))
    for name in ("a.jsonl.gz", "b.jsonl", "c.csv.gz"):
        assert labels(read_utterances(tmp_path / name)) == [("go", "drive")]


def test_bad_rows_are_set_apart_with_place_and_reason_and_the_others_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f'{json_line(ROW)}\n{{"text": \n["go"]\n{{"text":"go"}}\n{json_line(ROW)}')
    imported = read_utterances(tmp_path / "a.jsonl")
    assert len(imported.utterances) == 2
    assert [(r.place.removeprefix(f"{tmp_path}/"), r.row, r.reason.partition(" (")[0]) for r in imported.rejected] == [
        ("a.jsonl, row 3", '{"text": ', "must be JSON, but is not"),
        ("a.jsonl, row 4", ["go"], "must be an object, {...}, not list"),
        ("a.jsonl, row 5", {"text": "go"}, 'needs an "intent", or "scenario" and "action"'),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a Git LFS pointer, not the file"),
        ("text,intent\ncafé,x\n".encode("latin-1"), "is not UTF-8 (byte 15) but looks like text of an"),
        ("text,intent\ngo,x\n".encode("utf-16"), "is not UTF-8 but looks like UTF-16"),
        ("text,intent\ngo,x\n".encode("utf-16-le"), "is not UTF-8 but looks like UTF-16"),
        (b"PK\3\4 a sheet \0 \xff of Excel that was given another name", "looks like binary data"),
        (b"\x1f\x8b nothing zipped", "is a damaged gzip file"),
        (b"", "must begin with a row that names the columns"),
        (b"\n\n", "must begin with a row that names the columns"),
        (b"text,intent\n", "holds no rows"),
        (b"text,intent,text\n", "has two columns 'text'"),
        (
            b"words,meaning\ngo,x\n",
            "none of its columns is known as text or audio; it has words, meaning; rename the right",
        ),
        (b"text,action\ngo,x\n", "none of its columns is known as intent, or scenario and action; it has text, action"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as fault:
        read_utterances(path)
    assert str(fault.value).startswith(f"{path}: ") and said in str(fault.value) and "\n" not in str(fault.value)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.yml"])
def test_an_lfs_pointer_is_told_whatever_it_stands_for(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(InputError, match="is a Git LFS pointer"):
        read_utterances(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", "", "holds no rows"),
        ("a.json", '{\n "data": [\n ]\n}\n', "is a single JSON object; write one object a line, or a list of objects"),
        ("a.yml", "nlu: [\n", "is not YAML"),
        ("a.yml", "stories: []\n", 'is not NLU data of Rasa; it needs a list "nlu"'),
        ("a.yml", "", 'is not NLU data of Rasa; it needs a list "nlu"'),
        ("a.yml", "nlu: []\n", "holds no rows"),
        (
            "a.txt",
            "go",
            "has no suffix that shows its format; name one of jsonl, csv, parquet, messages, nemo, lhotse, rasa",
        ),
        ("noname", "go", "has no suffix that shows its format;"),
        ("a.xlsx", "PK", "is an Excel file; save it as CSV UTF-8"),
        (
            "a.TextGrid",
            "xmin",
            "is a TextGrid of Praat, which is not read; write a CSV with a row for each part: audio,",
        ),
        ("a.srt", "1", "has subtitles, which are not read; write a CSV with a row for each part: audio, start, end,"),
        ("a.zip", "PK", "is an archive; unpack it and name what is in it"),
        ("a.WAV", "RIFF", "is a recording; name the file that lists the rows, or with --unlabelled its folder"),
    ],
)
def test_files_of_other_shapes_are_named_too(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as fault:
        read_utterances(tmp_path / name)
    assert str(fault.value).startswith(f"{tmp_path / name}: {said}") and "\n" not in str(fault.value)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.csv: no such file$"):
        read_utterances(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match=r"is a folder without wav\.scp, .*; name the file in it"):
        read_utterances(tmp_path)


def test_an_object_called_recording_is_one_of_lhotse_only_with_its_sources(tmp_path: Path) -> None:
    """Rows of tables were set aside, as they had no supervisions."""
    write_lines(tmp_path / "a.jsonl", [{"text": "hi", "intent": "x", "recording": {"path": "a.wav"}}])
    (row,) = read_utterances(tmp_path / "a.jsonl").utterances
    assert row.text == "hi" and row.recordings[0].path == tmp_path / "a.wav"


def test_a_manifest_of_nemo_may_be_unlabelled_and_its_columns_may_be_named(tmp_path: Path) -> None:
    """Both were refused."""
    row = {"audio_filepath": "a.wav", "offset": 1.0, "duration": 2.0, "text": "hi", "class": "greet"}
    write_lines(tmp_path / "a.json", [row])
    (unlabelled,) = read_utterances(tmp_path / "a.json", labelled=False).utterances
    (mapped,) = read_utterances(tmp_path / "a.json", columns={"intent": "class"}).utterances
    assert (unlabelled.text, unlabelled.frame, mapped.frame) == ("hi", None, SemanticFrame("greet"))
    for (recording,) in (unlabelled.recordings, mapped.recordings):
        assert isinstance(recording, Excerpt) and recording.part == (1.0, 3.0, None)


def test_what_is_told_and_cannot_be_is_named(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [CHAT])
    with pytest.raises(InputError, match="is read as messages; only jsonl, csv, parquet, dataset have columns to name"):
        read_utterances(tmp_path / "a.jsonl", columns={"text": "messages"})
    with pytest.raises(InputError, match="'excel' is not a format; name one of jsonl, csv"):
        read_utterances(tmp_path / "a.jsonl", format="excel")  # type: ignore[arg-type]


KEYS = st.sampled_from(
    [
        *("id", "text", "audio", "language", "speaker", "intent", "scenario", "action", "entities", "recordings"),
        *("type", "filler", "value", "file", "seconds", "path", "bytes", "messages", "conversations", "audios"),
        *("role", "from", "content", "audio_filepath", "duration", "offset", "semantics", "start", "recording"),
        *("recording_id", "sources", "source", "supervisions", "custom"),
    ]
)
WORDS = st.text(max_size=5) | st.sampled_from(
    [
        "go",
        "a.wav",
        "user",
        "assistant",
        "gpt",
        "<audio>",
        "[a : b]",
        '{"intent": "go"}',
        "[{'a': 'b'}]",
        "{1: [",
        "/",
        "..",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))
JSON_SHAPES = ("jsonl", "messages", "nemo", "lhotse", None)


@given(rows=st.lists(VALUES, min_size=1, max_size=4), format=st.sampled_from(JSON_SHAPES))
def test_no_row_stops_the_reading(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], format: FileFormat
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    imported = read_utterances(path, format)
    for rejected in imported.rejected:
        assert json_line({"row": rejected.row}).encode() and rejected.reason and "\n" not in rejected.reason


CHAT_LIKE = st.fixed_dictionaries(
    {
        "messages": st.tuples(
            *(st.fixed_dictionaries({"role": st.just(r), "content": VALUES}) for r in ("user", "assistant"))
        )
    }
)
ROW_LIKE = st.fixed_dictionaries(
    {"text": VALUES, "intent": VALUES, "entities": VALUES}, optional={"recordings": VALUES}
)
CUT_LIKE = st.fixed_dictionaries({"recording": VALUES, "supervisions": VALUES, "start": VALUES, "duration": VALUES})


@given(row=CHAT_LIKE | ROW_LIKE | CUT_LIKE)
def test_no_row_that_looks_right_stops_the_reading(tmp_path_factory: pytest.TempPathFactory, row: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "likely.jsonl"
    path.write_text(json.dumps(row) + "\n")
    imported = read_utterances(path)
    assert len(imported.utterances) + len(imported.rejected) == 1


@given(
    text=st.text(alphabet=st.sampled_from('abc,;\t|"\n\r \x00\u2028'), max_size=60),
    format=st.sampled_from(["csv", "rasa"]),
)
def test_any_text_is_read_or_named(tmp_path_factory: pytest.TempPathFactory, text: str, format: FileFormat) -> None:
    head = "text,intent\n" if format == "csv" else "nlu:\n- intent: x\n  examples: |\n    - "
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_text(head + text, newline="")
    try:
        read_utterances(path, format)
    except InputError as fault:
        assert str(path) in str(fault)


@pytest.mark.parametrize("format", get_args(FileFormat))
def test_rubbish_is_named_in_every_shape(tmp_path: Path, format: FileFormat) -> None:
    (tmp_path / "a").write_bytes(b"\xff\xfe\0\1 rubbish")
    with pytest.raises(InputError, match=f"^{tmp_path}/a: "):
        read_utterances(tmp_path / "a", format)


EVERY_SHAPE = pytest.mark.parametrize(
    ("name", "head", "line"),
    [
        ("rows.jsonl", "", '{"text": "wake me on the DAY", "intent": "wake", "slots": {"date": "DAY"}}'),
        ("rows.csv", "text,intent,slots\n", "wake me on the DAY,wake,\"[{'type': 'date', 'filler': 'DAY'}]\""),
        ("marked.csv", "annot_utt,intent\n", "wake me on the [date : DAY],wake"),
        ("rows.yml", "nlu:\n- intent: wake\n  examples: |\n", "    - wake me on the [DAY](date)"),
        ("rows.json", "", json_line(chat("wake me on the DAY", "wake", "date", "DAY")).strip()),
    ],
)


@EVERY_SHAPE
def test_a_line_of_ten_megabytes_is_read_or_named_and_the_others_read(
    tmp_path: Path, name: str, head: str, line: str
) -> None:
    days = ["1st", "d" * 10_000_000, "3rd"]
    (tmp_path / name).write_text(head + "".join(line.replace("DAY", day) + "\n" for day in days))
    imported = read_utterances(tmp_path / name)
    assert all(row.place.startswith(f"{tmp_path / name}, row ") for row in imported.rejected)
    assert len(imported.utterances) + len(imported.rejected) == 3
    assert {u.text for u in imported.utterances} >= {"wake me on the 1st", "wake me on the 3rd"}


@EVERY_SHAPE
def test_eight_times_as_many_rows_take_about_eight_times_as_long(
    tmp_path: Path, name: str, head: str, line: str
) -> None:
    """So fifty thousand take seconds; if each row looked at all others, it would be 64 times as long."""
    took = []
    for n_rows in (1_000, 8_000):
        days = [f"{number}th" for number in range(n_rows)]
        (tmp_path / name).write_text(head + "".join(line.replace("DAY", day) + "\n" for day in days))
        started = time.process_time()
        imported = read_utterances(tmp_path / name)
        took.append(time.process_time() - started)
        assert [u.text for u in imported.utterances] == [f"wake me on the {day}" for day in days]
        assert [u.frame.entities for u in imported.utterances] == [(Entity("date", day),) for day in days]
    assert took[1] < 24 * took[0] and took[1] < 2


def test_lengths_nobody_states_are_left_to_be_measured(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    write_lines(tmp_path / "a.jsonl", [{"audio": "a.wav", "intent": "drive"}])
    (spoken,) = read_utterances(tmp_path / "a.jsonl").utterances
    assert math.isnan(spoken.recordings[0].seconds) and spoken.language == "und"
