"""SLURP's own measure of entities: word and character counts in one, so near misses earn a part."""

from eartune.metrics.counts import LabelCounts, by_label
from eartune.metrics.entities import char_counts, word_counts
from eartune.semantics import SemanticFrame


def slu_counts(reference: SemanticFrame, predicted: SemanticFrame | None) -> LabelCounts:
    """The sums of the word and the character counts; the F1 of the sums is SLU-F1, not the mean of the two F1s."""
    words, characters = word_counts(reference, predicted), char_counts(reference, predicted)
    return by_label([*words.items(), *characters.items()])
