"""Which schemes differ: pairs of cells that were asked the same recordings, compared answer by answer.

references.jsonl + */predictions.jsonl -> rows of the same seeds -> paired bootstrap and sign-flip test -> Holm
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eartune.evaluation.metrics import Answered, Difference, compare, holm
from eartune.evaluation.metrics.confidence import between_seeds
from eartune.evaluation.metrics.power import Z_LEVEL, Z_POWER
from eartune.evaluation.scoring.match import answered, match
from eartune.evaluation.scoring.reference import Reference, read_references
from eartune.report.scheme_result import SchemeResult, baselines
from eartune.tables import Table
from eartune.tasks.prediction import read_predictions
from eartune.wording import percent

REFERENCES = "references.jsonl"
PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True)
class Comparison:
    """One line of the table against another, over the seeds that both have."""

    first: SchemeResult
    """What the other is compared with."""
    second: SchemeResult
    seeds: int
    difference: Difference
    adjusted_p: float
    """After Holm's correction for all comparisons of the report."""

    @property
    def is_significant(self) -> bool:
        """Whether the paired test tells the two apart."""
        return self.adjusted_p < 0.05

    @property
    def resolvable(self) -> float:
        """The difference that such a test finds in 80 of 100 tries, from the width of this one's interval."""
        standard_error = (self.difference.high - self.difference.low) / (2 * Z_LEVEL)
        return (Z_LEVEL + Z_POWER) * standard_error


def compare_schemes(run_folder: Path, rows: Sequence[SchemeResult], metric: str) -> tuple[Comparison, ...]:
    """The comparisons that an experiment is made for; none where the answers themselves are not at hand.

    Which they are follows from the roles that schemes declare: at each budget every scheme is compared with the
    baseline, every line but the untuned model's with text alone, and every line with recordings with synthetic speech.
    """
    if not (run_folder / REFERENCES).exists():
        return ()
    references = read_references(run_folder / REFERENCES, "manifest")
    found = []
    for first, second in _pairs(rows):
        seeds = sorted({r.seed for r in first.finished} & {r.seed for r in second.finished})
        before, after = (_answers(run_folder, row, seeds, references) for row in (first, second))
        if before and after:
            difference = _over_seeds(compare(before, after)[metric], first, second, seeds, metric)
            found.append(Comparison(first, second, len(seeds), difference, difference.p))
    adjusted = holm([one.difference.p for one in found])
    return tuple(replace(one, adjusted_p=p) for one, p in zip(found, adjusted, strict=True))


def differences_table(compared: Sequence[Comparison]) -> Table:
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


def difference_notes(compared: Sequence[Comparison]) -> tuple[str, ...]:
    """How to read that table, and which of its lines to doubt."""
    if not compared:
        return ()
    small = [one for one in compared if one.is_significant and abs(one.difference.value) < one.resolvable]
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


def find_comparison(compared: Sequence[Comparison], first: SchemeResult, second: SchemeResult) -> Comparison | None:
    """The comparison of these two lines."""
    return next((one for one in compared if (one.first.key, one.second.key) == (first.key, second.key)), None)


def _pairs(lines: Sequence[SchemeResult]) -> list[tuple[SchemeResult, SchemeResult]]:
    """The lines to compare: first the one that the other is compared with."""
    finished = [line for line in lines if line.finished]
    spoken = [line for line in finished if line.budget is not None]
    trained = [line for line in finished if line.budget is None and line.role != "untuned"] + spoken
    texts = [line for line in finished if line.role == "text reference"]
    synthetic = [line for line in finished if line.role == "synthetic reference"]
    bases = [line for line in baselines(lines) if line.finished]
    at_budget = [(one, other) for one, other in _each_with_all(bases, spoken) if one.budget == other.budget]
    return at_budget + _each_with_all(texts, trained) + _each_with_all(synthetic, synthetic + spoken)


def _each_with_all(
    references: Sequence[SchemeResult], others: Sequence[SchemeResult]
) -> list[tuple[SchemeResult, SchemeResult]]:
    """Each reference with all others; two references make one pair."""
    pairs = []
    for place, reference in enumerate(references):
        before = [line.key for line in references[: place + 1]]
        pairs += [(reference, other) for other in others if other.key not in before]
    return pairs


def _answers(
    run_folder: Path, row: SchemeResult, seeds: Sequence[int], references: Sequence[Reference]
) -> list[Answered]:
    """The answers of all those seeds one after another; a sentence's stand or fall together over seeds too."""
    rows: list[Answered] = []
    by_seed = {result.seed: result for result in row.finished}
    for seed in seeds:
        path = run_folder / by_seed[seed].name / PREDICTIONS
        if not path.exists():
            return []
        rows += answered(match(references, read_predictions(path), path, "strict").pairs)
    return rows


def _over_seeds(
    difference: Difference, first: SchemeResult, second: SchemeResult, seeds: Sequence[int], metric: str
) -> Difference:
    """The interval widened by what the choice of seed leaves uncertain."""
    before, after = ({r.seed: r.scores[metric].value for r in row.finished} for row in (first, second))
    spread = between_seeds([after[seed] - before[seed] for seed in seeds])
    value = difference.value
    return replace(
        difference,
        low=max(-1.0, value - math.hypot(value - difference.low, spread)),
        high=min(1.0, value + math.hypot(difference.high - value, spread)),
    )


def _name(row: SchemeResult) -> str:
    return row.scheme if row.budget is None else f"{row.scheme} {row.budget}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def difference_sentence(one: Comparison) -> str:
    """The comparison as a sentence."""
    value, low, high = (100 * v for v in (one.difference.value, one.difference.low, one.difference.high))
    names = one.second.prose_name, one.first.prose_name
    told = f"{abs(value):.1f} points {'above' if value >= 0 else 'below'} {names[1]} [{low:+.1f}, {high:+.1f}]"
    verdict = "a real difference" if one.is_significant else "which chance could bring"
    return f"{names[0]} is {told} in a paired test (p {_p(one.adjusted_p)} after Holm's correction), {verdict}"
