"""Which schemes differ: pairs of cells that were asked the same recordings, compared answer by answer.

references.jsonl + */predictions.jsonl -> rows of the same seeds -> paired bootstrap and sign-flip test -> Holm
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eartune.data.utterance import Utterance, read_manifest
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, Difference, compare, holm
from eartune.evaluation.metrics.confidence import between_seeds
from eartune.evaluation.metrics.power import Z_LEVEL, Z_POWER
from eartune.report.row import Row
from eartune.report.wording import scheme_in_prose
from eartune.tables import Table
from eartune.tasks.prediction import read_predictions
from eartune.tasks.task import Task
from eartune.wording import percent

REFERENCES = "references.jsonl"
PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True)
class Compared:
    """One line of the table against another, over the seeds that both have."""

    first: Row
    second: Row
    seeds: int
    difference: Difference
    adjusted_p: float
    """After Holm's correction for all comparisons of the report."""

    @property
    def is_shown(self) -> bool:
        """Whether the paired test tells the two apart."""
        return self.adjusted_p < 0.05

    @property
    def resolvable(self) -> float:
        """The difference that such a test finds in 80 of 100 tries, from the width of this one's interval."""
        standard_error = (self.difference.high - self.difference.low) / (2 * Z_LEVEL)
        return (Z_LEVEL + Z_POWER) * standard_error


def compare_rows(run_folder: Path, rows: Sequence[Row], metric: str, task: Task | None) -> tuple[Compared, ...]:
    """The comparisons that an experiment is made for; none where the answers themselves, or the task
    that reads them, are not at hand.

    At each budget every scheme against direct mixing, or where there is none against the curriculum; every line but
    the untuned model's against text-only; and every line with recordings against synthetic speech.
    """
    if task is None or not (run_folder / REFERENCES).exists():
        return ()
    test = {utterance.id: utterance for utterance in read_manifest(run_folder / REFERENCES)}
    metrics = task.metrics(task.labels(test.values()))
    found = []
    for first, second in _pairs(rows):
        seeds = sorted({r.seed for r in first.finished} & {r.seed for r in second.finished})
        before, after = (_answers(run_folder, row, seeds, test, task) for row in (first, second))
        if before and after:
            difference = _over_seeds(compare(before, after, metrics)[metric], first, second, seeds, metric)
            found.append(Compared(first, second, len(seeds), difference, difference.p))
    adjusted = holm([one.difference.p for one in found])
    return tuple(replace(one, adjusted_p=p) for one, p in zip(found, adjusted, strict=True))


def differences_table(compared: Sequence[Compared]) -> Table:
    """A line a comparison, in points of the main metric."""
    lines = [
        (
            f"{_name(one.second)} less {_name(one.first)}",
            f"{100 * one.difference.value:+.1f} [{100 * one.difference.low:+.1f}, {100 * one.difference.high:+.1f}]",
            _p(one.difference.p),
            _p(one.adjusted_p),
            "do not overlap" if one.difference.apart else "overlap",
            percent(one.resolvable),
            str(one.seeds),
        )
        for one in compared
    ]
    headings = ("comparison", "points", "p", "p (Holm)", "their intervals", "resolves", "seeds")
    return Table(headings, tuple(lines), left=1)


def difference_notes(compared: Sequence[Compared]) -> tuple[str, ...]:
    """How to read that table, and which of its lines to doubt."""
    if not compared:
        return ()
    small = [one for one in compared if one.is_shown and abs(one.difference.value) < one.resolvable]
    told = [
        "p is of a paired test, which swaps the two models' answers sentence by sentence (10,000 draws). Go by it, not "
        "by the overlap of intervals, which papers report and which misses real differences.",
        f"Holm's correction is for all {len(compared)} lines: if all below 0.05 are believed, the chance that even one "
        "of them is a mistake is 5 %.",
        "Resolves: the difference, in points, that this test would find in 80 of 100 repetitions.",
    ]
    if small:
        named = "; ".join(f"{_name(one.second)} less {_name(one.first)}" for one in small)
        told.append(f"Smaller than this test resolves, and so probably overstated: {named}.")
    if any(one.seeds > 1 for one in compared):
        told.append("Seeds are pooled in p; the interval holds the spread between them too.")
    return tuple(told)


def find(compared: Sequence[Compared], first: Row, second: Row) -> Compared | None:
    """The comparison of these two lines."""
    return next((one for one in compared if (one.first.key, one.second.key) == (first.key, second.key)), None)


def _pairs(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """(baseline, other)."""
    finished = [row for row in rows if row.finished]
    spoken = [row for row in finished if row.budget is not None]
    flat = [row for row in finished if row.budget is None and row.scheme not in ("text-only", "untuned")]
    base = {row.budget: row for scheme in ("curriculum", "direct-mixing") for row in spoken if row.scheme == scheme}
    pairs = [(base[row.budget], row) for row in spoken if row is not base.get(row.budget, row)]
    pairs += [(text, row) for text in finished if text.scheme == "text-only" for row in (*flat, *spoken)]
    return pairs + [(row, other) for row in flat if row.scheme == "synthetic-speech" for other in spoken]


def _answers(
    run_folder: Path, row: Row, seeds: Sequence[int], test: Mapping[str, Utterance], task: Task
) -> list[Answered]:
    """The answers of all those seeds one after another; a sentence's stand or fall together over seeds too."""
    rows: list[Answered] = []
    by_seed = {result.seed: result for result in row.finished}
    for seed in seeds:
        path = run_folder / by_seed[seed].name / PREDICTIONS
        if not path.exists():
            return []
        for prediction in read_predictions(path, task):
            if prediction.id not in test:
                raise InputError(f"{path}: {prediction.id!r} is not in {REFERENCES}; is it of another test?")
            rows.append(Answered(task.reference(test[prediction.id]), prediction.answer, prediction.id))
    return rows


def _over_seeds(difference: Difference, first: Row, second: Row, seeds: Sequence[int], metric: str) -> Difference:
    """The interval widened by what the choice of seed leaves uncertain."""
    before, after = ({r.seed: r.scores[metric].value for r in row.finished} for row in (first, second))
    spread = between_seeds([after[seed] - before[seed] for seed in seeds])
    value = difference.value
    return replace(
        difference,
        low=max(-1.0, value - math.hypot(value - difference.low, spread)),
        high=min(1.0, value + math.hypot(difference.high - value, spread)),
    )


def _name(row: Row) -> str:
    return row.scheme if row.budget is None else f"{row.scheme} {row.budget}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def in_words(one: Compared) -> str:
    """The comparison as a sentence."""
    value, low, high = (100 * v for v in (one.difference.value, one.difference.low, one.difference.high))
    names = scheme_in_prose(one.second.scheme), scheme_in_prose(one.first.scheme)
    told = f"{abs(value):.1f} points {'above' if value >= 0 else 'below'} {names[1]} [{low:+.1f}, {high:+.1f}]"
    verdict = "a real difference" if one.is_shown else "which chance could bring"
    return f"{names[0]} is {told} in a paired test (p {_p(one.adjusted_p)} after Holm's correction), {verdict}"
