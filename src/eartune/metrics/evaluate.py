"""All metrics of a set of predictions.

references + predictions -> counts per utterance -> table per metric -> value, and interval by resampling -> Score
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from eartune.metrics.confidence import Interval, f1_intervals
from eartune.metrics.counts import LabelCounts
from eartune.metrics.entities import char_counts, span_counts, word_counts
from eartune.metrics.exact_match import exact_match_counts
from eartune.metrics.intent import action_counts, intent_accuracy_counts, intent_counts, scenario_counts
from eartune.metrics.score import Score
from eartune.metrics.slu_f1 import slu_counts
from eartune.metrics.table import Table, count_table, f1, precision, recall, without_labels
from eartune.semantics import SemanticFrame

Mode = Literal["strict", "official"]
Average = Literal["micro", "macro"]
Measure = Callable[[SemanticFrame, SemanticFrame | None], LabelCounts]

SCENARIO_MEASURES: dict[str, Measure] = {
    "scenario_f1": scenario_counts,
    "action_f1": action_counts,
    "intent_f1": intent_counts,
    "intent_accuracy": intent_accuracy_counts,
    "entity_f1": span_counts,
    "word_f1": word_counts,
    "char_f1": char_counts,
    "slu_f1": slu_counts,
    "exact_match": exact_match_counts,
}
# Corpora of a single domain, such as coffee orders and SNIPS, name no scenario and no action.
INTENT_MEASURES: dict[str, Measure] = {
    "intent_accuracy": intent_accuracy_counts,
    "slot_f1": span_counts,
    "exact_match": exact_match_counts,
}
ACCURACIES = ("intent_accuracy", "exact_match")


@dataclass(frozen=True)
class Answered:
    """An utterance and what was made of it; `predicted` is None where there was no answer, or none that parses.

    Utterances of one `cluster` are not independent of each other: on SLURP, the recordings of one sentence.
    """

    reference: SemanticFrame
    predicted: SemanticFrame | None
    cluster: str


def evaluate(
    rows: Iterable[Answered],
    *,
    mode: Mode = "strict",
    average: Average = "micro",
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Score]:
    """The scores of a corpus by metric name; `DEFINITIONS` says what each name means.

    strict: an utterance without an answer is wrong, and all that it holds is missed. official: it is left out, as
    SLURP's scorer does, which flatters a system that answers only what is easy. Of nothing at all the score is 0, as
    the official scorer prints, with the interval 0 to 1. A macro average is one over the labels seen in references or
    predictions; its resamples see fewer rare labels, so its interval is biased, and is stretched to hold the value.
    """
    rows = tuple(rows)
    _refuse_unknown(mode, average, resamples)
    measures = _measures(rows)
    scored = [row for row in rows if mode == "strict" or row.predicted is not None]
    tables = _tables(scored, measures, average)
    intervals = f1_intervals(list(tables.values()), resamples, seed)
    return {
        name: _score(name, table, interval, len(scored))
        for (name, table), interval in zip(tables.items(), intervals, strict=True)
    }


def _refuse_unknown(mode: str, average: str, resamples: int) -> None:
    if mode not in get_args(Mode):
        raise ValueError(f"the mode {mode!r} is not known; use one of {', '.join(get_args(Mode))}")
    if average not in get_args(Average):
        raise ValueError(f"the average {average!r} is not known; use one of {', '.join(get_args(Average))}")
    if resamples < 1:
        raise ValueError(f"an interval needs 1 resample at least, not {resamples}")


def _measures(rows: Sequence[Answered]) -> dict[str, Measure]:
    if not rows:
        raise ValueError("there is nothing to evaluate: the list of utterances is empty")
    with_scenario = sum(row.reference.scenario is not None for row in rows)
    if 0 < with_scenario < len(rows):
        raise ValueError(
            f"{with_scenario} of {len(rows)} references name a scenario and the others do not; "
            "evaluate the two kinds of corpus apart"
        )
    return SCENARIO_MEASURES if with_scenario else INTENT_MEASURES


def _tables(rows: Sequence[Answered], measures: dict[str, Measure], average: Average) -> dict[str, Table]:
    # Sorted, so that the draws, and with them the intervals, do not depend on the order of the rows.
    places = {cluster: place for place, cluster in enumerate(sorted({row.cluster for row in rows}))}
    clusters = [places[row.cluster] for row in rows]
    tables = {
        name: count_table([measure(row.reference, row.predicted) for row in rows], clusters, len(places))
        for name, measure in measures.items()
    }
    return tables if average == "macro" else {name: without_labels(table) for name, table in tables.items()}


def _score(name: str, table: Table, interval: Interval, n: int) -> Score:
    counts = table.sum(axis=0)
    value = float(np.nan_to_num(f1(counts)))
    low, high = min(interval[0], value), max(interval[1], value)
    if name in ACCURACIES:
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
