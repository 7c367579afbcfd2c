"""`eartune compare`: compare two systems on one test set, metric by metric and row by row."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table as RichTable

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
from eartune.data.frame import SemanticFrame
from eartune.errors import InputError
from eartune.evaluation.metrics import Average, Difference, changes, compare
from eartune.evaluation.metrics.power import design_effect, smallest_difference
from eartune.evaluation.scoring.match import Cluster, Pair, Stratum, answers_to_score
from eartune.evaluation.scoring.reference import read_references

SHOWN = 5


def compare_systems(
    first: Annotated[Path, typer.Argument(metavar="A", help="Predictions of one system.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Predictions of another.")],
    reference: ReferenceFile,
    format: FormatOption = "manifest",
    mode: ModeOption = "strict",
    average: Annotated[Average, typer.Option(help="micro: over all entities; macro: the mean over labels.")] = "micro",
    cluster: Annotated[Cluster, typer.Option(help="The unit that bootstrap and permutation test draw.")] = "sentence",
    stratify: Annotated[Stratum | None, typer.Option(help="Draw within these groups only.")] = None,
    partition: PartitionOption = "test",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Compare two systems: B minus A in each metric, with interval and p, and the rows that B fixes and breaks.

    Example: eartune compare text-only.jsonl curriculum.jsonl --reference manifest.jsonl
    """
    with no_garbage_collection():
        references = read_references(reference, format, partition)
        one, other = (matched_answers(path, references, format, mode) for path in (first, second))
        if [pair.key for pair in one.pairs] != [pair.key for pair in other.pairs]:
            lacking, naming = (first, second) if len(one.pairs) < len(other.pairs) else (second, first)
            raise InputError(
                f"{lacking}: answers sentences that have several recordings, where {naming} answers each recording; "
                'give each of its rows the "file" that it answers'
            )
        before, after = answers_to_score(one.pairs, cluster, stratify), answers_to_score(other.pairs, cluster, stratify)
        differences = compare(before, after, mode=mode, average=average)
    moved = changes(before, after)
    rows = {"fixed": moved.fixed, "broken": moved.broken, "wrong_in_both": moved.wrong_in_both}
    changed = len(moved.fixed) + len(moved.broken)
    detectable = detectable_difference(changed, len(before), design_effect(row.cluster for row in before))
    if as_json:
        listed = {kind: [row_json(one.pairs[p], other.pairs[p]) for p in places] for kind, places in rows.items()}
        found = {name: difference.to_json() for name, difference in differences.items()}
        print(
            json.dumps({"differences": found, "smallest_difference": detectable, "n": len(before)} | listed, indent=1)
        )
        return
    console = terminal()
    console.print(f"A {first}: {counts_text(one)}\nB {second}: {counts_text(other)}")
    console.print(difference_table(differences))
    console.print(
        "p comes from a paired permutation test of whole clusters with 10,000 draws; rely on it rather than on the "
        "overlap of intervals. The metrics are not independent of each other."
    )
    console.print(resolution(detectable, changed, len(before)))
    for kind, places in rows.items():
        show_rows(kind, [(one.pairs[p], other.pairs[p]) for p in places])


def detectable_difference(changed: int, rows: int, effect: float) -> float | None:
    """Return the difference in exact match, 0 to 1, that is detected in 80 of 100 comparisons.

    None where exactly one system is right on too few rows, those that are `changed`: even if it were the same one on
    all of them, that would not be detected.
    """
    found = smallest_difference(rows, effect, changed / rows)
    return found if found < changed / rows else None


def resolution(detectable: float | None, changed: int, rows: int) -> str:
    """Return a sentence with the difference that the test set detects, or that it is too small for any."""
    if detectable is None:
        return (
            f"This test set is too small to tell apart two systems of which exactly one is right on {changed:,} of "
            f"{rows:,} rows."
        )
    return (
        f"This test set detects a difference of {100 * detectable:.1f} points of exact match in 80 of 100 such "
        "comparisons; a smaller difference needs a larger test set."
    )


def difference_table(differences: dict[str, Difference]) -> RichTable:
    """Return a table with one row for each metric; scores and differences are in percentage points."""
    table = RichTable(box=None, pad_edge=False)
    for title in ("metric", "A", "B", "B - A", "95 % interval", "p", "intervals of A and B"):
        table.add_column(title, justify="left" if title == "metric" else "right", no_wrap=True)
    for name, d in differences.items():
        own = "do not overlap" if d.apart else "overlap"
        values = (f"{100 * d.first.value:.2f}", f"{100 * d.second.value:.2f}", f"{100 * d.value:+.2f}")
        table.add_row(name, *values, f"{100 * d.low:+.2f} to {100 * d.high:+.2f}", f"{d.p:.4f}", own)
    return table


def show_rows(kind: str, pairs: Sequence[tuple[Pair, Pair]]) -> None:
    """Print the number of rows of a kind and the first few, no two of the same sentence."""
    console = terminal()
    console.print(f"\n{kind.replace('_', ' ')}: {len(pairs):,}", style="bold")
    of_sentence = {one.reference.id: (one, other) for one, other in reversed(pairs)}
    shown = list(of_sentence.values())[::-1][:SHOWN]
    for one, other in shown:
        console.print(f"{one.key}  {one.reference.text or ''}")
        console.print(f"  gold {frame_text(one.reference.frame)}")
        for name, pair in (("A", one), ("B", other)):
            console.print(f"  {name}    {frame_text(pair.prediction.answer if pair.prediction else None)}")
    if len(pairs) > len(shown):
        console.print(f"  and {len(pairs) - len(shown):,} more; --json lists them all")


def frame_text(frame: SemanticFrame | None) -> str:
    """Return a frame as text on one line."""
    if frame is None:
        return "no answer that could be parsed"
    return frame.intent + "".join(f" [{entity.type}: {entity.filler}]" for entity in frame.entities)


def row_json(one: Pair, other: Pair) -> dict[str, Any]:
    """Return a row with the answers of both systems, for JSON."""
    frames = (one.reference.frame, *(pair.prediction.answer if pair.prediction else None for pair in (one, other)))
    return {"key": one.key, "text": one.reference.text} | dict(
        zip(("gold", "a", "b"), map(frame_text, frames), strict=True)
    )
