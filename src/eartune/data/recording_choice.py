"""Which sentences to record: typical ones, after some for each label, entity type and frequent value.

sentences -> sample -> vectors -> needs, most frequent first -> for each the most typical sentence -> typical ones

Few recordings teach most if they are typical and as frequent as in use; rare and doubtful sentences pay off later
(docs/recording.md names the sources). A sentence is typical of those that resemble it and are not yet represented
by another one: facility location, whose greedy maximum is within 37 % of the best choice, and in practice close to it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from eartune.data.frame import Entity
from eartune.data.sentence_vectors import sentence_vectors

TIMES_EACH_TYPE = 3
"""In how many of the sentences each entity type is at least, if it is in so many of the pool."""
MOST_COMPARED = 5_000
"""The most sentences that are compared with each other: of a larger pool a sample, in which frequent ones are likelier.

The comparison takes memory of its square: 100 MB.
"""

Places = npt.NDArray[np.int64]


class Reason(StrEnum):
    """The reason for which a sentence is chosen."""

    LABEL = "label"
    TYPE = "entity type"
    VALUE = "value"
    TYPICAL = "typical"
    DISAGREEMENT = "disagreement"


@dataclass(frozen=True)
class Sentence:
    """A sentence of the pool that may be recorded."""

    text: str
    count: int
    """How often the pool has it."""
    label: str
    """The label of which the choice should have at least one sentence, such as the intent."""
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True)
class Choice:
    """A chosen sentence by its place in the pool, and the reason for it."""

    place: int
    reason: Reason


Unit = tuple[Reason, str, str]
"""What a sentence has, and the choice should have too: a label, an entity type, or a value of a type."""


def choose(sentences: Sequence[Sentence], number: int, seed: int = 0) -> Iterator[Choice]:
    """Yield sentences in the order of their worth, so that whoever records only the first ones has a good choice too.

    First comes a sentence for each label, then one, two and three for each entity type, then one for each value, until
    half of `number` is reached; the most frequent ones first, and of the sentences that have it, the most typical.
    All others follow by how typical they are, beyond `number` as well, until there are no more in the sample.
    `seed` draws the sample of a pool larger than `MOST_COMPARED`.
    """
    sample = _sample(sentences, max(MOST_COMPARED, 2 * number), seed)
    compared = [sentences[place] for place in sample]
    units = [_units(sentence) for sentence in compared]
    facilities = _Facilities(compared)
    covered: Counter[Unit] = Counter()
    n_chosen = 0
    for unit, times, members in _needs(compared, units):
        if unit[0] is Reason.VALUE and n_chosen >= number // 2:
            break
        if covered[unit] < times and (found := facilities.take(members)) is not None:
            covered.update(units[found])
            n_chosen += 1
            yield Choice(sample[found], unit[0])
    everything = np.arange(len(compared))
    while (found := facilities.take(everything)) is not None:
        yield Choice(sample[found], Reason.TYPICAL)


def units_of(sentences: Sequence[Sentence]) -> Counter[Reason]:
    """Return how many different labels, entity types and values the sentences have."""
    return Counter(unit[0] for unit in set().union(*map(_units, sentences)))


class _Facilities:
    """Chosen sentences, each of which represents those that resemble it more than they resemble another chosen one."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        vectors = sentence_vectors([sentence.text for sentence in sentences])
        self._similarity = vectors @ vectors.T
        self._weights = np.array([sentence.count for sentence in sentences], dtype=np.float32)
        self._represented = np.zeros(len(sentences), dtype=np.float32)
        self._most_gain = self._similarity @ self._weights
        self._is_free = np.ones(len(sentences), dtype=bool)

    def take(self, members: Places) -> int | None:
        """Choose the free one of these sentences by which the pool is represented best; None if none is free.

        Gains only shrink as more is chosen, so that an old gain bounds a new one, and few are computed anew
        (the lazy greedy algorithm of Minoux, 1978).
        """
        free = members[self._is_free[members]]
        best, found = -1.0, None
        for place in free[np.argsort(-self._most_gain[free], kind="stable")]:
            if self._most_gain[place] <= best:
                break
            more = np.maximum(self._similarity[place] - self._represented, 0)
            self._most_gain[place] = gain = float(more @ self._weights)
            if gain > best:
                best, found = gain, int(place)
        if found is not None:
            self._is_free[found] = False
            np.maximum(self._represented, self._similarity[found], out=self._represented)
        return found


def _units(sentence: Sentence) -> set[Unit]:
    types: set[Unit] = {(Reason.TYPE, entity.type, "") for entity in sentence.entities}
    values: set[Unit] = {(Reason.VALUE, entity.type, entity.filler.casefold()) for entity in sentence.entities}
    return {(Reason.LABEL, sentence.label, "")} | types | values


def _needs(sentences: Sequence[Sentence], units: Sequence[set[Unit]]) -> Iterator[tuple[Unit, int, Places]]:
    """Yield each unit, how many sentences should have it, and the places of those that have it."""
    counts: Counter[Unit] = Counter()
    members: dict[Unit, list[int]] = {}
    for place, (sentence, its_units) in enumerate(zip(sentences, units, strict=True)):
        for unit in its_units:
            counts[unit] += sentence.count
            members.setdefault(unit, []).append(place)
    by_frequency = sorted(counts, key=lambda unit: (-counts[unit], unit))
    levels = ((Reason.LABEL, 1), *((Reason.TYPE, 1 + level) for level in range(TIMES_EACH_TYPE)), (Reason.VALUE, 1))
    for kind, times in levels:
        for unit in by_frequency:
            if unit[0] is kind:
                yield unit, times, np.array(members[unit])


def _sample(sentences: Sequence[Sentence], size: int, seed: int) -> list[int]:
    """The places of a sample, in an order that depends on the seed and the words alone.

    A sentence's chance grows with its count (Efraimidis and Spirakis, 2006). Of labels and entity types that are rare,
    so many sentences are in the sample as the choice should have.
    """
    order = sorted(range(len(sentences)), key=lambda place: (-_chance(sentences[place], seed), sentences[place].text))
    taken = order[:size]
    n_taken = Counter(unit for place in taken for unit in _units(sentences[place]))
    for place in order[size:]:
        rare = [u for u in _units(sentences[place]) if u[0] is not Reason.VALUE and n_taken[u] < TIMES_EACH_TYPE]
        if rare:
            taken.append(place)
            n_taken.update(rare)
    return taken


def _chance(sentence: Sentence, seed: int) -> float:
    drawn = int.from_bytes(hashlib.sha256(f"{seed}/{sentence.text}".encode()).digest()[:7]) / 2**56
    return float(drawn ** (1 / sentence.count))
