"""Gives entities their token positions, because MASSIVE counts a slot as right only at the right tokens.

The filler of such an entity is its tokens and the position of the first, "ten am @3". The F1 of exactly matching
entities is then that of seqeval on MASSIVE's token labels, and exact match of frames is MASSIVE's exact match.
"""

from collections.abc import Iterable, Sequence

from eartune.data.corpora.massive import OUTSIDE, massive_tokens
from eartune.data.frame import Entity


def entities_by_position(labels: Sequence[str], tokens: Sequence[str]) -> tuple[Entity, ...]:
    """Return the entities in token labels: one for each run of a label, as MASSIVE cannot separate adjacent ones."""
    found: list[Entity] = []
    start = 0
    for end in range(1, len(labels) + 1):
        if end == len(labels) or labels[end] != labels[start]:
            if labels[start] != OUTSIDE:
                found.append(Entity(labels[start], f"{' '.join(tokens[start:end])} @{start}"))
            start = end
    return tuple(found)


def fit_labels(labels: Sequence[str], length: int) -> list[str]:
    """Cut predicted labels to the length of the reference, or fill them up with "Other", as MASSIVE does."""
    return [*labels[:length], *[OUTSIDE] * (length - len(labels))]


def locate_entities(entities: Iterable[Entity], tokens: Sequence[str], locale: str) -> tuple[Entity, ...]:
    """Give the entities of an answer without positions the first free tokens that match their words.

    An entity whose words are not in the sentence counts as spurious; MASSIVE's own systems label tokens, and so cannot
    predict one.
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
    return (*entities_by_position(labels, tokens), *nowhere)
