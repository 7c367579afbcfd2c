"""The answer in plain language: sentences that claim no more than the test allows, left out where cells are missing.

Where the answers are at hand, paired tests decide what differs. Where only scores are, intervals must: two that
overlap are called a draw, which is cautious, and only a gap between them is called a difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eartune.evaluation.metrics import Score
from eartune.report.differences import Compared, find, in_words
from eartune.report.row import Row
from eartune.report.wording import metric_name, scheme_in_prose, with_interval
from eartune.wording import PERCENT, capitalised, counted, hours, listed

BUDGETS_TOLD = 3  # the table has the others
SCHEMES_TOLD = 2


@dataclass(frozen=True)
class _Scored:
    row: Row
    score: Score

    @property
    def scheme(self) -> str:
        return scheme_in_prose(self.row.scheme)


def answer(rows: Sequence[Row], metric: str, compared: Sequence[Compared] = ()) -> str:
    """No speech, all speech, the budgets between them, and from where on speech is certain to help."""
    scored = [_Scored(row, score) for row in rows if (score := row.score(metric)) is not None]
    if not scored:
        return "No cell finished, so there is no answer yet."
    spoken = sorted((found for found in scored if found.row.budget), key=lambda found: found.row.share)
    all_speech = next(
        (found for found in spoken if found.row.uses_all_speech and found.row.scheme == "direct-mixing"), None
    )
    parts = [
        *_without_speech(scored, metric),
        *_with_all_speech(all_speech, _first(scored, "text-only"), metric),
        *_at_budgets([found for found in spoken if not found.row.uses_all_speech], all_speech, metric, compared),
        *_gain_over_text(spoken, _first(scored, "text-only"), compared),
    ]
    return " ".join(parts)


def _without_speech(scored: Sequence[_Scored], metric: str) -> list[str]:
    """The schemes without recordings, the first with the metric's name."""
    flat = [found for found in scored if not found.row.budget]
    known = sorted(flat, key=lambda found: ["text-only", "untuned", found.row.scheme].index(found.row.scheme))
    if not known:
        return []
    told = [f"{capitalised(known[0].scheme)} reaches {_value(known[0])} {metric_name(metric)}"]
    told += [f"{other.scheme} {_value(other)}" for other in known[1:]]
    return [f"{'; '.join(told)}."]


def _with_all_speech(all_speech: _Scored | None, text: _Scored | None, metric: str) -> list[str]:
    if all_speech is None:
        return []
    told = f"All the speech ({_amount(all_speech.row)}, direct mixing) gives {_value(all_speech)} {metric_name(metric)}"
    if text is not None and all_speech.score.value > 0:
        told += f"; text-only tuning reaches {_part(text, all_speech)} of that"
    return [f"{told}."]


def _at_budgets(
    spoken: Sequence[_Scored], all_speech: _Scored | None, metric: str, compared: Sequence[Compared]
) -> list[str]:
    """A sentence for each of the smallest budgets, since those are what an experiment is about."""
    budgets = list(dict.fromkeys(found.row.budget for found in spoken))[:BUDGETS_TOLD]
    groups = [[found for found in spoken if found.row.budget == budget] for budget in budgets]
    return [*(_reached(group, all_speech, metric) for group in groups), *_comparison(groups, compared)]


def _reached(group: Sequence[_Scored], all_speech: _Scored | None, metric: str) -> str:
    first, *others = sorted(group, key=lambda found: found.row.scheme != "curriculum")[:SCHEMES_TOLD]
    told = [f"{first.scheme} reaches {_value(first)} {metric_name(metric)}"]
    told += [f"{other.scheme} {_value(other)}" for other in others]
    if all_speech is not None and all_speech.score.value > 0:
        parts = [f"{_part(found, all_speech)}" for found in (first, *others)]
        parts[0] += " of what all speech gives"
        told = [f"{reached} ({part})" for reached, part in zip(told, parts, strict=True)]
    return f"With {_speech(first.row)} ({_amount(first.row)}) {', '.join(told)}."


def _comparison(groups: Sequence[Sequence[_Scored]], compared: Sequence[Compared]) -> list[str]:
    """Curriculum against direct mixing, the question of the paper, at the budgets that have both."""
    pairs = [(_first(group, "curriculum"), _first(group, "direct-mixing")) for group in groups]
    both = [(curriculum, mixing) for curriculum, mixing in pairs if curriculum and mixing]
    paired = [(c, one) for c, mixing in both if (one := find(compared, mixing.row, c.row))]
    if paired:
        return [f"At {_short(curriculum.row.budget)} {in_words(one)}." for curriculum, one in paired]
    draws = [curriculum for curriculum, mixing in both if _overlap(curriculum.score, mixing.score)]
    sentences = [_difference(curriculum, mixing) for curriculum, mixing in both if curriculum not in draws]
    if draws:
        budgets = listed([_short(found.row.budget) for found in draws])
        sentences.append(
            f"The intervals of the curriculum and direct mixing at {budgets} overlap: "
            f"with {_test_size(draws[0])} this test cannot tell them apart."
        )
    return sentences


def _difference(one: _Scored, other: _Scored) -> str:
    better, worse = (one, other) if one.score.low > other.score.high else (other, one)
    return f"At {_short(one.row.budget)} the interval of {better.scheme} lies wholly above that of {worse.scheme}."


def _gain_over_text(spoken: Sequence[_Scored], text: _Scored | None, compared: Sequence[Compared]) -> list[str]:
    """The least speech that is certain to help."""
    if text is None or not spoken:
        return []
    paired = [(found, one) for found in spoken if (one := find(compared, text.row, found.row))]
    if paired:
        return _paired_gain([found for found, one in paired if one.is_shown and one.difference.value > 0])
    better = [found for found in spoken if found.score.low > text.score.high]
    if not better:
        return ["No interval with speech lies wholly above that of text-only tuning: this test does not show a gain."]
    least = better[0].row.budget
    schemes = listed([found.scheme for found in better if found.row.budget == least])
    return [
        f"The smallest budget whose interval lies wholly above that of text-only tuning is {_short(least)} ({schemes})."
    ]


def _paired_gain(better: Sequence[_Scored]) -> list[str]:
    if not better:
        return ["In paired tests no amount of speech is shown to be better than text-only tuning."]
    least = better[0].row.budget
    schemes = listed([found.scheme for found in better if found.row.budget == least])
    return [
        f"The smallest budget that paired tests show to be better than text-only tuning is {_short(least)} ({schemes})."
    ]


def _first(scored: Sequence[_Scored], scheme: str) -> _Scored | None:
    return next((found for found in scored if found.row.scheme == scheme), None)


def _overlap(one: Score, other: Score) -> bool:
    return one.low <= other.high and other.low <= one.high


def _value(found: _Scored) -> str:
    return with_interval(found.score, PERCENT)


def _part(found: _Scored, whole: _Scored) -> str:
    return f"{100 * found.score.value / whole.score.value:.0f}{PERCENT}"


def _speech(row: Row) -> str:
    budget = _short(row.budget)
    return f"{budget} of the speech" if budget.endswith("%") else f"a speech budget of {budget}"


def _short(budget: str | None) -> str:
    """As written, with a space before a percent sign."""
    return str(budget).replace("%", PERCENT)


def _amount(row: Row) -> str:
    utterances = row.mean(lambda result: result.speech_utterances) or 0
    return f"{counted(round(utterances), 'utterance')}, {hours(row.mean(lambda result: result.speech_hours) or 0)} h"


def _test_size(found: _Scored) -> str:
    return counted(found.row.finished[0].test.get("recordings", found.score.n), "recording")
