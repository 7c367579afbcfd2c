"""One metric's marks over a corpus as an array, and the ratios of such arrays: precision, recall, F1."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eartune.evaluation.metrics.counts import UTTERANCE, Marks

Counts = NDArray[np.float64]
"""The last two axes are label and (true positives, false positives, false negatives)."""

Ratio = Callable[[Counts], Counts]
"""What a metric makes of summed counts: shape (..., labels, 3) -> (...), nan where there is nothing to count."""


def precision(counts: Counts) -> Counts:
    """Mean over the labels, shape (..., labels, 3) -> (...)."""
    return _mean_ratio(counts, counts[..., 0], counts[..., 0] + counts[..., 1])


def recall(counts: Counts) -> Counts:
    """Mean over the labels, shape (..., labels, 3) -> (...)."""
    return _mean_ratio(counts, counts[..., 0], counts[..., 0] + counts[..., 2])


def f1(counts: Counts) -> Counts:
    """Mean over the labels of each label's F1, which is not the F1 of the mean precision and recall."""
    return _mean_ratio(counts, 2 * counts[..., 0], 2 * counts[..., 0] + counts[..., 1] + counts[..., 2])


def reference_recall(counts: Counts) -> Counts:
    """Mean recall over the labels that references have: a label that was only ever predicted does not count."""
    of_references = counts[..., 0] + counts[..., 2]
    return _mean_ratio(of_references[..., np.newaxis], counts[..., 0], of_references)


def _mean_ratio(counts: Counts, numerator: Counts, denominator: Counts) -> Counts:
    """The mean over labels with any count; 0 for a label with nothing below the line; nan where no label has any."""
    ratio = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
    seen = (counts.sum(axis=-1) > 0).sum(axis=-1)
    mean: Counts = np.full(seen.shape, np.nan)
    np.divide(ratio.sum(axis=-1), seen, out=mean, where=seen > 0)
    return mean


@dataclass(frozen=True)
class Table:
    """Counts of shape (clusters, labels, 3), and the ratio that makes a score of their sum.

    A cluster is a set of utterances that stand or fall together, such as the recordings of one sentence.
    """

    labels: tuple[str, ...]
    counts: Counts
    ratio: Ratio = f1

    def spread(self, labels: tuple[str, ...]) -> "Table":
        """The same counts over more labels, in the order given."""
        counts = np.zeros((len(self.counts), len(labels), 3))
        counts[:, [labels.index(label) for label in self.labels]] = self.counts
        return replace(self, labels=labels, counts=counts)


def count_table(marks: Sequence[Marks], clusters: NDArray[np.int64], n_clusters: int, apart: bool) -> Table:
    """The sum of the utterances' marks in each cluster; `clusters` has the cluster's number for each utterance.

    With the labels apart, as a macro average wants them, or all in one, as a micro average does.
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
    return Table(labels or ("all",), np.stack(sums, axis=-1).astype(np.float64))  # of no weights it makes integers


def sum_tables(tables: Sequence[Table]) -> Table:
    """The sum of tables that mark the same labels, as the word and the character marks of a corpus do."""
    if len({table.labels for table in tables}) > 1:
        raise ValueError("only tables of the same labels can be added")
    return Table(tables[0].labels, np.sum([table.counts for table in tables], axis=0))
