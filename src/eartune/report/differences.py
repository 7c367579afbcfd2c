"""Tests which schemes differ: pairs of models that answered the same recordings, compared answer by answer.

references.jsonl + */predictions.jsonl -> pairs with the same seeds -> paired bootstrap and sign-flip test -> Holm
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist

from eartune.evaluation.metrics import Answered, Difference, Share, compare, holm, share_of
from eartune.evaluation.metrics.confidence import between_runs
from eartune.evaluation.metrics.power import Z_LEVEL, Z_POWER
from eartune.report.answers import RunAnswers
from eartune.report.result import RunResult
from eartune.report.scheme_result import SchemeResult, baselines, by_architecture
from eartune.tables import Table
from eartune.wording import listed, percent


@dataclass(frozen=True)
class Comparison:
    """One row of the table compared with another, over the seeds that both have."""

    first: SchemeResult
    """The scheme with which the second is compared."""
    second: SchemeResult
    seeds: int
    difference: Difference
    adjusted_p: float
    """The p value after Holm's correction for all comparisons of the report."""
    spread: float = 0.0
    """The half-width of the part of the interval that comes from seeds and selections; no larger test narrows it."""

    @property
    def is_significant(self) -> bool:
        """Whether a difference is shown: by the paired test, at the 5 % level after correction, and by the interval.

        The test pools the answers of all seeds, as if another seed could not bring another difference; the interval
        includes that.
        """
        return not self.may_be_chance and not self.difference.low <= 0 <= self.difference.high

    @property
    def may_be_chance(self) -> bool:
        """Whether the paired test shows no difference even between these models, at the 5 % level after correction."""
        return self.adjusted_p >= 0.05

    @property
    def detectable(self) -> float:
        """The difference that such a test detects in 80 of 100 repetitions, computed from the width of the interval."""
        return (Z_LEVEL + Z_POWER) * self._standard_error

    def test_to_detect(self, difference: float, comparisons: int = 1) -> float:
        """Return how many times as large a test would detect a difference in 80 of 100 repetitions.

        It is detected even if it is the first of so many `comparisons` that Holm's correction looks at. math.inf if the
        variation between seeds and selections alone hides it.
        """
        of_seeds = self.spread / Z_LEVEL
        level = NormalDist().inv_cdf(1 - 0.05 / (2 * comparisons))
        allowed = (abs(difference) / (level + Z_POWER)) ** 2 - of_seeds**2
        return (self._standard_error**2 - of_seeds**2) / allowed if allowed > 0 else math.inf

    @property
    def _standard_error(self) -> float:
        return (self.difference.high - self.difference.low) / (2 * Z_LEVEL)


def compare_schemes(answers: RunAnswers | None, rows: Sequence[SchemeResult], metric: str) -> tuple[Comparison, ...]:
    """Compare the pairs of rows that the experiment is about; none if the answers are absent.

    The roles that schemes declare decide which: at each budget every scheme is compared with the baseline; every row
    except the untuned model's with text alone; and every row with recordings with a cascade and with synthetic speech.
    Of several architectures, each is compared within itself; of two, what was trained by the same scheme and budget.
    """
    if answers is None:
        return ()
    found = []
    for first, second in _pairs(rows):
        if (one := compare_rows(answers, first, second, metric)) is not None:
            found.append(one)
    adjusted = holm([one.difference.p for one in found])
    return tuple(replace(one, adjusted_p=p) for one, p in zip(found, adjusted, strict=True))


def compare_rows(answers: RunAnswers, first: SchemeResult, second: SchemeResult, metric: str) -> Comparison | None:
    """Compare two rows over the seeds that both have; None if answers are absent. p is of this comparison alone."""
    pairs, before, after = _paired_answers(answers, first, second)
    if not before or not after:
        return None
    spread = _spread([other.scores[metric].value - one.scores[metric].value for one, other in pairs], pairs)
    difference = _widened(compare(before, after, answers.metrics)[metric], spread)
    shown = [row.score(metric) for row in (first, second)]  # with seeds and selections, as readers see them
    if shown[0] is not None and shown[1] is not None:
        difference = replace(difference, first=shown[0], second=shown[1])
    return Comparison(first, second, len(pairs), difference, difference.p, spread)


