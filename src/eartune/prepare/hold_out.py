"""Hold rows out for the test: of speakers who are not trained on, where there are speakers, and never half a sentence.

rows -> groups that may not be split -> those for the test, whose labels have the share that they have in all -> splits
"""

import hashlib
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from eartune.data.budget import Budget, parse_budget
from eartune.data.normalization import normalize_spoken_text
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.prepare.importers.excerpt import Excerpt
from eartune.prepare.split import distance_from_test
from eartune.wording import counted, listed

TRAIN, TEST = "train", "test"
_KINDS_COMPARED = 200
"""How many kinds of groups are compared for each choice; with more, each choice is among the next ones."""

Group = Sequence[int]
"""The places of rows of which none may be held out without the others."""


@dataclass(frozen=True)
class HoldOut:
    """How much is held out, as a share or a number of utterances, and the seed of the order in which it is chosen."""

    amount: Budget
    seed: int = 0
    name: str = TEST
    """The split that the held-out rows become."""
    keep_share: bool = False
    """Whether speakers are rather in both than that less than half, or more than twice, of the amount is held out."""


@dataclass(frozen=True)
class Divided:
    """The rows to train on, those that are held out, and a sentence that says how they were divided."""

    train: tuple[Utterance, ...]
    held_out: tuple[Utterance, ...]
    sentence: str


def parse_hold_out(written: str, seed: int = 0) -> HoldOut:
    """Return what `20%` or `100 utterances` asks for; raises InputError for anything else, and for all or nothing."""
    try:
        amount = parse_budget(written)
    except InputError:
        amount = Budget(0, "%")
    if amount.unit == "h" or amount.amount == 0 or amount.is_everything:
        raise InputError(f"--hold-out {written}: must be a share of the rows, such as 20%, or a number: 100 utterances")
    return HoldOut(amount, seed)


def check_one_split(splits: Sequence[str]) -> None:
    """Raise InputError if the test of these splits is there already."""
    held_out = [split for split in splits if distance_from_test(split) <= distance_from_test("dev")]
    if len(splits) > 1 or held_out:
        raise InputError(
            f"--hold-out is for files without a test; these are already the splits {listed(list(splits))}"
            if len(splits) > 1
            else f"--hold-out is for rows to train on, but these are the split {splits[0]}"
        )


def divide(rows: Sequence[Utterance], how: HoldOut) -> Divided:
    """Divide rows into those to train on and those held out.

    Rows with the same words, or with parts of one recording, stay together, and all rows of a speaker do, if that
    leaves both sides some; where sentences are shared by speakers, so that it does not, the sentence says so, and also
    where far more or less is held out than was asked for. What is counted are rows with recordings, or all rows where
    none has any. The order depends on the seed and the ids alone. Raises InputError if nothing can be held out.
    """
    counted_rows = {place for place, row in enumerate(rows) if row.recordings} or set(range(len(rows)))
    cannot = f"{counted(len(counted_rows), 'row')} cannot be divided by holding out {how.amount}"
    wanted = max(1.0, _amount(how.amount, len(counted_rows)))
    if wanted >= len(counted_rows):
        raise InputError(f"{cannot}, which leaves none to train on; hold out fewer, or use more rows")
    speakers = {recording.speaker for row in rows for recording in row.recordings if recording.speaker}
    chosen: set[int] = set()
    if len(speakers) > 1:
        chosen = _chosen(_groups(rows, True), rows, counted_rows, wanted, how.seed)
        if how.keep_share and not wanted / 2 <= len(chosen & counted_rows) <= 2 * wanted:
            chosen = set()
    by_speaker = bool(chosen)
    chosen = chosen or _chosen(_groups(rows, False), rows, counted_rows, wanted, how.seed)
    if not chosen:
        raise InputError(
            f"{cannot}: what has the same words or is of one recording stays together, here all of it; use more rows"
        )
    held_out = tuple(row for place, row in enumerate(rows) if place in chosen)
    train = tuple(row for place, row in enumerate(rows) if place not in chosen)
    n_held_out = len(chosen & counted_rows)
    said = _sentence(how, held_out, n_held_out, len(counted_rows), len(speakers), by_speaker)
    return Divided(train, held_out, said + _deviation(how.amount, n_held_out, wanted, by_speaker))


def _amount(amount: Budget, size: int) -> float:
    return amount.amount / 100 * size if amount.unit == "%" else amount.amount


def _sentence(how: HoldOut, rows: Sequence[Utterance], n: int, of: int, n_speakers: int, by_speaker: bool) -> str:
    what = "recorded rows" if any(row.recordings for row in rows) else "rows"
    said = f"held out for the {how.name}: {n:,} of {of:,} {what} ({100 * n / of:.0f} %), chosen with seed {how.seed}"
    if what == "rows":
        return said
    if by_speaker:
        tested = {recording.speaker for row in rows for recording in row.recordings if recording.speaker}
        return f"{said}, of {len(tested)} of {n_speakers} speakers, none of whom is trained on"
    if n_speakers > 1:
        reason = "hold out far more or less" if how.keep_share else "leave one side nothing"
        return f"{said}; the {n_speakers} speakers are in both, as keeping them apart would {reason}"
    return f"{said}; " + ("all are of one speaker" if n_speakers else "no row names a speaker, so some may be in both")


