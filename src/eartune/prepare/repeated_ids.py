"""Give rows of several files, each of which counts its own rows from 1, ids that differ.

a.csv: 1,turn on   b.csv: 1,turn off   ->   1: turn on   1-2: turn off
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from eartune.data.utterance import Utterance
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.named_recordings import free_name
from eartune.wording import counted


def with_ids_of_their_own(splits: Mapping[str, Imported]) -> tuple[dict[str, Imported], tuple[str, ...]]:
    """Return the rows of each split with ids that differ, and a sentence for each split in which some did not.

    Within one file they differ already. A row that is the same as the earlier one keeps its id, and is a repeated row.
    """
    found: dict[str, Imported] = {}
    said: list[str] = []
    for split, imported in splits.items():
        rows = tuple(_renamed(imported.utterances))
        found[split] = replace(imported, utterances=rows)
        changed = [row.id for row, before in zip(rows, imported.utterances, strict=True) if row.id != before.id]
        if changed:
            are = f"{counted(len(changed), 'row')} of {split} had an id that a row of an earlier file has"
            said.append(f"{are}; a number was added to it, as in {changed[0]}")
    return found, tuple(said)


def _renamed(rows: tuple[Utterance, ...]) -> Iterator[Utterance]:
    taken, earlier = {row.id for row in rows}, dict[str, Utterance]()
    for row in rows:
        if row.id.strip() and earlier.setdefault(row.id, row) != row:
            row = replace(row, id=free_name(row.id, taken))
            taken.add(row.id)
        yield row
