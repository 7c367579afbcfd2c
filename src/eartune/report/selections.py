"""How much the choice of recordings matters, and the fewest that are shown to help, where a budget is drawn often.

rows with several selections -> the mean of each selection -> spread, gain over text alone, gap to the baseline -> table

The tests are over selections: what is claimed is of recordings that are drawn anew, not of those that were drawn.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean, stdev

import numpy as np

from eartune.evaluation.metrics import holm
from eartune.evaluation.metrics.confidence import between_seeds
from eartune.report.differences import Comparison, find_comparison
from eartune.report.scheme_result import SchemeResult, baselines
from eartune.report.wording import metric_name
from eartune.tables import Table
from eartune.wording import ABSENT, PERCENT, counted, percent

LEVEL = 0.05
MOST_FLIPPED, DRAWN_FLIPS = 16, 20_000
"""Up to so many selections all signs are tried; for more, so many are drawn."""


@dataclass(frozen=True)
class PairedGap:
    """The mean difference of two rows over the selections that both have, with its interval and p."""

    value: float
    low: float
    high: float
    p: float
    above: int
    """In how many selections the difference is above 0."""
    n: int


@dataclass(frozen=True)
class Drawn:
    """A row whose budget was drawn several times."""

    row: SchemeResult
    scores: Mapping[int, float]
    """The mean score of each selection, by its seed."""
    gain: PairedGap | None
    """Over text alone; None where that has no score."""
    gap: PairedGap | None
    """To the baseline on the same selections; None for the baseline itself."""
    adjusted_p: float = 1.0
    """The p of the gain after Holm's correction for all rows of the report that are drawn several times."""

    @property
    def spread(self) -> float:
        """The standard deviation between selections."""
        return stdev(self.scores.values())

    @property
    def helps(self) -> bool:
        """Whether it is shown that such a budget, drawn anew, is better than text alone."""
        return self.gain is not None and self.adjusted_p < LEVEL and self.gain.low > 0

    @property
    def recordings(self) -> float:
        """The number of recordings that the budget selects, as a mean over selections."""
        return self.row.mean(lambda result: result.recordings) or 0.0


@dataclass(frozen=True)
class Selections:
    """What the report says of them."""

    sentences: tuple[str, ...]
    table: Table
    notes: tuple[str, ...]


def selections(
    families: Sequence[Sequence[SchemeResult]], metric: str, comparisons: Sequence[Comparison] = ()
) -> Selections | None:
    """Return the spread between selections and what is shown to help; None if no budget was drawn twice.

    `families` are the rows of each architecture. The intervals of gains include the uncertainty of the test, as far as
    the comparisons of answers know it.
    """
    of_families = [_drawn(rows, metric, comparisons) for rows in families]
    everything = [one for drawn in of_families for one in drawn]
    if not everything:
        return None
    tested = [one.gain.p for one in everything if one.gain is not None]
    adjusted = iter(holm(tested))
    of_families = [
        [one if one.gain is None else _with_p(one, next(adjusted)) for one in drawn] for drawn in of_families
    ]
    sentences = [said for drawn in of_families if drawn for said in _sentences(drawn, metric)]
    everything = [one for drawn in of_families for one in drawn]
    return Selections(tuple(sentences), _table(everything, metric), _notes(len(tested), bool(comparisons)))


def _drawn(rows: Sequence[SchemeResult], metric: str, comparisons: Sequence[Comparison]) -> list[Drawn]:
    """The rows of one architecture that have scores of several selections, the smallest budget first."""
    scored = [row for row in rows if row.score(metric) is not None]
    texts = [row for row in scored if row.role == "text reference" and row.budget is None]
    bases = {row.budget: row for row in baselines(scored)}
    found = []
    for row in sorted((row for row in scored if row.budget is not None), key=lambda row: row.share):
        scores = by_selection(row, metric)
        if len(scores) < 2:
            continue
        base = bases.get(row.budget)
        other = by_selection(base, metric) if base is not None and base.key != row.key else {}
        found.append(
            Drawn(row, scores, _gain(row, scores, texts[0], metric, comparisons) if texts else None, gap(scores, other))
        )
    return found


def by_selection(row: SchemeResult, metric: str) -> dict[int, float]:
    """Return the mean score over the training seeds of each selection, by the seed of the selection."""
    values: dict[int, list[float]] = {}
    for result in row.finished:
        if metric in result.scores:
            values.setdefault(result.selection_seed, []).append(result.scores[metric].value)
    return {seed: fmean(values[seed]) for seed in sorted(values)}


def _gain(
    row: SchemeResult, scores: Mapping[int, float], text: SchemeResult, metric: str, comparisons: Sequence[Comparison]
) -> PairedGap | None:
    """The gain over text alone, with the interval of the paired comparison of answers where there is one.

    That one includes the test set and the variation between seeds and selections.
    """
    reached = fmean(result.scores[metric].value for result in text.finished if metric in result.scores)
    found = gap(scores, dict.fromkeys(scores, reached))
    compared = find_comparison(comparisons, text, row)
    if found is None or compared is None:
        return found
    difference = compared.difference
    low, high = found.value - (difference.value - difference.low), found.value + (difference.high - difference.value)
    return PairedGap(found.value, low, high, found.p, found.above, found.n)


def gap(scores: Mapping[int, float], others: Mapping[int, float]) -> PairedGap | None:
    """Return the mean difference on the selections that both have; None where these are fewer than two.

    The interval is Student's, p that of the exact sign-flip test.
    """
    differences = [scores[seed] - others[seed] for seed in scores if seed in others]
    if len(differences) < 2:
        return None
    value, half = fmean(differences), between_seeds(differences)
    above = sum(difference > 0 for difference in differences)
    return PairedGap(value, value - half, value + half, sign_flip_p(differences), above, len(differences))


