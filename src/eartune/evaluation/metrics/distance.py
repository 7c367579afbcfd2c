"""Distances between a predicted and a gold filler, as SLURP's official scorer computes them.

Neither distance changes case, punctuation or Unicode form: "Friday" is not "friday", and an accent written as one
code point is not the same accent written as two.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

_SPACE_RUN = re.compile(r"\s\s+")
# The recordings of a sentence repeat the same pairs; 100,000 pairs take about 20 MB.
_remembered = lru_cache(maxsize=100_000)


@_remembered
def word_distance(gold: str, predicted: str) -> float:
    """Return the word error rate: edits per gold word, from 0; above 1 if the prediction is long enough."""
    gold_words = _words(gold)
    if not gold_words:
        raise ValueError(f"the gold filler {gold!r} has no words, so no word distance to it exists; correct the corpus")
    return _edits(gold_words, _words(predicted)) / len(gold_words)


@_remembered
def character_distance(gold: str, predicted: str) -> float:
    """Return edits per character of the longer filler, 0 to 1; 1 for two empty ones, as in the official scorer."""
    longer = max(len(gold), len(predicted))
    return _edits(gold, predicted) / longer if longer else 1.0


def _edits(gold: Sequence[str], predicted: Sequence[str]) -> int:
    """Insertions, deletions and replacements of characters or words."""
    from rapidfuzz.distance import Levenshtein  # takes 30 ms, which commands that score nothing save

    return Levenshtein.distance(gold, predicted)


def _words(filler: str) -> list[str]:
    # Only the space character separates words: a lone tab or no-break space is part of one, as in jiwer 2.0.0.
    return [word for word in _SPACE_RUN.sub(" ", filler).strip().split(" ") if word]
