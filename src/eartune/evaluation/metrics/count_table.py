"""The counts of one metric over a corpus as an array, and ratios of them: precision, recall, F1."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eartune.evaluation.metrics.counts import UTTERANCE, Marks

Counts = NDArray[np.float64]
"""Counts of shape (..., labels, 3); the last axis is true positives, false positives and false negatives."""

Ratio = Callable[[Counts], Counts]
"""A function from summed counts (..., labels, 3) to scores (...), NaN where nothing was counted."""


def precision(counts: Counts) -> Counts:
    """Return the mean precision over the labels: (..., labels, 3) -> (...)."""
    return _mean_ratio(counts, counts[..., 0], counts[..., 0] + counts[..., 1])


def recall(counts: Counts) -> Counts:
    """Return the mean recall over the labels: (..., labels, 3) -> (...)."""
    return _mean_ratio(counts, counts[..., 0], counts[..., 0] + counts[..., 2])


def f1(counts: Counts) -> Counts:
    """Return the mean F1 over the labels, not the F1 of mean precision and recall: (..., labels, 3) -> (...)."""
    return _mean_ratio(counts, 2 * counts[..., 0], 2 * counts[..., 0] + counts[..., 1] + counts[..., 2])


def reference_recall(counts: Counts) -> Counts:
    """Return the mean recall over the labels of references; a label that is only predicted does not count."""
    of_references = counts[..., 0] + counts[..., 2]
    return _mean_ratio(of_references[..., np.newaxis], counts[..., 0], of_references)


def _mean_ratio(counts: Counts, numerator: Counts, denominator: Counts) -> Counts:
    """The mean ratio over labels with any count: 0 for a label whose denominator is 0, NaN if no label has a count."""
    ratio = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
    seen = (counts.sum(axis=-1) > 0).sum(axis=-1)
    mean: Counts = np.full(seen.shape, np.nan)
    np.divide(ratio.sum(axis=-1), seen, out=mean, where=seen > 0)
    return mean


@dataclass(frozen=True)
class CountTable:
    """Counts of shape (clusters, labels, 3), and the ratio that computes a score from their sum.

    A cluster is a set of utterances that are not independent, such as the recordings of one sentence.
    """

    labels: tuple[str, ...]
    counts: Counts
    ratio: Ratio = f1

    def spread(self, labels: tuple[str, ...]) -> "CountTable":
        """Return the same counts over more labels, in the given order."""
        counts = np.zeros((len(self.counts), len(labels), 3))
        counts[:, [labels.index(label) for label in self.labels]] = self.counts
        return replace(self, labels=labels, counts=counts)


def count_table(marks: Sequence[Marks], clusters: NDArray[np.int64], n_clusters: int, apart: bool) -> CountTable:
    """Return the sum of the utterances' marks in each cluster; `clusters` has the cluster's number for each utterance.

    Labels are counted separately if `apart`, for a macro average, or all in one, for a micro average.
    """
    flat = [mark for of_utterance in marks for mark in of_utterance]
    names, *columns = zip(*flat, strict=True) if flat else ((), (), (), ())
    labels = tuple(sorted(set(names))) if apart or set(names) == {UTTERANCE} else ()
    cells = np.repeat(clusters, [len(of_utterance) for of_utterance in marks])
    if len(labels) > 1:
        places = {label: place for place, label in enumerate(labels)}
        cells = cells * len(labels) + np.fromiter((places[name] for name in names), np.int64, len(flat))
    shape = (n_clusters, max(1, len(labels)))
    sums = [np.bincount(cells, column, n_clusters * shape[1]).reshape(shape) for column in columns]
    return CountTable(
        labels or ("all",), np.stack(sums, axis=-1).astype(np.float64)
    )  # bincount of no weights returns integers


def sum_tables(tables: Sequence[CountTable]) -> CountTable:
    """Return the sum of tables with the same labels, such as those of word marks and of character marks."""
    if len({table.labels for table in tables}) > 1:
        raise ValueError("only tables of the same labels can be added")
    return CountTable(tables[0].labels, np.sum([table.counts for table in tables], axis=0))