def _deviation(asked: Budget, n: int, wanted: float, by_speaker: bool) -> str:
    """What is added to the sentence where far more or less is held out than was asked for."""
    if abs(n - wanted) <= max(1, wanted / 4):
        return ""
    shared = "words, a recording or a speaker" if by_speaker else "words or a recording"
    return f"; {asked} was asked for, but rows that share {shared} stay together"


def _groups(rows: Sequence[Utterance], by_speaker: bool) -> list[list[int]]:
    """The rows in groups that share words, a recording or a speaker with each other, directly or through others."""
    parents = list(range(len(rows)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    first: dict[tuple[str, str | bytes], int] = {}
    for place, row in enumerate(rows):
        for name in _ties(row, by_speaker):
            parents[root(place)] = root(first.setdefault(name, place))
    groups: dict[int, list[int]] = {}
    for place in range(len(rows)):
        groups.setdefault(root(place), []).append(place)
    return list(groups.values())


def _ties(row: Utterance, by_speaker: bool) -> Iterator[tuple[str, str | bytes]]:
    """What keeps a row together with others that have it too."""
    if row.text is not None:
        yield "words", normalize_spoken_text(row.text)
    for recording in row.recordings:
        if isinstance(recording, Excerpt) and recording.stored is not None:
            yield "stored", recording.stored
        else:
            yield "file", os.path.realpath(recording.path)
        if by_speaker and recording.speaker:
            yield "speaker", recording.speaker


def _chosen(
    groups: Sequence[Group], rows: Sequence[Utterance], counted_rows: set[int], wanted: float, seed: int
) -> set[int]:
    """The rows of the groups that come nearest to what is wanted, with each label as often as its share.

    Groups of the same labels are one kind. In each turn the group is taken whose labels are furthest below their
    share, of those that bring the number nearer to what is wanted, until there is none. If that is not half of what is
    wanted, the smallest of the others is added, unless the number would be off by a larger factor than without it.
    All rows are never chosen.
    """
    totals = Counter(_label(rows[place]) for place in counted_rows)
    share = wanted / len(counted_rows)
    kinds = _kinds(groups, rows, counted_rows, seed)
    chosen: set[int] = set()
    taken: Counter[str] = Counter()

    def distance(kind: tuple[tuple[str, int], ...]) -> tuple[bool, float]:
        """Whether a label would not be trained any more, and how much further from their shares labels would be."""
        further = sum(
            ((taken[label] + n - share * totals[label]) ** 2 - (taken[label] - share * totals[label]) ** 2)
            / totals[label]
            for label, n in kind
        )
        return any(taken[label] + n == totals[label] for label, n in kind), further / _size(kind)

    order = deque(kinds)
    while True:
        there = taken.total()
        missing, room = wanted - there, len(counted_rows) - there
        fitting = (kind for kind in order if abs(missing - _size(kind)) < abs(missing) and _size(kind) < room)
        best = min(islice(fitting, _KINDS_COMPARED), key=distance, default=None)
        if best is None and there < wanted / 2:
            larger = (kind for kind in order if there * (there + _size(kind)) < wanted**2 and _size(kind) < room)
            best = min(larger, key=lambda kind: (_size(kind), distance(kind)), default=None)
        if best is None:
            return chosen
        chosen.update(kinds[best].pop())
        taken.update(dict(best))
        order.remove(best)
        if kinds[best]:
            order.append(best)  # behind those that were not compared yet


def _kinds(
    groups: Sequence[Group], rows: Sequence[Utterance], counted_rows: set[int], seed: int
) -> dict[tuple[tuple[str, int], ...], list[Group]]:
    """The groups by how many rows of each label count in them, in an order that the seed and the ids decide."""

    def rank(group: Group) -> str:
        return hashlib.sha256(f"{seed}/{rows[group[0]].id}".encode()).hexdigest()

    kinds: dict[tuple[tuple[str, int], ...], list[Group]] = {}
    for group in sorted(groups, key=rank):
        labels = Counter(_label(rows[place]) for place in group if place in counted_rows)
        if labels:
            kinds.setdefault(tuple(sorted(labels.items())), []).append(group)
    return kinds


def _size(kind: tuple[tuple[str, int], ...]) -> int:
    """The number of rows of a group of this kind that count."""
    return sum(n for _, n in kind)


def _label(row: Utterance) -> str:
    return row.frame.intent if row.frame is not None else row.label or ""
