"""Find the column of a table that says which split each row belongs to.

text,intent,partition
turn on,on,train
turn off,off,test
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from eartune.prepare.importers.columns import NAMES, plain
from eartune.prepare.importers.row import Row, RowError
from eartune.prepare.split import UNNAMED, distance_from_test, split_of


def split_in(value: Any) -> str | None:
    """Return the split that a cell names, as train for Training; None for anything else."""
    split = split_of(value) if isinstance(value, str) else UNNAMED
    return None if split == UNNAMED else split


def checked_split(value: Any) -> str:
    """Return the split that a cell names; raises RowError if it names none."""
    if (split := split_in(value)) is None:
        raise RowError(f'"split" must be train, dev, valid or test, not {str(value)[:40]!r}')
    return split


def with_split(
    columns: Mapping[str, str], header: Collection[str], named: Mapping[str, str], rows: Iterable[Row]
) -> tuple[dict[str, str], list[str]]:
    """Return the columns with the one in whose every cell a split stands, if any, and sentences on what looks like it.

    A column that the user `named` is taken whatever it holds; one in which other things stand too is not read.
    """
    if "split" in named:
        return dict(columns), []
    others = {ours: theirs for ours, theirs in columns.items() if ours != "split"}
    order = [plain(known) for known in NAMES["split"]]
    names = [name for name in header if plain(name) in order and name not in others.values()]
    if not names:  # most tables have none, and their rows may hold recordings, which take long to read
        return others, []
    values: dict[str, dict[str, Any]] = {name: {} for name in sorted(names, key=lambda name: order.index(plain(name)))}
    for content in (row.content for row in rows if isinstance(row.content, dict)):
        for name, found in values.items():
            cell = dict.get(content, name)
            found[str(cell)] = cell
    complete = [name for name, found in values.items() if found and all(map(split_in, found.values()))]
    if complete:
        return others | {"split": complete[0]}, []
    return others, [said for name, found in values.items() if (said := _half_named(name, list(found.values())))]


def _half_named(name: str, cells: list[Any]) -> str:
    """A sentence on a column that names a test in some rows alone; nothing for any other."""
    held_out = [cell for cell in cells if (split := split_in(cell)) and distance_from_test(split) < 2]
    if not held_out:
        return ""
    other = next(cell for cell in cells if split_in(cell) is None)
    return (
        f"the column {name} has {held_out[0]!r} in some rows and is not read as the split, as others have "
        f"{str(other or '')[:40]!r}; write train, dev or test into each"
    )
