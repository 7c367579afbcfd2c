"""The result in plain language: sentences that claim no more than the test allows, left out where cells are missing.

Where the answers themselves are at hand, paired tests decide what differs. Where only scores are, intervals must:
two that overlap are called undecided, which is cautious, and only a gap between them is called a difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eartune.evaluation.metrics import Score
from eartune.report.differences import Comparison, chance_sentence, difference_sentence, find_comparison
from eartune.report.headline import headline
from eartune.report.scheme_result import SchemeResult, baselines
from eartune.report.wording import metric_name, with_interval
from eartune.wording import PERCENT, capitalised, counted, hours, listed

BUDGETS_SHOWN = 3  # the table has the others
SCHEMES_SHOWN = 4


@dataclass(frozen=True)
class _Scored:
    """A row of the table that has a score in the main metric."""

    row: SchemeResult
    score: Score

    @property
    def name(self) -> str:
        return self.row.prose_name

    @property
    def value(self) -> str:
        return with_interval(self.score, PERCENT)

    @property
    def budget(self) -> str:
        """The budget as it was written, with a space before a percent sign."""
        return str(self.row.budget).replace("%", PERCENT)

    @property
    def amount(self) -> str:
        """The speech that was used, in utterances and hours."""
        utterances = self.row.mean(lambda result: result.speech_utterances) or 0
        return f"{counted(round(utterances), 'utterance')}, {hours(self.row.mean(lambda r: r.speech_hours) or 0)} h"


def summarize(rows: Sequence[SchemeResult], metric: str, comparisons: Sequence[Comparison] = ()) -> str:
    """Return the scores without speech, with all speech and at the smallest budgets, and where speech helps.

    The headline, if there is a cascade, comes first.
    """
    scored = [_Scored(row, score) for row in rows if (score := row.score(metric)) is not None]
    if not scored:
        return "No model has finished, so there is no result yet."
    spoken = sorted((one for one in scored if one.row.budget), key=lambda one: one.row.share)
    texts = [one for one in scored if one.row.role == "text reference"]
    base_keys = [row.key for row in baselines(rows)]
    bases = [one for one in spoken if one.row.key in base_keys]
    all_speech = sorted((one for one in bases if one.row.uses_all_speech), key=lambda one: -one.score.value)
    partial = [one for one in spoken if not one.row.uses_all_speech]
    budgets = list(dict.fromkeys(one.row.budget for one in partial))[:BUDGETS_SHOWN]
    groups = [[one for one in partial if one.row.budget == budget] for budget in budgets]
    first = headline(rows, metric, comparisons)
    sentences = [
        *([first] if first else []),
        *_without_speech(scored, metric),
        *_with_all_speech(all_speech, texts, metric),
        *(_at_budget(group, bases, all_speech, metric) for group in groups),
        *_baseline_differences(groups, bases, comparisons),
        *(_gain_over_text(spoken, text, comparisons) for text in texts if spoken),
    ]
    return " ".join(sentences)


def _without_speech(scored: Sequence[_Scored], metric: str) -> list[str]:
    """The schemes without recordings in one sentence: text-only tuning first, then the untuned model, then others."""
    order = {"text reference": 0, "untuned": 1}
    known = sorted((one for one in scored if not one.row.budget), key=lambda one: order.get(one.row.role, 2))
    if not known:
        return []
    first, *others = known
    parts = [f"{capitalised(first.name)} reaches {first.value} {metric_name(metric)}"]
    parts += [f"{other.name} {other.value}" for other in others]
    return [f"{'; '.join(parts)}."]


def _with_all_speech(all_speech: Sequence[_Scored], texts: Sequence[_Scored], metric: str) -> list[str]:
    """The score with all speech, and the part of it that text alone reaches."""
    if not all_speech:
        return []
    best, *others = all_speech
    sentence = f"With all the speech ({best.amount}) {best.name} reaches {best.value} {metric_name(metric)}"
    sentence += "".join(f", {other.name} {other.value}" for other in others)
    if best.score.value > 0:
        whose = f"the score of {best.name}" if others else "that"
        sentence += "".join(f"; {text.name} reaches {_part(text, best)} of {whose}" for text in texts)
    return [f"{sentence}."]


def _at_budget(group: Sequence[_Scored], bases: Sequence[_Scored], all_speech: Sequence[_Scored], metric: str) -> str:
    """The scores of the best schemes and of the baselines at one budget, direct mixing last."""
    best = sorted(group, key=lambda one: -one.score.value)[:SCHEMES_SHOWN]
    named = [one for one in group if one in best or one in bases]
    shown = sorted(named, key=lambda one: one.row.role == "baseline")
    parts = [
        f"{one.name} reaches {one.value} {metric_name(metric)}" if one is shown[0] else f"{one.name} {one.value}"
        for one in shown
    ]
    if all_speech and all_speech[0].score.value > 0:
        shares = [_part(one, all_speech[0]) for one in shown]
        shares[0] += " of the score with all speech"
        parts = [f"{part} ({share})" for part, share in zip(parts, shares, strict=True)]
    first = shown[0]
    speech = f"{first.budget} of the speech" if first.budget.endswith("%") else f"a speech budget of {first.budget}"
    left = len(group) - len(shown)
    others = f"; {counted(left, 'lower score')} {'is' if left == 1 else 'are'} in the table" if left else ""
    return f"With {speech} ({first.amount}) {', '.join(parts)}{others}."


def _baseline_differences(
    groups: Sequence[Sequence[_Scored]], bases: Sequence[_Scored], comparisons: Sequence[Comparison]
) -> list[str]:
    """Every scheme against the baseline at the same budget, which is the question of the paper."""
    pairs = [
        (one, base)
        for group in groups
        for base in group
        if base in bases
        for one in group
        if one is not base and (one not in bases or group.index(one) > group.index(base))
    ]
    tested = [(one, found) for one, base in pairs if (found := find_comparison(comparisons, base.row, one.row))]
    if tested:
        return _tested_differences(tested)
    apart: dict[tuple[str, str], list[str]] = {}
    undecided: dict[tuple[str, str], list[_Scored]] = {}
    for one, base in pairs:
        if one.score.low > base.score.high:
            apart.setdefault((one.name, base.name), []).append(one.budget)
        elif base.score.low > one.score.high:
            apart.setdefault((base.name, one.name), []).append(one.budget)
        else:
            undecided.setdefault((one.name, base.name), []).append(one)
    sentences = [
        f"At {listed(budgets)} the interval of {better} lies entirely above that of {worse}."
        for (better, worse), budgets in apart.items()
    ]
    for (name, base_name), ones in undecided.items():
        size = counted(ones[0].row.finished[0].test.get("recordings", ones[0].score.n), "recording")
        sentences.append(
            f"The intervals of {name} and {base_name} at {listed([one.budget for one in ones])} overlap, "
            f"so this test with {size} cannot tell them apart."
        )
    return sentences


def _tested_differences(tested: Sequence[tuple[_Scored, Comparison]]) -> list[str]:
    """A sentence for each difference, but one for all at a budget that may be due to chance, if there are several."""
    alike: dict[tuple[str, str], list[Comparison]] = {}
    for one, found in tested:
        place = found.first.prose_name if found.may_be_chance else f"{found.second.key} {found.first.key}"
        alike.setdefault((one.budget, place), []).append(found)
    return [
        f"At {budget} {difference_sentence(found[0]) if len(found) == 1 else chance_sentence(found)}."
        for (budget, _), found in alike.items()
    ]


def _gain_over_text(spoken: Sequence[_Scored], text: _Scored, comparisons: Sequence[Comparison]) -> str:
    """The least speech that is certain to help."""
    tested = [(one, found) for one in spoken if (found := find_comparison(comparisons, text.row, one.row))]
    if tested:
        better = [one for one, found in tested if found.is_significant and found.difference.value > 0]
        none = f"In paired tests no budget is significantly better than {text.name}."
        least = f"The smallest budget that is significantly better than {text.name} in paired tests is"
    else:
        better = [one for one in spoken if one.score.low > text.score.high]
        none = f"No interval with speech lies entirely above that of {text.name}, so this test does not show a gain."
        least = f"The smallest budget whose interval lies entirely above that of {text.name} is"
    if not better:
        return none
    schemes = listed([one.name for one in better if one.row.budget == better[0].row.budget])
    return f"{least} {better[0].budget} ({schemes})."


def _part(one: _Scored, whole: _Scored) -> str:
    return f"{100 * one.score.value / whole.score.value:.0f}{PERCENT}"