def share_of_row(answers: RunAnswers, first: SchemeResult, second: SchemeResult, metric: str) -> Share | None:
    """Return the first row's score as a fraction of the second's over the seeds that both have.

    None if answers are absent, or if a score of the second is 0. The interval includes the variation between seeds.
    """
    pairs, before, after = _paired_answers(answers, first, second)
    found = share_of(before, after, answers.metrics, metric) if before and after else None
    of_seeds = [(one.scores[metric].value, other.scores[metric].value) for one, other in pairs]
    if found is None or not all(below for _, below in of_seeds):
        return None
    spread = _spread([above / below for above, below in of_seeds], pairs)
    low, high = (math.hypot(found.value - bound, spread) for bound in (found.low, found.high))
    return Share(found.value, found.value - low, found.value + high)


def differences_table(compared: Sequence[Comparison]) -> Table:
    """Return a table with one row for each comparison, in points of the main metric."""
    lines = [
        (
            f"{one.second.name} minus {one.first.name}",
            f"{100 * one.difference.value:+.1f} [{100 * one.difference.low:+.1f}, {100 * one.difference.high:+.1f}]",
            _p(one.difference.p),
            _p(one.adjusted_p),
            "do not overlap" if one.difference.apart else "overlap",
            percent(one.detectable),
            str(one.seeds),
        )
        for one in compared
    ]
    headings = ("comparison", "points", "p", "p (Holm)", "intervals", "detectable", "pairs")
    return Table(headings, tuple(lines), left=1)


def difference_notes(compared: Sequence[Comparison]) -> tuple[str, ...]:
    """Return notes on how to read that table, and on which of its rows are uncertain."""
    if not compared:
        return ()
    notes = [
        "p comes from a paired permutation test, which swaps the two models' answers sentence by sentence (10,000 "
        "draws). Rely on it rather than on the overlap of intervals, which papers report and which misses real "
        "differences.",
        f"p (Holm) is corrected for all {len(compared)} comparisons: if every row below 0.05 is called a difference, "
        "the probability that even one of them is due to chance is at most 5 %.",
        "Detectable is the difference, in points, that this test would find in 80 of 100 repetitions, before the "
        "correction.",
    ]
    small = [one for one in compared if one.is_significant and abs(one.difference.value) < one.detectable]
    if small:
        named = "; ".join(f"{one.second.name} minus {one.first.name}" for one in small)
        notes.append(f"Significant, but smaller than what is detectable, and so probably overestimated: {named}.")
    if any(one.seeds > 1 for one in compared):
        notes.append(
            "p pools the answers of all seeds and selections; the interval also includes the variation between these. "
            "A difference is called significant where both show it."
        )
    return tuple(notes)


def find_comparison(compared: Sequence[Comparison], first: SchemeResult, second: SchemeResult) -> Comparison | None:
    """Return the comparison of these two rows; None if they were not compared."""
    return next((one for one in compared if (one.first.key, one.second.key) == (first.key, second.key)), None)


def _pairs(rows: Sequence[SchemeResult]) -> list[tuple[SchemeResult, SchemeResult]]:
    """The rows to compare: first the one that the other is compared with."""
    within = [pair for own in by_architecture(rows) for pair in _pairs_of_one(own)]
    trained = [row for row in rows if row.finished and row.role != "untuned"]
    return within + [
        (one, other)
        for one, other in combinations(trained, 2)
        if one.architecture != other.architecture and (one.label, one.budget) == (other.label, other.budget)
    ]


def _pairs_of_one(rows: Sequence[SchemeResult]) -> list[tuple[SchemeResult, SchemeResult]]:
    """The rows of one architecture to compare."""
    finished = [row for row in rows if row.finished]
    spoken = [row for row in finished if row.budget is not None]
    trained = [row for row in finished if row.budget is None and row.role != "untuned"] + spoken
    texts = [row for row in finished if row.role == "text reference"]
    transcripts = [row for row in finished if row.role == "transcript reference"]
    synthetic = [row for row in finished if row.role == "synthetic reference"]
    bases = [row for row in baselines(rows) if row.finished]
    at_budget = [(one, other) for one, other in _each_with_all(bases, spoken) if one.budget == other.budget]
    flat = _each_with_all(transcripts, spoken) + _each_with_all(synthetic, synthetic + spoken)
    return at_budget + _each_with_all(texts, trained) + flat


