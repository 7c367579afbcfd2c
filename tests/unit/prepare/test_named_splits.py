"""Rows that name their split are divided by it, and a test among them is never trained on."""

from pathlib import Path

import pytest

from builders import frame, utterance
from eartune.errors import InputError
from eartune.prepare.hold_out import parse_hold_out
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.named_splits import divide_by_rows
from eartune.prepare.prepare import prepare

ROWS = "turn on,on,train\nturn off,off,Test\nso,,test\nup,up,training\n"


def table(folder: Path, content: str, heading: str = "split", **columns: str) -> Imported:
    (folder / "calls.csv").write_text(f"text,intent,{heading}\n{content}")
    return read_utterances(folder / "calls.csv", columns=columns)


def texts(splits: dict[str, Imported]) -> dict[str, list[str | None]]:
    return {split: [row.text for row in imported.utterances] for split, imported in splits.items()}


@pytest.mark.parametrize("heading", ["split", "partition", "subset", "fold", "set", "Dataset"])
def test_rows_are_in_the_split_that_they_name(tmp_path: Path, heading: str) -> None:
    """The column was ignored, so that the rows of the test were trained on."""
    imported = table(tmp_path, ROWS, heading)
    assert imported.columns["split"] == heading and imported.notes == ()
    prepared = prepare({"all": imported}, tmp_path / "out")
    assert {split: [row.text for row in rows] for split, rows in prepared.splits.items()} == {
        "train": ["turn on", "up"],
        "test": ["turn off"],
    }
    assert prepared.notes == ("divided by the split that rows name: 2 rows for train and 1 row for test",)
    assert [(one.split, one.row) for one in prepared.quarantined] == [
        ("test", {"text": "so", "intent": "", heading: "test"})
    ]


def test_a_test_is_not_held_out_of_rows_that_name_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--hold-out is for files without a test; these are already the splits train"):
        prepare({"train": table(tmp_path, ROWS)}, tmp_path / "out", hold_out=parse_hold_out("50%"))
    assert not (tmp_path / "out").exists()
    training = table(tmp_path, "turn on,on,train\nturn off,off,train\n")
    assert len(prepare({"train": training}, tmp_path / "out", hold_out=parse_hold_out("50%")).splits["test"]) == 1


def test_a_file_that_was_given_as_another_split_is_named(tmp_path: Path) -> None:
    imported = table(tmp_path, ROWS)
    with pytest.raises(
        InputError, match=r"calls.csv, row 2: is of the split train, but its file was given as test; to"
    ):
        divide_by_rows({"test": imported})
    assert texts(divide_by_rows({"train": table(tmp_path, "on,on,train\n"), "dev": Imported((), (), {})})[0]) == {
        "train": ["on"]
    }


def test_what_could_not_be_read_and_names_no_split_is_not_lost(tmp_path: Path) -> None:
    splits, _ = divide_by_rows({"all": table(tmp_path, "turn on,on,train\nbroken\n")})
    assert texts(splits) == {"train": ["turn on"]}
    assert [one.row for one in splits["train"].rejected] == ["broken\n"] and splits["train"].right_row


def test_files_whose_rows_name_no_split_stay_beside_those_whose_rows_do(tmp_path: Path) -> None:
    other = Imported((utterance(text="wake me"),), (), {})
    splits, _ = divide_by_rows({"all": table(tmp_path, ROWS), "dev": other})
    assert texts(splits) == {"train": ["turn on", "up"], "test": ["turn off"], "dev": ["wake me"]}
    assert divide_by_rows({"all": other}) == ({"all": other}, ())


def test_a_column_of_something_else_is_not_read_and_pointed_out_if_it_names_a_test(tmp_path: Path) -> None:
    imported = table(tmp_path, "turn on,on,1\nturn off,off,2\n", "fold")
    assert imported.ignored == ("fold",) and imported.notes == () and "split" not in imported.columns
    imported = table(tmp_path, "turn on,on,train\nturn off,off,test\nso,so,\n")
    assert imported.notes == (
        "the column split has 'test' in some rows and is not read as the split, as others have ''; "
        "write train, dev or test into each",
    )
    told = table(tmp_path, "turn on,on,train\nturn off,off,x\n", "fold", split="fold")
    assert [row.reason for row in told.rejected] == ["\"fold\" must be train, dev, valid or test, not 'x'"]


def test_the_column_whose_every_row_names_a_split_is_taken_and_can_be_left_out(tmp_path: Path) -> None:
    rows = "on,on,1,test\n"
    assert table(tmp_path, rows, "split,subset").columns["split"] == "subset"
    assert table(tmp_path, rows, "split,subset", split="").utterances[0].frame == frame("on")
    assert "split" not in table(tmp_path, rows, "split,subset", split="").columns
