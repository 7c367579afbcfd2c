"""`eartune score`: score predictions against references; no model is loaded."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table as RichTable
from rich.text import Text

from eartune.cli.console import console as terminal
from eartune.cli.garbage_collection import no_garbage_collection
from eartune.cli.scoring_options import (
    FormatOption,
    ModeOption,
    PartitionOption,
    ReferenceFile,
    counts_text,
    matched_answers,
)
from eartune.evaluation.metrics import (
    DEFINITIONS,
    MASSIVE_DEFINITIONS,
    Average,
    Mode,
    Score,
    evaluate,
    evaluate_by_label,
)
from eartune.evaluation.scoring.match import Cluster, Matched, Stratum, answers_to_score
from eartune.evaluation.scoring.quality import AnswerQuality, answer_quality, repair_answers
from eartune.evaluation.scoring.reference import read_references

Scores = dict[str, Score]


def score_predictions(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="A JSON-lines file with one answer per line.")
    ],
    reference: ReferenceFile,
    format: FormatOption = "manifest",
    mode: ModeOption = "strict",
    average: Annotated[Average, typer.Option(help="micro: over all entities; macro: the mean over labels.")] = "micro",
    cluster: Annotated[Cluster, typer.Option(help="The unit that the bootstrap of the intervals draws.")] = "sentence",
    stratify: Annotated[Stratum | None, typer.Option(help="Draw within these groups only.")] = None,
    partition: PartitionOption = "test",
    by_label: Annotated[bool, typer.Option("--by-label", help="Also score each label separately.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Score predictions: every metric with its 95 % interval, and the quality of the answers.

    Example: eartune score predictions.jsonl --reference manifest.jsonl --json
    """
    with no_garbage_collection():
        references = read_references(reference, format, partition)
        matched = matched_answers(predictions, references, format, mode)
        rows = answers_to_score(matched.pairs, cluster, stratify)
        scores = evaluate(rows, mode=mode, average=average)
        labels = evaluate_by_label(rows, mode=mode) if by_label else {}
        quality = answer_quality(matched.pairs)
        forgiven = repaired_scores(matched, mode, average)
    if as_json:
        shape = {"mode": mode, "average": average, "format": format}
        print(
            json.dumps(
                scores_json(scores) | counts_json(matched) | shape | details_json(scores, labels, quality, forgiven),
                indent=1,
            )
        )
        return
    console = terminal()
    console.print(f"{mode}, {average}: {counts_text(matched)}")
    console.print(score_table(scores, forgiven, MASSIVE_DEFINITIONS if format == "massive" else DEFINITIONS))
    for metric, of_metric in labels.items():
        console.print(label_table(metric, of_metric))
    for line in quality_lines(quality):
        console.print(line)


def repaired_scores(matched: Matched, mode: Mode, average: Average) -> Scores:
    """Return the scores with the lenient parser; empty if it parses no answer that the strict parser refuses."""
    pairs = repair_answers(matched.pairs)
    if [pair.is_answered for pair in pairs] == [pair.is_answered for pair in matched.pairs]:
        return {}
    return evaluate(answers_to_score(pairs), mode=mode, average=average, resamples=0)


def scores_json(scores: Scores) -> dict[str, Any]:
    """Return the values by metric name, and their intervals under `intervals`."""
    intervals = {name: {"low": value.low, "high": value.high} for name, value in scores.items()}
    return {name: value.value for name, value in scores.items()} | {"intervals": intervals}


def counts_json(matched: Matched) -> dict[str, int]:
    """Return the numbers of rows that are scored, missing, unparsable, duplicated, or without a reference."""
    return {
        "missing": matched.missing,
        "unparsable": matched.unparsable,
        "duplicated": matched.duplicated,
        "unknown": matched.unknown,
        "n": len(matched.pairs),
    }


def details_json(scores: Scores, labels: dict[str, Scores], quality: AnswerQuality, forgiven: Scores) -> dict[str, Any]:
    """Return precision, recall and counts of each metric, the quality of the answers, and scores by label."""
    found: dict[str, Any] = {"details": {name: value.to_json() for name, value in scores.items()}}
    found["answers"] = quality.to_json()
    if forgiven:
        found["repaired"] = {name: value.value for name, value in forgiven.items()}
    if labels:
        found["by_label"] = {m: {label: s.to_json() for label, s in of.items()} for m, of in labels.items()}
    return found


def score_table(scores: Scores, forgiven: Scores, definitions: dict[str, str]) -> RichTable:
    """Return a table with one row for each metric, with a column for the lenient parser if its scores differ."""
    table = RichTable(box=None, pad_edge=False)
    titles = ("metric", "score", "95 % interval", *(("repaired",) if forgiven else ()), "definition")
    for title in titles:
        table.add_column(title, no_wrap=title != "definition")
    for name, value in scores.items():
        kind = (f"{forgiven[name].value:.4f}",) if forgiven else ()
        table.add_row(name, f"{value.value:.4f}", f"{value.low:.4f} to {value.high:.4f}", *kind, definitions[name])
    return table


def label_table(metric: str, scores: Scores) -> RichTable:
    """Return a table with one row for each label, the most frequent first."""
    table = RichTable(title=metric, title_justify="left", box=None, pad_edge=False)
    for title in ("label", "F1", "95 % interval", "precision", "recall", "TP", "FP", "FN"):
        table.add_column(title, justify="left" if title == "label" else "right", no_wrap=True)
    for label, s in sorted(
        scores.items(), key=lambda item: -((item[1].true_positives or 0) + (item[1].false_negatives or 0))
    ):
        fractions = (s.value, s.precision or 0.0, s.recall or 0.0)
        counts = (s.true_positives or 0.0, s.false_positives or 0.0, s.false_negatives or 0.0)
        f, p, r = (f"{value:.4f}" for value in fractions)
        table.add_row(Text(label), f, f"{s.low:.4f} to {s.high:.4f}", p, r, *(f"{count:.6g}" for count in counts))
    return table


def quality_lines(quality: AnswerQuality) -> list[str]:
    """Return lines that describe the quality of the answers."""
    lines = ["answers: " + ", ".join(f"{count:,} {status}" for status, count in quality.statuses.items())]
    if quality.unknown_labels:
        named = ", ".join(f"{label} ({count})" for label, count in list(quality.unknown_labels.items())[:8])
        lines.append(f"labels that no reference has: {len(quality.unknown_labels)}, for example {named}")
    if quality.checked:
        lines.append(
            f"fillers that are not in the words of the reference: {quality.invented:,} of {quality.checked:,} "
            f"({quality.invented_share:.1%})"
        )
    return lines
