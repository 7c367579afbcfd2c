"""All metrics of a set of predictions.

references + predictions -> marks per utterance -> table per metric -> value, and interval by resampling -> Score
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

import numpy as np

from eartune.data.frame import SemanticFrame
from eartune.evaluation.metrics.confidence import Interval, f1_intervals
from eartune.evaluation.metrics.count_table import Counts, Table, count_table, f1, precision, recall, sum_tables
from eartune.evaluation.metrics.counts import UTTERANCE, Marks
from eartune.evaluation.metrics.entities import char_marks, span_marks, word_marks
from eartune.evaluation.metrics.exact_match import exact_match_marks
from eartune.evaluation.metrics.intent import action_marks, intent_accuracy_marks, intent_marks, scenario_marks
from eartune.evaluation.metrics.resampling import Clusters
from eartune.evaluation.metrics.score import Score

Mode = Literal["strict", "official"]
Average = Literal["micro", "macro"]
Measure = Callable[[SemanticFrame, SemanticFrame | None], Marks]
Measures = dict[str, tuple[Measure, ...]]
"""What is counted for each metric; where that is more than one thing, F1 is that of the summed counts."""

SCENARIO_MEASURES: Measures = {
    "scenario_f1": (scenario_marks,),
    "action_f1": (action_marks,),
    "intent_f1": (intent_marks,),
    "intent_accuracy": (intent_accuracy_marks,),
    "intent_macro_f1": (intent_marks,),
    "entity_f1": (span_marks,),
    "word_f1": (word_marks,),
    "char_f1": (char_marks,),
    "slu_f1": (word_marks, char_marks),  # the F1 of the sums, not the mean of the two F1s
    "exact_match": (exact_match_marks,),
}
# Corpora of a single domain, such as coffee orders and SNIPS, name no scenario and no action.
INTENT_MEASURES: Measures = {
    "intent_accuracy": (intent_accuracy_marks,),
    "intent_macro_f1": (intent_marks,),
    "slot_f1": (span_marks,),
    "exact_match": (exact_match_marks,),
}
ALWAYS_MACRO = "intent_macro_f1"


@dataclass(frozen=True)
class Answered:
    """An utterance and what was made of it; `predicted` is None where there was no answer, or none that parses.

    Utterances of one `cluster` are not independent of each other: on SLURP, the recordings of one sentence.
    Intervals of stratified tests draw clusters within their `stratum`.
    """

    reference: SemanticFrame
    predicted: SemanticFrame | None
    cluster: str
    stratum: str = ""


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
    Without resamples every interval is 0 to 1.
    """
    rows = tuple(rows)
    refuse_unknown(mode, average, resamples)
    measures = measures_of(rows)
    scored = [row for row in rows if is_scored(row, mode)]
    clusters = clusters_of(scored)
    tables = metric_tables(scored, clusters, measures, average)
    return _scores(tables, clusters, len(scored), resamples, seed)


def evaluate_by_label(
    rows: Iterable[Answered], *, mode: Mode = "strict", resamples: int = 10_000, seed: int = 0
) -> dict[str, dict[str, Score]]:
    """The F1 of each label by metric name; metrics that only ask whether an utterance is right have no labels."""
    rows = tuple(rows)
    refuse_unknown(mode, "macro", resamples)
    scored = [row for row in rows if is_scored(row, mode)]
    clusters = clusters_of(scored)
    found = {}
    for name, table in metric_tables(scored, clusters, measures_of(rows), "macro").items():
        alone = {
            label: Table((label,), table.counts[:, [place]])
            for place, label in enumerate(table.labels)
            if table.counts[:, place].any()
        }
        if alone and table.labels != (UTTERANCE,) and name != ALWAYS_MACRO:
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


def measures_of(rows: Sequence[Answered]) -> Measures:
    """The metrics that apply; raises ValueError where there are no rows, or rows of two kinds."""
    if not rows:
        raise ValueError("there is nothing to evaluate: the list of utterances is empty")
    with_scenario = sum(row.reference.scenario is not None for row in rows)
    if 0 < with_scenario < len(rows):
        raise ValueError(
            f"{with_scenario} of {len(rows)} references name a scenario and the others do not; "
            "evaluate the two kinds of corpus apart"
        )
    return SCENARIO_MEASURES if with_scenario else INTENT_MEASURES


def is_scored(row: Answered, mode: Mode) -> bool:
    """Whether a row counts at all."""
    return mode == "strict" or row.predicted is not None


def clusters_of(rows: Sequence[Answered]) -> Clusters:
    """The clusters of the rows, within their strata."""
    return Clusters.of((row.cluster, row.stratum) for row in rows)


def metric_tables(
    rows: Sequence[Answered], clusters: Clusters, measures: Measures, average: Average
) -> dict[str, Table]:
    """Each metric's counts by cluster, and by label where the average wants labels apart."""
    marks = {
        measure: [measure(row.reference, row.predicted) for row in rows]
        for measure in dict.fromkeys(chain.from_iterable(measures.values()))
    }
    tables = {}
    for name, parts in measures.items():
        apart = average == "macro" or name == ALWAYS_MACRO
        tables[name] = sum_tables([count_table(marks[m], clusters.of_row, clusters.count, apart) for m in parts])
    return tables


def value_of(counts: Counts) -> float:
    """The F1 of summed counts, shape (labels, 3); 0 where nothing was counted."""
    return float(np.nan_to_num(f1(counts)))


def _scores(tables: dict[str, Table], clusters: Clusters, n: int, resamples: int, seed: int) -> dict[str, Score]:
    intervals = f1_intervals(list(tables.values()), clusters.strata, resamples, seed)
    return {name: _score(table, i, n) for (name, table), i in zip(tables.items(), intervals, strict=True)}


def _score(table: Table, interval: Interval, n: int) -> Score:
    counts = table.counts.sum(axis=0)
    value = value_of(counts)
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
