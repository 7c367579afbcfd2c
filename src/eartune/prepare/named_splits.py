"""Divide the rows of files by the split that the rows themselves name.

calls.csv, split all: turn on,on,train   turn off,off,test   ->   train: turn on    test: turn off
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.prepare.hold_out import check_one_split
from eartune.prepare.importers.import_result import Imported, OfSplit
from eartune.prepare.split import UNNAMED, split_of
from eartune.wording import counted, listed


def divide_by_rows(
    splits: Mapping[str, Imported], is_held_out: bool = False
) -> tuple[dict[str, Imported], tuple[str, ...]]:
    """Return the rows in the splits that they name, or else in that of their file, and a sentence if any names one.

    Raises InputError for a row that names another split than its file was given as, and where a test is to be held out
    although rows name one.
    """
    if not any(isinstance(row, OfSplit) for imported in splits.values() for row in imported.utterances):
        return dict(splits), ()
    rows: dict[str, list[Utterance]] = {}
    for given, imported in splits.items():
        for row in imported.utterances:
            if not is_held_out:
                _check_is_not_another(row, given)
            rows.setdefault(row.split if isinstance(row, OfSplit) else given, []).append(_bare(row))
    if is_held_out:
        check_one_split(list(rows))
    named = [f"{counted(len(found), 'row')} for {split}" for split, found in rows.items()]
    return _imported(splits, rows), (f"divided by the split that rows name: {listed(named)}",)


def _check_is_not_another(row: Utterance, given: str) -> None:
    if isinstance(row, OfSplit) and split_of(given) not in (UNNAMED, row.split):
        raise InputError(
            f"{row.place}: is of the split {row.split}, but its file was given as {given}; to divide the file by what "
            f"rows name add --split {UNNAMED}=FILE, and to leave that unread --map split="
        )


def _bare(row: Utterance) -> Utterance:
    """The utterance without what its row says about it."""
    values: dict[str, Any] = {field.name: getattr(row, field.name) for field in fields(Utterance)}
    return Utterance(**values)


def _imported(splits: Mapping[str, Imported], rows: Mapping[str, list[Utterance]]) -> dict[str, Imported]:
    """The rows of each split, with what could not be read beside them.

    A row that could not be read may not say its split; where its file is divided, it is counted with the first one.
    """
    found = {split: Imported(tuple(utterances), (), {}) for split, utterances in rows.items()}
    for given, imported in splits.items():
        for one in imported.rejected:
            split = next(name for name in (one.split, given, next(iter(found))) if name in found)
            found[split] = replace(found[split], rejected=(*found[split].rejected, one))
    right_rows = dict.fromkeys(_right_rows(splits))
    first = next(iter(found))
    return found | {first: replace(found[first], right_row=tuple(right_rows))}


def _right_rows(splits: Mapping[str, Imported]) -> Iterator[str]:
    for imported in splits.values():
        yield from imported.right_row
