"""Find whole recordings that stand in rows of different words, of each of which they are likely to be a part."""

from collections.abc import Iterable
from pathlib import Path

from eartune.data.utterance import Utterance
from eartune.prepare.importers.excerpt import Excerpt


def whole_in_several(utterances: Iterable[Utterance]) -> dict[Path, int]:
    """Return the recordings that are whole in rows with different words, or labels where there are none, and how many.

    Rows that say the same are counted once.
    """
    said: dict[Path, set[object]] = {}
    for row in utterances:
        words = row.frame if row.text is None else " ".join(row.text.casefold().split())
        for recording in row.recordings:
            if not isinstance(recording, Excerpt) or (recording.part == (0.0, None, None) and not recording.stored):
                said.setdefault(recording.path, set()).add(words)
    return {path: len(rows) for path, rows in said.items() if len(rows) > 1}
