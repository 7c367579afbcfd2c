"""Expectations: what an experiment says should come out, and whether it came.

expect in YAML -> Expectation -> judged by scores, or by answers in pairs where they are at hand -> section of the page
"""

import math
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from eartune.errors import InputError
from eartune.evaluation.metrics import Score, Share
from eartune.report.answers import RunAnswers
from eartune.report.differences import compare_rows, share_of_row
from eartune.report.result import RunResult
from eartune.report.scheme_result import SchemeResult
from eartune.report.wording import metric_name, with_interval
from eartune.settings import Section
from eartune.tables import Table
from eartune.wording import PERCENT, percent

_PERCENTAGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def _fraction(written: Any) -> float:
    found = _PERCENTAGE.fullmatch(written) if isinstance(written, str) else None
    if not found:
        raise InputError(f"is written in percent, such as 85%, not {written!r}")
    return float(found[1]) / 100


Percentage = Annotated[float, BeforeValidator(_fraction), PlainSerializer(lambda value: f"{100 * value:.10g}%")]
"""A fraction that YAML writes in percent; 1.2 is 120%."""


class Expectation(Section):
    """One thing that should come out: a score in a range, by itself or as a share of another, or above another."""

    model: str
    """A model as tables name it, by its scheme and its budget: text-only, or curriculum 5%."""
    above: str | None = None
    """Another model; the interval of the first must lie above its interval, without an overlap."""
    share_of: str | None = None
    """Another model; the range is of the first one's score as a share of its score."""
    at_least: Percentage | None = None
    """The lower end of the range, such as 85%."""
    at_most: Percentage | None = None
    """The upper end of the range."""
    metric: str | None = Field(default=None, min_length=1)
    """The metric; None is the main metric of the task."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Expectation":
        has_range = self.at_least is not None or self.at_most is not None
        if (self.above is not None) == has_range or (self.above and self.share_of):
            raise InputError("needs either above, or at_least, at_most or both, with share_of or without")
        if self.model in (self.above, self.share_of):
            raise InputError(f"compares {self.model!r} with itself")
        if self.low > self.high:
            raise InputError(f"at_least {percent(self.low)}% is more than at_most {percent(self.high)}%")
        return self

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that it is about."""
        return tuple(name for name in (self.model, self.above, self.share_of) if name is not None)

    @property
    def low(self) -> float:
        """The lower end of its range."""
        return -math.inf if self.at_least is None else self.at_least

    @property
    def high(self) -> float:
        """The upper end of its range."""
        return math.inf if self.at_most is None else self.at_most

    def sentence(self, main_metric: str) -> str:
        """Return what is expected as a sentence without its full stop."""
        metric = metric_name(self.metric or main_metric)
        if self.above is not None:
            return f"{self.model} is above {self.above} in {metric}, with intervals that do not overlap"
        whose = f"the {metric} of {self.share_of}" if self.share_of else metric
        return (
            f"{self.model} reaches {self._range} of {whose}"
            if self.share_of
            else f"{self.model} has {self._range} {metric}"
        )

    @property
    def _range(self) -> str:
        if self.at_least is not None and self.at_most is not None:
            return f"{100 * self.at_least:g} to {100 * self.at_most:g}{PERCENT}"
        bound = f"at least {100 * self.low:g}" if self.at_least is not None else f"at most {100 * self.high:g}"
        return f"{bound}{PERCENT}"


class Verdict(StrEnum):
    """Whether what was expected came."""

    MET = "met"
    NOT_MET = "not met"
    CANNOT_TELL = "cannot tell"


def expectations_of(results: Sequence[RunResult]) -> tuple[Expectation, ...]:
    """Return the expectations that the models of a run were made with; none if there were none."""
    written = next((found for result in results if (found := result.settings.get("expect"))), ())
    return tuple(Expectation.model_validate(one) for one in written)


def expectations_table(
    expected: Sequence[Expectation], rows: Sequence[SchemeResult], main_metric: str, answers: RunAnswers | None
) -> Table | None:
    """Return a table with each expectation, whether it was met, and what came; None without expectations."""
    if not expected:
        return None
    lines = []
    for one in expected:
        verdict, found = judge(one, rows, main_metric, answers)
        lines.append((one.sentence(main_metric), verdict.value, found))
    return Table(("expected", "came", "found"), tuple(lines), left=3)


def judge(
    expected: Expectation, rows: Sequence[SchemeResult], main_metric: str, answers: RunAnswers | None
) -> tuple[Verdict, str]:
    """Return whether an expectation was met, and the finding in words.

    A range is met if the whole 95 % interval lies in it, and not met if none of it does; else this test, with these
    seeds, cannot tell.
    """
    metric, by_name = expected.metric or main_metric, {row.name: row for row in rows}
    scores = {name: by_name[name].score(metric) for name in expected.models if name in by_name}
    for name in expected.models:
        if scores.get(name) is None:
            return Verdict.CANNOT_TELL, f"{name} has no {metric_name(metric)}"
    first, score = by_name[expected.model], scores[expected.model]
    assert score is not None
    if expected.above is not None:
        other = scores[expected.above]
        assert other is not None
        return _above(score, other, first, by_name[expected.above], metric, answers)
    if expected.share_of is None:
        return _within(expected, Share(score.value, score.low, score.high))
    other = scores[expected.share_of]
    assert other is not None
    share = share_of_row(answers, first, by_name[expected.share_of], metric) if answers else None
    if share is None and other.low > 0:  # of scores alone, the widest that their intervals allow
        share = Share(score.value / other.value, score.low / other.high, score.high / other.low)
    if share is None:
        return Verdict.CANNOT_TELL, f"{expected.share_of} may have 0{PERCENT} {metric_name(metric)}"
    return _within(expected, share)


def _within(expected: Expectation, share: Share) -> tuple[Verdict, str]:
    found = f"{percent(share.value)}{PERCENT} [{percent(share.low)}, {percent(share.high)}]"
    if expected.low <= share.low and share.high <= expected.high:
        return Verdict.MET, found
    if share.high < expected.low or share.low > expected.high:
        return Verdict.NOT_MET, found
    return Verdict.CANNOT_TELL, found


def _above(
    score: Score, other: Score, first: SchemeResult, second: SchemeResult, metric: str, answers: RunAnswers | None
) -> tuple[Verdict, str]:
    """Two intervals that overlap may be parted by a larger test, unless the paired difference is none or negative."""
    compared = compare_rows(answers, second, first, metric) if answers else None
    found = f"{with_interval(score, PERCENT)} and {with_interval(other, PERCENT)}"
    if compared is not None:
        gap = compared.difference
        found += f"; {100 * gap.value:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}] points in a paired test"
    if score.low > other.high:
        return Verdict.MET, found
    is_below = score.high < other.low or (compared is not None and compared.difference.high <= 0)
    return (Verdict.NOT_MET if is_below else Verdict.CANNOT_TELL), found