def sign_flip_p(differences: Sequence[float]) -> float:
    """Return the two-sided p of the sign-flip test: how often random signs bring a mean as far from 0.

    All signs are tried where there are at most 2^16 of them; otherwise it is the share among draws, the real signs
    being one of these.
    """
    seen = abs(sum(differences)) - 1e-12  # sums in another order differ in their last digits
    if len(differences) <= MOST_FLIPPED:
        signs = np.array(list(product((1.0, -1.0), repeat=len(differences))))
        return float((np.abs(signs @ np.array(differences)) >= seen).mean())
    signs = np.random.default_rng(0).choice((1.0, -1.0), size=(DRAWN_FLIPS, len(differences)))
    as_far = int((np.abs(signs @ np.array(differences)) >= seen).sum())
    return (1 + as_far) / (1 + DRAWN_FLIPS)


def _with_p(one: Drawn, adjusted: float) -> Drawn:
    return Drawn(one.row, one.scores, one.gain, one.gap, adjusted)


def _sentences(drawn: Sequence[Drawn], metric: str) -> list[str]:
    """What matters more at the smallest budget, and the fewest recordings that help."""
    return [*_choice_or_scheme(drawn, metric), *_fewest(drawn)]


def _choice_or_scheme(drawn: Sequence[Drawn], metric: str) -> list[str]:
    """The largest difference from the baseline beside the spread of both schemes, at the smallest budget with these."""
    least = next((one.row.budget for one in drawn if one.gap is not None), None)
    same = [one for one in drawn if one.row.budget == least]
    beside = max((one for one in same if one.gap), key=lambda one: abs(one.gap.value if one.gap else 0.0), default=None)
    if beside is None or beside.gap is None:
        return []
    base = next((one for one in same if one.gap is None), beside)
    spread = max(beside.spread, base.spread)
    if spread > abs(beside.gap.value):
        verdict = "the choice of recordings matters more than the scheme"
    elif beside.gap.low <= 0 <= beside.gap.high:
        verdict = "neither is shown to matter more"
    else:
        verdict = "the scheme matters more"
    return [
        f"With {counted(beside.recordings, 'recording')}, {beside.row.prose_name} differs from {base.row.prose_name} "
        f"on the same selections by {_points(beside.gap)} points {metric_name(metric)}, and the scores of selections "
        f"by up to {100 * spread:.1f} (standard deviation of {beside.gap.n} draws, the larger of the two): {verdict}."
    ]


def _fewest(drawn: Sequence[Drawn]) -> list[str]:
    tested = [one for one in drawn if one.gain is not None]
    if not tested:
        return []
    helping = [one for one in tested if one.helps]
    if not helping:
        most = max(one.gain.n for one in tested if one.gain is not None)
        needed = math.ceil(math.log2(2 / LEVEL * len(tested)))
        more = f"; {most} selections cannot show it, draw at least {needed}" if most < needed else ""
        return [f"No number of recordings that was drawn is shown to help, whichever are recorded{more}."]
    best = helping[0]
    assert best.gain is not None
    larger = [one for one in tested if one.row.scheme == best.row.scheme and one.recordings > best.recordings]
    exceptions = [one for one in larger if not one.helps]
    but = f", though not {' and '.join(str(one.row.budget) for one in exceptions)}" if exceptions else ""
    return [
        f"The fewest recordings that are shown to help, whichever are recorded, are {best.recordings:,.0f} "
        f"({best.row.prose_name}{but}): {_points(best.gain)} points above text alone, in {best.gain.above} of "
        f"{best.gain.n} selections (p = {best.adjusted_p:.3f} after Holm's correction)."
    ]


def _table(drawn: Sequence[Drawn], metric: str) -> Table:
    drawn_headings = ("recordings", "selections", f"{metric_name(metric)} %", "lowest to highest", "spread")
    tested = ("above text alone", "in", "p (Holm)", "above the baseline")
    return Table(("scheme", "speech", *drawn_headings, *tested), tuple(map(_line, drawn)), left=2)


def _line(one: Drawn) -> tuple[str, ...]:
    values = list(one.scores.values())
    return (
        one.row.scheme,
        str(one.row.budget),
        f"{one.recordings:,.0f}",
        str(len(values)),
        percent(fmean(values)),
        f"{percent(min(values))} to {percent(max(values))}",
        f"{100 * one.spread:.1f}",
        _points(one.gain),
        f"{one.gain.above} of {one.gain.n}" if one.gain else ABSENT,
        f"{one.adjusted_p:.3f}" if one.gain else ABSENT,
        _points(one.gap),
    )


def _points(found: PairedGap | None) -> str:
    if found is None:
        return ABSENT
    return f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"


def _notes(n_tested: int, has_answers: bool) -> tuple[str, ...]:
    test = "the test set and the selections" if has_answers else "the selections alone, as the answers are not at hand"
    return (
        f"A selection is one draw of recordings. Spread is the standard deviation between selections, in points; "
        f"intervals are of the mean over selections, 95{PERCENT}: above text alone they include {test}, and above the "
        "baseline, on the same selections, these alone.",
        f"p comes from a sign-flip test over selections, corrected for {counted(n_tested, 'row')}. A budget is shown "
        f"to help if p is below {LEVEL} and the interval above 0. With n selections no p is below 2 to the power of "
        "1 - n.",
    )
