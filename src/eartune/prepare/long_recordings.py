"""Cut long recordings that have neither words nor a label, at their pauses, into rows that a model can be given.

    {"id": "call", "recordings": [{"file": "call.wav"}]} -> call-piece1, call-piece2, ..., each a part of call.wav

What is said of a whole recording, its words or its label, is not true of its pieces; such rows stay as they are.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from eartune.data.audio import MAX_SECONDS
from eartune.data.pauses import Ending, Span, cut_at_pauses
from eartune.data.sound_file import Samples, SoundError, SoundFile, open_sound
from eartune.data.utterance import Recording, Utterance
from eartune.prepare.channel_numbers import count_from_zero
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.importers.import_result import Imported
from eartune.wording import counted


def cut_long_recordings(splits: Mapping[str, Imported]) -> tuple[dict[str, Imported], tuple[str, ...]]:
    """Return the rows with their long recordings cut into rows of their own, and a sentence on what was cut.

    A recording that cannot be read stays, to be set aside with the reason.
    """
    splits, counted_from_one = count_from_zero(splits)
    counts: Counter[str] = Counter()
    cut = {
        split: replace(imported, utterances=tuple(one for row in imported.utterances for one in _rows(row, counts)))
        for split, imported in splits.items()
    }
    if not counts["recording"]:
        return cut, counted_from_one
    said = f"cut at pauses: {counted(counts['recording'], 'recording')} into {counted(counts['piece'], 'row')}"
    divided = counts[Ending.QUIETEST]
    more = f", {divided} of which end where it is quietest, as nobody pauses there" if divided else ""
    return cut, (*counted_from_one, said + more)


def _rows(row: Utterance, counts: Counter[str]) -> Iterator[Utterance]:
    """The row with its short recordings, if it has any, and a row for each piece of the others."""
    if row.text is not None or row.is_labelled:
        yield row
        return
    pieces, short = [], []
    for recording in row.recordings:
        excerpt, spans = _as_excerpt(recording), _spans(recording)
        if len(spans) < 2:
            short.append(recording)
            continue
        pieces += [replace(excerpt, start=excerpt.start + one.start, end=excerpt.start + one.end) for one in spans]
        counts.update(["recording", *(one.ending for one in spans), *(["piece"] * len(spans))])
    if short or not row.recordings:
        yield replace(row, recordings=tuple(short))
    for number, piece in enumerate(pieces, 1):
        yield replace(row, id=f"{row.id}-piece{number}", recordings=(piece,))


def _as_excerpt(recording: Recording) -> Excerpt:
    """The recording, of which a part can be named; how long that is will be measured."""
    if isinstance(recording, Excerpt):
        return replace(recording, seconds=math.nan)
    return Excerpt(recording.path, math.nan, recording.speaker)


def _spans(recording: Recording) -> list[Span]:
    """Where the pieces of a recording stand in it; none if it need not, or cannot, be cut."""
    excerpt = _as_excerpt(recording)
    try:
        with open_sound(excerpt.path if excerpt.stored is None else excerpt.stored) as file:
            if file.seconds is not None and min(excerpt.end or math.inf, file.seconds) - excerpt.start <= MAX_SECONDS:
                return []
            if not excerpt.has_channel(file):
                return []
            return [span for span, _ in cut_at_pauses(_blocks(excerpt, file), file.rate)]
    except (SoundError, OSError):
        return []


def _blocks(excerpt: Excerpt, file: SoundFile) -> Iterator[Samples]:
    """The samples of a part, of its channel, as they are decoded."""
    left = math.inf if excerpt.end is None else round(excerpt.end * file.rate) - round(excerpt.start * file.rate)
    for block in file.blocks_from(excerpt.start):
        yield excerpt.cut(block if len(block) <= left else block[: int(left)])
        left -= len(block)
        if left <= 0:
            return
