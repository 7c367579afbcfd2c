"""MASSIVE counts a slot as found where the same tokens have the same label; here entities get their positions.

An entity becomes one whose filler names its tokens and the first one's place, "ten am @3". Exact matching of such
entities is the F1 of seqeval on MASSIVE's token labels, and that of whole frames is MASSIVE's exact match.
"""

from collections.abc import Iterable, Sequence

from eartune.data.corpora.massive import OUTSIDE, massive_tokens
from eartune.data.frame import Entity


def by_position(labels: Sequence[str], tokens: Sequence[str]) -> tuple[Entity, ...]:
    """Runs of one label; two slots of a type that touch are one, as MASSIVE's labels cannot part them."""
    found: list[Entity] = []
    start = 0
    for end in range(1, len(labels) + 1):
        if end == len(labels) or labels[end] != labels[start]:
            if labels[start] != OUTSIDE:
                found.append(Entity(labels[start], f"{' '.join(tokens[start:end])} @{start}"))
            start = end
    return tuple(found)


def fit(labels: Sequence[str], length: int) -> list[str]:
    """Predicted labels cut, or filled up with "Other", to the length of the reference, as MASSIVE does."""
    return [*labels[:length], *[OUTSIDE] * (length - len(labels))]


def locate(entities: Iterable[Entity], tokens: Sequence[str], locale: str) -> tuple[Entity, ...]:
    """Entities of an answer that gives no positions: each takes the first free place where its words stand.

    One whose words stand nowhere is spurious; MASSIVE's own systems label tokens and
    cannot say what is not there.
    """
    labels = [OUTSIDE] * len(tokens)
    free = [token.casefold() for token in tokens]
    nowhere: list[Entity] = []
    for entity in entities:
        words = [word.casefold() for word in massive_tokens(entity.filler, locale)]
        starts = range(len(free) - len(words) + 1)
        start = next((place for place in starts if words and free[place : place + len(words)] == words), None)
        if start is None:
            nowhere.append(Entity(entity.type, f"{entity.filler} @nowhere"))
            continue
        for place in range(start, start + len(words)):
            labels[place] = entity.type
            free[place] = ""
    return (*by_position(labels, tokens), *nowhere)
