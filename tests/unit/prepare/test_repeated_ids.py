"""Of two files whose rows are numbered from 1, neither is lost."""

from pathlib import Path

from builders import utterance
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.prepare import prepare
from eartune.prepare.repeated_ids import with_ids_of_their_own


def rows(*ids_and_texts: tuple[str, str]) -> Imported:
    return Imported(tuple(utterance(name, text) for name, text in ids_and_texts), (), {})


def test_rows_of_a_later_file_have_ids_of_their_own(tmp_path: Path) -> None:
    """They were set aside as duplicate-id, all of them."""
    both = rows(("1", "turn on friday"), ("2", "turn off friday"), ("1-2", "so"), ("1", "up friday"), ("1", "down"))
    prepared = prepare({"train": both, "test": rows(("1", "another friday"))}, tmp_path)
    assert [row.id for row in prepared.splits["train"]] == ["1", "2", "1-2", "1-3", "1-4"]
    assert [row.id for row in prepared.splits["test"]] == ["1"] and prepared.quarantined == ()
    assert prepared.notes == (
        "2 rows of train had an id that a row of an earlier file has; a number was added to it, as in 1-3",
    )


def test_the_same_row_in_two_files_is_set_aside_once(tmp_path: Path) -> None:
    twice = rows(("1", "turn on friday"), ("1", "turn on friday"))
    assert with_ids_of_their_own({"train": twice}) == ({"train": twice}, ())
    assert [one.fault for one in prepare({"train": twice}, tmp_path).quarantined] == ["duplicate-id"]
