"""References and predictions in the three formats, and faults of either named with file and row."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders import frame
from eartune.data.corpora.massive import OUTSIDE
from eartune.data.frame import SemanticFrame
from eartune.errors import InputError
from eartune.evaluation.scoring.positions import entities_by_position
from eartune.evaluation.scoring.predictions import read_answers
from eartune.evaluation.scoring.reference import Format, Reference, read_references
from eartune.tasks.prediction import Prediction
from eartune.tasks.task import ParseStatus

MANIFEST = {"id": "u1", "text": "on friday", "language": "en", "scenario": "alarm", "action": "set", "entities": []}
SLURP: dict[str, Any] = {
    "slurp_id": 7,
    "scenario": "alarm",
    "action": "set",
    "tokens": [{"id": 0, "surface": "On"}, {"id": 1, "surface": "Friday"}],
    "entities": [{"type": "date", "span": [1]}],
    "recordings": [{"file": "a.flac"}, {"file": "b.flac"}],
}
MASSIVE = {
    "id": "7",
    "locale": "de-DE",
    "partition": "test",
    "intent": "alarm_set",
    "utt": "weck mich am freitag",
    "annot_utt": "weck mich [date : am freitag]",
}
TOKENS = ("weck", "mich", "am", "freitag")


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def references(folder: Path, format: Format, *rows: dict[str, Any], partition: str = "test") -> tuple[Reference, ...]:
    return read_references(write(folder / "gold.jsonl", *rows), format, partition)


def answers(folder: Path, format: Format, *rows: dict[str, Any]) -> tuple[Prediction, ...]:
    known = {one.id: one for one in references(folder, "massive", MASSIVE)}
    return read_answers(write(folder / "said.jsonl", *rows), format, known, "strict")


def massive_frame(*labels: str, intent: str = "alarm_set") -> SemanticFrame:
    return SemanticFrame(intent, entities_by_position(labels, TOKENS))


def test_a_manifest_names_recordings_by_file_and_who_speaks(tmp_path: Path) -> None:
    said = [{"file": "deep/a.wav", "seconds": 1, "speaker": "ann"}, {"file": "b.wav", "seconds": 2}]
    (found,) = references(tmp_path, "manifest", MANIFEST | {"recordings": said})
    assert found.files == (f"{tmp_path}/deep/a.wav", f"{tmp_path}/b.wav")
    assert (found.speakers, found.language) == (("ann", None), "en")
    assert (found.frame, found.text, found.tokens) == (frame("alarm.set"), "on friday", ())


def test_a_row_of_slurp_is_read_from_its_tokens(tmp_path: Path) -> None:
    (found,) = references(tmp_path, "slurp", SLURP)
    assert found == Reference(
        "7", "on friday", "en", frame("alarm.set", "date:friday"), ("a.flac", "b.flac"), (None, None)
    )


def test_a_row_of_massive_has_its_slots_by_place(tmp_path: Path) -> None:
    (found,) = references(
        tmp_path, "massive", MASSIVE, MASSIVE | {"partition": "dev"}, MASSIVE | {"partition": "train"}
    )
    gold = massive_frame(OUTSIDE, OUTSIDE, "date", "date")
    assert found == Reference("7", "weck mich am freitag", "de-DE", gold, tokens=TOKENS)
    assert [entity.filler for entity in gold.entities] == ["am freitag @2"]


def test_another_partition_of_massive_can_be_asked(tmp_path: Path) -> None:
    rows = [MASSIVE, MASSIVE | {"partition": "dev", "id": "8"}]
    assert [one.id for one in references(tmp_path, "massive", *rows, partition="dev")] == ["8"]


REFERENCE_FAULTS: dict[str, tuple[Format, dict[str, Any] | None, str]] = {
    "nothing in it": ("slurp", None, "gold.jsonl: holds no references"),
    "no row of the partition": ("massive", {"partition": "dev"}, "gold.jsonl: holds no references of 'test'"),
    "no intent": ("massive", {"intent": None}, "gold.jsonl, row 1: is not a row of MASSIVE; it needs"),
    "an id that is a number": ("massive", {"id": 7}, "gold.jsonl, row 1: is not a row of MASSIVE; it needs"),
    "other words": ("massive", {"annot_utt": "weck [date : freitag]"}, 'row 1: "annot_utt" has other words than "utt"'),
    "no tokens": ("slurp", {"tokens": None}, "gold.jsonl, row 1: is not a row of SLURP"),
    "no id": ("slurp", {"slurp_id": None}, "gold.jsonl, row 1: is not a row of SLURP"),
    "recordings without a file": ("slurp", {"recordings": [{}]}, "gold.jsonl, row 1: is not a row of SLURP"),
    "recordings that are no list": ("slurp", {"recordings": 5}, "gold.jsonl, row 1: is not a row of SLURP"),
    "an empty filler": (
        "slurp",
        {"entities": [{"type": "date", "span": []}]},
        "gold.jsonl, row 1: the entity 'date' has no words",
    ),
    "no labels": ("manifest", {"scenario": None}, 'gold.jsonl, row 1: needs "scenario" and "action"'),
}


@pytest.mark.parametrize("fault", REFERENCE_FAULTS)
def test_a_fault_of_a_reference_is_named_with_its_place(fault: str, tmp_path: Path) -> None:
    format, change, said = REFERENCE_FAULTS[fault]
    row = {"manifest": MANIFEST, "slurp": SLURP, "massive": MASSIVE}[format]
    with pytest.raises(InputError) as raised:
        references(tmp_path, format, *([] if change is None else [row | change]))
    assert said in str(raised.value) and str(raised.value).startswith(str(tmp_path))


def test_references_of_two_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gold\.jsonl: some rows have a scenario and an action, some only an intent"):
        references(tmp_path, "manifest", MANIFEST, {"id": "u2", "text": "go", "intent": "go"})


@pytest.mark.parametrize(("format", "row"), [("slurp", SLURP), ("massive", MASSIVE), ("manifest", MANIFEST)])
def test_an_id_that_is_there_twice_is_refused(format: Format, row: dict[str, Any], tmp_path: Path) -> None:
    """Its answers could be to either, and one row less would be scored."""
    with pytest.raises(InputError, match=r"gold\.jsonl.*: (two rows have the id '7'|the id 'u1' stands in )"):
        references(tmp_path, format, row, row)


@pytest.mark.parametrize("row", [{"slurp_id": 7}, {"slurp_id": "7"}, {"slurp_id": 7, "file": "a.flac"}], ids=str)
def test_slurps_predictions_are_keyed_by_sentence_or_file(row: dict[str, Any], tmp_path: Path) -> None:
    labels = {"scenario": "alarm", "action": "set", "entities": [{"type": "date", "filler": "friday"}]}
    (found,) = answers(tmp_path, "slurp", row | labels)
    assert found == Prediction("7", row.get("file"), "", ParseStatus.OK, frame("alarm.set", "date:friday"))


@pytest.mark.parametrize(
    ("annotated", "labels"),
    [
        ("weck mich [date : am freitag]", (OUTSIDE, OUTSIDE, "date", "date")),
        ("weck [date : mich]", (OUTSIDE, "date", OUTSIDE, OUTSIDE)),
        ("weck mich [date : am freitag früh]", (OUTSIDE, OUTSIDE, "date", "date")),
        ("", (OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE)),
    ],
    ids=["as long", "shorter", "longer", "empty"],
)
def test_massives_own_predictions_label_the_tokens_of_the_reference(
    annotated: str, labels: tuple[str, ...], tmp_path: Path
) -> None:
    (found,) = answers(tmp_path, "massive", {"id": "7", "pred_intent": "alarm_query", "pred_annot_utt": annotated})
    assert (found.answer, found.status) == (massive_frame(*labels, intent="alarm_query"), ParseStatus.OK)


def test_our_predictions_for_massive_find_their_places(tmp_path: Path) -> None:
    said = {"id": 7, "scenario": "alarm", "action": "set", "entities": [{"type": "date", "filler": "Freitag"}]}
    rows = [said, {"id": "7", "status": "TRUNCATED", "text": '{"intent":'}, {"id": "9", "pred_intent": "alarm_set"}]
    located, cut, unknown = answers(tmp_path, "massive", *rows)
    assert located.answer == massive_frame(OUTSIDE, OUTSIDE, OUTSIDE, "date")
    assert (cut.answer, cut.status, cut.text) == (None, ParseStatus.TRUNCATED, '{"intent":')
    assert (unknown.id, unknown.answer) == ("9", None)


def test_the_status_of_our_predictions_for_massive_is_kept(tmp_path: Path) -> None:
    (found,) = answers(tmp_path, "massive", {"id": "7", "intent": "alarm_sett", "status": "UNKNOWN_LABEL"})
    assert found.status == ParseStatus.UNKNOWN_LABEL


@pytest.mark.parametrize("format", ["manifest", "slurp", "massive"])
def test_a_file_of_texts_alone_is_read_in_every_format(format: Format, tmp_path: Path) -> None:
    said = '{"intent":"alarm_set","entities":[{"date":"am freitag"}]}'
    (found,) = answers(tmp_path, format, {"id": "7", "text": said})
    assert found.status is ParseStatus.OK and found.answer.intent == "alarm_set"
    with pytest.raises(InputError, match="holds no answer that can be read, the first text being 'am freitag'"):
        answers(tmp_path, format, {"id": "7", "text": "am freitag"})


ANSWER_FAULTS: dict[str, tuple[Format, dict[str, Any], str]] = {
    "slurp without a key": ("slurp", {"scenario": "a", "action": "b"}, 'row 1: needs a "file" or a "slurp_id"'),
    "slurp without labels": ("slurp", {"file": "a.flac", "entities": []}, 'row 1: needs "scenario" and "action"'),
    "massive without an id": ("massive", {"intent": "a"}, 'row 1: needs an "id"'),
    "massive with a strange status": ("massive", {"id": "7", "status": "FINE"}, "row 1: the status 'FINE' is none of"),
    "massive with bad entities": ("massive", {"id": "7", "intent": "a", "entities": [5]}, 'row 1: "entities" must be'),
    "ours without an id": ("manifest", {"intent": "a"}, 'row 1: needs an "id" (or a "file"), as text'),
}


@pytest.mark.parametrize("fault", ANSWER_FAULTS)
def test_a_fault_of_a_prediction_is_named_with_its_place(fault: str, tmp_path: Path) -> None:
    format, row, said = ANSWER_FAULTS[fault]
    with pytest.raises(InputError) as raised:
        answers(tmp_path, format, row)
    assert f"said.jsonl, {said}" in str(raised.value)
