"""Predictions are read as they were written; predictions of others need an id and labels."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from builders import frame, utterance
from eartune.errors import InputError
from eartune.tasks.prediction import Prediction, read_predictions, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import Labels, ParseStatus

ALARM = frame("alarm.set", "date:friday", "date:monday")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = (
        Prediction("u1", "u1.flac", '{"a":1}', ParseStatus.OK, ALARM),
        Prediction("u2", None, "Köln", ParseStatus.NOT_JSON, None),
        Prediction("u3", "u3.flac", "", ParseStatus.UNKNOWN_LABEL, frame("order")),
        Prediction("u4", "u4.flac", "{}", ParseStatus.WRONG_SHAPE, None, words="wake me on friday"),
        Prediction("u5", None, "", ParseStatus.NOT_JSON, None, log_probability=-0.25, margin=0.5),
        Prediction("u6", None, "", ParseStatus.NOT_JSON, None, log_probability=0.0),
    )
    write_predictions(tmp_path / "predictions.jsonl", written, SluTask())
    assert read_predictions(tmp_path / "predictions.jsonl", SluTask()) == written


def test_how_sure_a_model_is_stands_after_the_text_to_six_places() -> None:
    sure = Prediction("u1", None, "x", ParseStatus.NOT_JSON, None, log_probability=-0.12345678, margin=1e-9)
    row = sure.to_json(SluTask())
    assert list(row.items())[2:5] == [("text", "x"), ("log_probability", -0.123457), ("margin", 0.0)]
    certain = Prediction("u1", None, "x", ParseStatus.NOT_JSON, None, log_probability=-1e-9).to_json(SluTask())
    assert str(certain["log_probability"]) == "0.0" and "margin" not in certain


def test_confidence_is_the_mean_probability_of_a_token() -> None:
    said = Prediction("u1", None, "x", ParseStatus.NOT_JSON, None, log_probability=math.log(0.5))
    assert said.confidence == pytest.approx(0.5)
    assert Prediction("u1", None, "x", ParseStatus.NOT_JSON, None).confidence is None


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ({"id": "u1", "intent": "order"}, Prediction("u1", None, "", ParseStatus.OK, frame("order"))),
        ({"file": "u1.wav", "intent": "order"}, Prediction("u1.wav", "u1.wav", "", ParseStatus.OK, frame("order"))),
        ({"id": "u1"}, Prediction("u1", None, "", ParseStatus.NOT_JSON, None)),
        ({"id": "u1", "status": "TRUNCATED"}, Prediction("u1", None, "", ParseStatus.TRUNCATED, None)),
        ({"id": "u1", "margin": "wide"}, Prediction("u1", None, "", ParseStatus.NOT_JSON, None)),
        (
            {"id": "u1", "log_probability": math.nan, "margin": math.nan},
            Prediction("u1", None, "", ParseStatus.NOT_JSON, None),
        ),
        ({"id": "u1", "log_probability": 0.3}, Prediction("u1", None, "", ParseStatus.NOT_JSON, None)),
        ({"id": "u1", "words": [{"word": "stop", "end": 0.5}]}, Prediction("u1", None, "", ParseStatus.NOT_JSON, None)),
    ],
    ids=["id", "file", "no labels", "status", "no number", "not a number", "no probability", "words with times"],
)
def test_predictions_of_other_systems_are_read(tmp_path: Path, row: dict[str, Any], read: Prediction) -> None:
    assert read_rows(tmp_path, row) == (read,)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"id": None}, 'needs an "id" (or a "file"), as text'),
        ({"id": 5}, 'needs an "id" (or a "file"), as text'),
        ({"file": 5}, '"file" must be text'),
        ({"status": "FINE"}, "the status 'FINE' is none of OK, NOT_JSON, WRONG_SHAPE, TRUNCATED, UNKNOWN_LABEL"),
        ({"status": ["OK"]}, "the status ['OK'] is none of"),
        ({"intent": 5}, 'needs "scenario" and "action", or "intent", as text'),
        ({"entities": [5]}, '"entities" must be a list'),
    ],
)
def test_a_fault_is_named_with_file_and_row(tmp_path: Path, fault: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as raised:
        read_rows(tmp_path, {"id": "u1", "intent": "order"}, {"id": "u2", "intent": "order"} | fault)
    assert str(raised.value).startswith(f"{tmp_path / 'predictions.jsonl'}, row 2: ") and said in str(raised.value)


def test_a_file_without_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"predictions.jsonl: holds no predictions"):
        read_rows(tmp_path)


LABELS = SluTask().labels([utterance("u1", "a latte", frame("order", "size:small"))])
TEXT = '{"intent":"order","entities":[{"size":"small"}]}'


def test_the_text_of_another_tool_is_parsed_as_a_models_answer(tmp_path: Path) -> None:
    """Such a file was all NOT_JSON, and its score 0."""
    rows = [{"id": "u1", "text": TEXT}, {"id": "u2", "text": "well"}, {"id": "u3", "text": TEXT.replace("ord", "b")}]
    assert read_rows(tmp_path, *rows, {"id": "u4", "intent": "order", "text": "x"}, labels=LABELS) == (
        Prediction("u1", None, TEXT, ParseStatus.OK, frame("order", "size:small")),
        Prediction("u2", None, "well", ParseStatus.NOT_JSON, None),
        Prediction("u3", None, rows[2]["text"], ParseStatus.UNKNOWN_LABEL, frame("ber", "size:small")),
        Prediction("u4", None, "x", ParseStatus.OK, frame("order")),
    )


@pytest.mark.parametrize(
    "other",
    ['{"id":"u2","text":"well","status":"NOT_JSON"}', '{"id":"u2","intent":"a","usage":{"n":3,"n":4}}'],
    ids=str,
)
def test_a_text_is_parsed_whatever_stands_in_other_rows(tmp_path: Path, other: str) -> None:
    """One row with a status, or with a key that stands twice, made all others wrong."""
    (tmp_path / "said.jsonl").write_text(json.dumps({"id": "u1", "text": TEXT}) + f"\n{other}\n")
    first, second = read_predictions(tmp_path / "said.jsonl", SluTask(), LABELS)
    assert first == Prediction("u1", None, TEXT, ParseStatus.OK, frame("order", "size:small"))
    assert second.answer is None


@pytest.mark.parametrize(
    "row",
    [{"text": f"```json\n{TEXT}\n```"}, {"text": TEXT.replace('"', "'")}, {"intent": None, "entities": None}, {}],
    ids=["fenced", "Python", "nulls", "nothing"],
)
def test_a_file_from_which_nothing_can_be_read_is_no_score_of_0(tmp_path: Path, row: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"predictions\.jsonl: holds no answer that can be read"):
        read_rows(tmp_path, {"id": "u1"} | row, {"id": "u2"} | row, labels=LABELS)
    (found,) = read_rows(tmp_path, {"id": "u1", "status": "NOT_JSON"}, labels=LABELS)  # our own file says so itself
    assert found.answer is None


def test_rows_without_a_name_are_asked_for_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'row 1: needs an "id" \(or a "file"\), as text$'):
        read_rows(tmp_path, {"response": TEXT, "labels": TEXT}, labels=LABELS)


def test_entities_may_be_written_as_a_model_writes_them(tmp_path: Path) -> None:
    (found,) = read_rows(tmp_path, {"id": "u1", "intent": "order", "entities": [{"size": "small"}, {"size": "big"}]})
    assert found.answer == frame("order", "size:small", "size:big")


@pytest.mark.parametrize("repeated", ['"intent":"order","intent":"buy"', '"intent":"a","entities":[{"b":"c","b":"d"}]'])
def test_a_row_with_a_key_twice_has_the_wrong_shape(tmp_path: Path, repeated: str) -> None:
    (tmp_path / "said.jsonl").write_text(f'{{"id":"u1",{repeated}}}\n')
    (found,) = read_predictions(tmp_path / "said.jsonl", SluTask(), LABELS)
    assert found == Prediction("u1", None, "", ParseStatus.WRONG_SHAPE, None)


def test_a_row_with_two_ids_is_named(tmp_path: Path) -> None:
    (tmp_path / "said.jsonl").write_text('{"id":"u1","intent":"a","id":"u2"}\n')
    with pytest.raises(InputError, match=r"said\.jsonl, row 1: has the key 'id' twice"):
        read_predictions(tmp_path / "said.jsonl", SluTask())


def read_rows(folder: Path, *rows: dict[str, Any], labels: Labels | None = None) -> tuple[Prediction, ...]:
    path = folder / "predictions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_predictions(path, SluTask(), labels)