def _each_with_all(
    references: Sequence[SchemeResult], others: Sequence[SchemeResult]
) -> list[tuple[SchemeResult, SchemeResult]]:
    """Each reference with all others; two references make one pair."""
    pairs = []
    for place, reference in enumerate(references):
        before = [row.key for row in references[: place + 1]]
        pairs += [(reference, other) for other in others if other.key not in before]
    return pairs


def paired_models(first: SchemeResult, second: SchemeResult) -> list[tuple[RunResult, RunResult]]:
    """Return the models of two rows that are compared: those of one training seed, and of one selection of speech.

    A row whose speech is not drawn, such as text alone or all speech, has one model a seed, which is compared with that
    of each selection.
    """
    is_drawn = all(row.budget is not None and 0 < row.share < 1 for row in (first, second))
    pairs = []
    for seed in sorted({result.seed for result in first.finished} & {result.seed for result in second.finished}):
        one, other = (
            {result.selection_seed: result for result in row.finished if result.seed == seed} for row in (first, second)
        )
        if is_drawn:
            pairs += [(one[draw], other[draw]) for draw in sorted(one.keys() & other.keys())]
        else:
            pairs += [(before, after) for before in one.values() for after in other.values()]
    return pairs


def _paired_answers(
    answers: RunAnswers, first: SchemeResult, second: SchemeResult
) -> tuple[list[tuple[RunResult, RunResult]], list[Answered], list[Answered]]:
    """The models of two rows that are compared, and the answers of each side; none if any are not at hand."""
    pairs = paired_models(first, second)
    before, after = (_answers_of(answers, [pair[side] for pair in pairs]) for side in (0, 1))
    return pairs, before, after


def _spread(values: Sequence[float], pairs: Sequence[tuple[RunResult, RunResult]]) -> float:
    """The half-width of a mean over pairs of models, of which some share a seed of training or a selection."""
    return between_runs(values, [(one.seed, (one.selection_seed, other.selection_seed)) for one, other in pairs])


def _answers_of(answers: RunAnswers, models: Sequence[RunResult]) -> list[Answered]:
    """The answers of all these models one after another; a sentence is one cluster over all of them."""
    of_models = [answers.answered(model) for model in models]
    return [one for answered in of_models for one in answered] if all(of_models) else []


def _widened(difference: Difference, spread: float) -> Difference:
    """The difference, whose interval includes the variation between seeds and selections."""
    value = difference.value
    return replace(
        difference,
        low=max(-1.0, value - math.hypot(value - difference.low, spread)),
        high=min(1.0, value + math.hypot(difference.high - value, spread)),
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def difference_sentence(one: Comparison) -> str:
    """Return the comparison as the rest of a sentence that begins with a budget, such as "At 5 % "."""
    value, low, high = (100 * v for v in (one.difference.value, one.difference.low, one.difference.high))
    side = "above" if value >= 0 else "below"
    p = f"p {_p(one.adjusted_p)}" if one.adjusted_p < 0.001 else f"p = {_p(one.adjusted_p)}"
    if one.is_significant:
        verdict = "a significant difference"
    elif one.may_be_chance:
        verdict = "a difference that may be due to chance"
    else:
        verdict = "a difference no larger than those between seeds or selections"
    return (
        f"{one.second.prose_name} is {abs(value):.1f} points {side} {one.first.prose_name} [{low:+.1f}, {high:+.1f}] "
        f"in a paired test ({p} after Holm's correction), {verdict}"
    )


def chance_sentence(several: Sequence[Comparison]) -> str:
    """Return comparisons with one model that may all be due to chance, as the rest of such a sentence."""
    parts = [
        f"{one.second.prose_name} ({100 * one.difference.value:+.1f} [{100 * one.difference.low:+.1f}, "
        f"{100 * one.difference.high:+.1f}])"
        for one in several
    ]
    smallest = min(one.adjusted_p for one in several)
    return (
        f"differences in points from {several[0].first.prose_name} may be due to chance in paired tests (each "
        f"p is {_p(smallest)} or more after Holm's correction): {listed(parts)}"
    )
