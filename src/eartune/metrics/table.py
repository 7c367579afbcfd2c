"""One metric's counts over a corpus as an array, and precision, recall and F1 of such arrays.

The axes are cluster, label, and (true positives, false positives, false negatives). A cluster is a set of utterances
that stand or fall together, such as the recordings of one sentence.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eartune.metrics.counts import LabelCounts

Table = NDArray[np.float64]


def count_table(counts: Sequence[LabelCounts], clusters: Sequence[int], n_clusters: int) -> Table:
    """The sum of the utterances' counts in each cluster; `clusters` has the cluster's number for each utterance."""
    labels = {label: place for place, label in enumerate(sorted({label for row in counts for label in row}))}
    table = np.zeros((n_clusters, max(1, len(labels)), 3))
    cells = [
        (cluster, labels[label], (c.true_positives, c.false_positives, c.false_negatives))
        for cluster, row in zip(clusters, counts, strict=True)
        for label, c in row.items()
    ]
    if cells:
        cluster_places, label_places, values = (np.array(column) for column in zip(*cells, strict=True))
        np.add.at(table, (cluster_places, label_places), values)
    return table


def without_labels(table: Table) -> Table:
    """All labels in one, as a micro average counts them."""
    summed: Table = table.sum(axis=1, keepdims=True)
    return summed


def precision(counts: Table) -> Table:
    """Mean over the labels, shape (..., labels, 3) -> (...)."""
    return _mean_ratio(counts, counts[..., 0], counts[..., 0] + counts[..., 1])


def recall(counts: Table) -> Table:
    """Mean over the labels, shape (..., labels, 3) -> (...)."""
    return _mean_ratio(counts, counts[..., 0], counts[..., 0] + counts[..., 2])


def f1(counts: Table) -> Table:
    """Mean over the labels of each label's F1, which is not the F1 of the mean precision and recall."""
    return _mean_ratio(counts, 2 * counts[..., 0], 2 * counts[..., 0] + counts[..., 1] + counts[..., 2])


def _mean_ratio(counts: Table, numerator: Table, denominator: Table) -> Table:
    """The mean over labels with any count; 0 for a label with nothing below the line; nan where no label has any."""
    ratio = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
    seen = (counts.sum(axis=-1) > 0).sum(axis=-1)
    mean: Table = np.full(seen.shape, np.nan)
    np.divide(ratio.sum(axis=-1), seen, out=mean, where=seen > 0)
    return mean
