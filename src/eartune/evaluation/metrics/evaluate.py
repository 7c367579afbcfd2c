"""All metrics of a set of predictions.

references + predictions -> marks per utterance -> table per metric -> value, and interval by resampling -> Score
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal, cast, get_args

import numpy as np

from eartune.data.frame import SemanticFrame
from eartune.evaluation.metrics.confidence import Interval, score_intervals
from eartune.evaluation.metrics.count_table import Table, count_table, precision, recall, sum_tables
from eartune.evaluation.metrics.counts import UTTERANCE
from eartune.evaluation.metrics.frame_metrics import frame_metrics
from eartune.evaluation.metrics.metric import Metrics
from eartune.evaluation.metrics.resampling import Clusters
from eartune.evaluation.metrics.score import Score

Mode = Literal["strict", "official"]
Average = Literal["micro", "macro"]


@dataclass(frozen=True)
class Answered:
    """The right answer to an utterance and the one that was given; None where there was none, or none that parses.

    An answer is whatever the metrics count: a SemanticFrame, a label.
    Utterances of one `cluster` are not independent of each other: on SLURP, the recordings of one sentence.
    Intervals of stratified tests draw clusters within their `stratum`.
    """

    reference: Hashable
    predicted: Hashable | None
    cluster: str
    stratum: str = ""


def evaluate(
    rows: Iterable[Answered],
    metrics: Metrics | None = None,
    *,
    mode: Mode = "strict",
    average: Average = "micro",
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Score]:
    """The scores of a corpus by metric name; `metrics` are those of semantic frames if none are given.

    strict: an utterance without an answer is wrong, and all that it holds is missed. official: it is left out, as
    SLURP's scorer does, which flatters a system that answers only what is easy. Of nothing at all the score is 0, as
    the official scorer prints, with the interval 0 to 1. A macro average is one over the labels seen in references or
    predictions; its resamples see fewer rare labels, so its interval is biased, and is stretched to hold the value.
    Without resamples every interval is 0 to 1.
    """
    rows = tuple(rows)
    refuse_unknown(mode, average, resamples)
    metrics = metrics_of(rows, metrics)
    scored = [row for row in rows if is_scored(row, mode)]
    clusters = clusters_of(scored)
    tables = metric_tables(scored, clusters, metrics, average)
    return _scores(tables, clusters, len(scored), resamples, seed)


def evaluate_by_label(
    rows: Iterable[Answered], *, mode: Mode = "strict", resamples: int = 10_000, seed: int = 0
) -> dict[str, dict[str, Score]]:
    """The F1 of each label of semantic frames by metric name.

    Metrics that only ask whether an utterance is right have no labels.
    """
    rows = tuple(rows)
    refuse_unknown(mode, "macro", resamples)
    scored = [row for row in rows if is_scored(row, mode)]
    clusters = clusters_of(scored)
    metrics, found = metrics_of(rows), {}
    for name, table in metric_tables(scored, clusters, metrics, "macro").items():
        alone = {
            label: Table((label,), table.counts[:, [place]])
            for place, label in enumerate(table.labels)
            if table.counts[:, place].any()
        }
        if alone and table.labels != (UTTERANCE,) and not metrics[name].macro:
            found[name] = _scores(alone, clusters, len(scored), resamples, seed)
    return found


def refuse_unknown(mode: str, average: str, resamples: int) -> None:
    """Raise ValueError for a choice that does not exist."""
    if mode not in get_args(Mode):
        raise ValueError(f"the mode {mode!r} is not known; use one of {', '.join(get_args(Mode))}")
    if average not in get_args(Average):
        raise ValueError(f"the average {average!r} is not known; use one of {', '.join(get_args(Average))}")
    if resamples < 0:
        raise ValueError(f"there cannot be {resamples} resamples")


def metrics_of(rows: Sequence[Answered], metrics: Metrics | None = None) -> Metrics:
    """Those that are given, or else those of the frames; raises ValueError where there are no rows."""
    if not rows:
        raise ValueError("there is nothing to evaluate: the list of utterances is empty")
    return frame_metrics([cast(SemanticFrame, row.reference) for row in rows]) if metrics is None else metrics


def is_scored(row: Answered, mode: Mode) -> bool:
    """Whether a row is scored: in strict mode always, in official mode if it has an answer."""
    return mode == "strict" or row.predicted is not None


def clusters_of(rows: Sequence[Answered]) -> Clusters:
    """The clusters of the rows, within their strata."""
    return Clusters.of((row.cluster, row.stratum) for row in rows)


def metric_tables(rows: Sequence[Answered], clusters: Clusters, metrics: Metrics, average: Average) -> dict[str, Table]:
    """Each metric's counts by cluster, and by label where the average wants labels apart."""
    marks = {
        measure: [measure(row.reference, row.predicted) for row in rows]
        for measure in dict.fromkeys(chain.from_iterable(metric.measures for metric in metrics.values()))
    }
    tables = {}
    for name, metric in metrics.items():
        apart = average == "macro" or metric.macro
        counted = [count_table(marks[m], clusters.of_row, clusters.count, apart) for m in metric.measures]
        tables[name] = replace(sum_tables(counted), ratio=metric.ratio)
    return tables


def value_of(table: Table) -> float:
    """The score of all clusters together; 0 where nothing was counted."""
    return float(np.nan_to_num(table.ratio(table.counts.sum(axis=0))))


def _scores(tables: dict[str, Table], clusters: Clusters, n: int, resamples: int, seed: int) -> dict[str, Score]:
    intervals = score_intervals(list(tables.values()), clusters.strata, resamples, seed)
    return {name: _score(table, i, n) for (name, table), i in zip(tables.items(), intervals, strict=True)}


def _score(table: Table, interval: Interval, n: int) -> Score:
    counts = table.counts.sum(axis=0)
    value = value_of(table)
    low, high = min(interval[0], value), max(interval[1], value)
    if table.labels == (UTTERANCE,):
        return Score(value, low, high, n)
    hits, spurious, missed = (float(total) for total in counts.sum(axis=0))
    return Score(
        value,
        low,
        high,
        n,
        precision=float(np.nan_to_num(precision(counts))),
        recall=float(np.nan_to_num(recall(counts))),
        true_positives=hits,
        false_positives=spurious,
        false_negatives=missed,
    )
