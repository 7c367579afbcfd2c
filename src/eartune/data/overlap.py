"""Sentences that a test shares with training: a score on them says little about new ones."""

from collections.abc import Iterable

from eartune.data.normalization import normalize_spoken_text

RUN = 8
"""The number of words in a row that two sentences have in common by chance hardly ever (GPT-3's contamination check
used 8 to 13)."""


def shared_sentences(test: Iterable[str], training: Iterable[str]) -> int:
    """Return how many test sentences are in training, or share eight words in a row with a sentence there."""
    known: set[tuple[str, ...]] = set()
    for text in training:
        known.update(_runs(text))
    return sum(any(run in known for run in _runs(text)) for text in test)


def _runs(text: str) -> list[tuple[str, ...]]:
    """The runs of eight words of a sentence; a shorter one is a single run, without that of other sentences."""
    words = normalize_spoken_text(text).split()
    if len(words) < RUN:
        return [tuple(words)] if words else []
    return [tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1)]
