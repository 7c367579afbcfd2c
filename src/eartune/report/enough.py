"""How much speech is enough, in words: what more recordings bring, how many a target needs, and what was foreseen.

SpeechCurves + a target and a price -> sentences, a table of gains, a table of hindsight -> Enough
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from eartune.evaluation.learning_curve import FARTHEST, Forecast
from eartune.report.speech_curve import Fits, Hindsight, SpeechCurve
from eartune.report.wording import metric_name
from eartune.tables import Table
from eartune.wording import PERCENT, capitalised, duration, percent

STEPS = (0.25, 1.0, FARTHEST - 1.0)
"""The numbers of further recordings that are forecast, as multiples of those that there are."""

WORTH_RECORDING = 0.005
"""The gain, as a fraction of 1, from which another round of recordings is advised where no target is given."""


@dataclass(frozen=True)
class Wish:
    """What the user wants: a score to reach, 0 to 1, and what one recording (or hour) costs, in any currency."""

    target: float | None = None
    cost: float | None = None


NOTHING = Wish()


@dataclass(frozen=True)
class Enough:
    """The answer to the question how much speech is enough."""

    sentences: tuple[str, ...]
    gains: Table | None
    hindsight: Table | None


def how_much(fits: Fits, metric: str, wish: Wish = NOTHING, is_to_record: bool = True) -> Enough:
    """Return the answer for the scheme whose curve is highest, with tables of all; without curves, what is missing.

    With `is_to_record` false it does not say how many recordings to make next, as something else comes first.
    """
    if not fits.curves:
        return Enough(fits.missing, None, None)
    best = fits.curves[0]
    sentences = [
        *_unreliable(best),
        _gains(best, metric),
        *([_target(best, wish.target, wish)] if wish.target is not None else []),
        _limit(best, metric),
        *([_next_round(best, wish)] if is_to_record else []),
        *(_hindsight(best.hindsight, best.name) if best.hindsight else []),
        *fits.missing,
    ]
    looked_back = [(one, one.hindsight) for one in fits.curves if one.hindsight]
    return Enough(
        sentences=tuple(capitalised(sentence) for sentence in sentences),
        gains=_gains_table(fits.curves, metric, wish),
        hindsight=_hindsight_table(looked_back, metric) if looked_back else None,
    )


def next_round(fits: Fits, wish: Wish = NOTHING) -> str:
    """Return how many recordings to make next, as a sentence; empty without a curve."""
    return capitalised(_next_round(fits.curves[0], wish)) if fits.curves else ""


def further(curve: SpeechCurve) -> tuple[float, ...]:
    """Return the further amounts to forecast, as round numbers, up to five times what there is."""
    most = (FARTHEST - 1) * curve.amount
    if _is_whole(curve):
        most = float(math.floor(most))
    return tuple(dict.fromkeys(min(_whole(curve, _round(step * curve.amount)), most) for step in STEPS))


def _gains(one: SpeechCurve, metric: str) -> str:
    first, *others = ((more, _points(one.curve.gain(one.amount, more))) for more in further(one))
    parts = [f"{number(first[0])} more {_plural(one, first[0])}: {first[1]}"]
    parts += [f"{number(more)} more: {gain}" for more, gain in others]
    height = f"{percent(one.curve.score(one.amount).value)}{PERCENT} {metric_name(metric)}"
    return (
        f"{one.name} has the highest curve, {height} with {number(one.amount)} {_plural(one, one.amount)}. "
        f"{'; '.join(parts)} points."
    )


def _target(one: SpeechCurve, target: float, wish: Wish) -> str:
    needed = one.curve.amount_for(target)
    said = f"to reach {100 * target:g}{PERCENT}, {one.name} needs {amounts(needed, one)} {one.unit}s"
    if needed.value <= one.amount:
        return f"{said}; they are there."
    if one.score >= target:
        there = f"{number(one.amount)} {_plural(one, one.amount)}"
        return f"{said} by its curve; but it is reached, as {percent(one.score)}{PERCENT} was measured with {there}."
    more = missing(one, target)
    if not math.isfinite(more):
        return f"{said}, so that no number can be named."
    cost = effort(one, more, wish)
    length = f", about {duration(3600 * cost['hours'])} of speech" if "hours" in cost else ""
    price = f", at a price of {cost['price']:,.2f}" if "price" in cost else ""
    return f"{said}, which is {number(more)} more{length}{price}."


def missing(one: SpeechCurve, target: float) -> float:
    """Return the amount beyond the largest measured that a target needs; math.inf beyond the horizon.

    It is 0 where the largest amount was measured to reach the target, whatever the curve says.
    """
    needed = one.curve.amount_for(target).value
    if needed <= one.amount or one.score >= target:
        return 0.0
    return _whole(one, _enough(one, needed) - one.amount) if math.isfinite(needed) else math.inf


def effort(one: SpeechCurve, more: float, wish: Wish) -> dict[str, float]:
    """Return the length in hours and the price of a further amount, each if it is known."""
    length = {"hours": more * one.hours_of_one} if one.hours_of_one else {}
    return length | ({"price": more * wish.cost} if wish.cost is not None else {})


def _limit(one: SpeechCurve, metric: str) -> str:
    limit = one.curve.limit
    if limit.high >= 0.999:
        return f"these scores set no limit that more recordings could not pass in {metric_name(metric)}."
    return f"no number of recordings is likely to pass {percent(limit.high)}{PERCENT} {metric_name(metric)}."


def _next_round(one: SpeechCurve, wish: Wish) -> str:
    """The advice of Mahmood et al. (CVPR 2022): several rounds, each of which corrects the forecast."""
    if wish.target is not None:
        more = min(missing(one, wish.target), one.amount)
        none = f"no further {one.unit} is needed for that."
    else:
        steps = (step * one.amount for step in (0.25, 0.5, 1.0))
        more = next((step for step in steps if one.curve.gain(one.amount, step).value >= WORTH_RECORDING), 0.0)
        none = f"twice as many {one.unit}s would bring less than {100 * WORTH_RECORDING:g} points, so stop recording."
    if not more:
        return none
    more = _whole(one, _round(more))
    return f"record {number(more)} {_plural(one, more)}, then run again: each round corrects the forecast."


def _unreliable(one: SpeechCurve) -> list[str]:
    if not one.curve.is_erratic:
        return []
    return [
        f"the scores of {one.name} jump from amount to amount by more than a learning curve explains, so that the next "
        "cannot be forecast: train several seeds at each amount, or test on more recordings."
    ]


def _hindsight(found: Hindsight, name: str) -> list[str]:
    within = "inside" if found.is_inside else "OUTSIDE"
    return [
        f"in hindsight: the smaller budgets alone forecast {_interval(found.forecast)} for {name} at {found.budget}, "
        f"where {percent(found.measured)} was measured, {within} the interval."
    ]


def _gains_table(curves: Sequence[SpeechCurve], metric: str, wish: Wish) -> Table:
    has_length = all(one.hours_of_one for one in curves)
    headings = ["scheme", f"more {curves[0].unit}s", "in all", "gain in points", f"{metric_name(metric)} %"]
    headings += ["speech"] if has_length else []
    headings += [f"price at {wish.cost:g} per {curves[0].unit}"] if wish.cost is not None else []
    lines = []
    for one in curves:
        for more in (0.0, *further(one)):
            gain = _points(one.curve.gain(one.amount, more)) if more else ""
            line = [one.scheme, f"+{number(more)}", number(one.amount + more), gain]
            line.append(_interval(one.curve.score(one.amount + more)))
            cost = effort(one, more, wish)
            line += [duration(3600 * cost["hours"])] if has_length else []
            line += [f"{cost['price']:,.2f}"] if "price" in cost else []
            lines.append(tuple(line))
    return Table(tuple(headings), tuple(lines), left=1)


def _hindsight_table(curves: Sequence[tuple[SpeechCurve, Hindsight]], metric: str) -> Table:
    lines = [
        (
            one.scheme,
            found.budget,
            _interval(found.forecast),
            percent(found.measured),
            f"{100 * (found.forecast.value - found.measured):+.1f}",
            "inside" if found.is_inside else "outside",
        )
        for one, found in curves
    ]
    headings = ("scheme", "budget left out", f"forecast {metric_name(metric)} %", "measured", "off by", "interval")
    return Table(headings, tuple(lines), left=1)


def _points(gain: Forecast) -> str:
    return f"{100 * gain.value:+.1f} [{100 * gain.low:.1f}, {100 * gain.high:.1f}]"


def _interval(score: Forecast) -> str:
    return f"{percent(score.value)} [{percent(score.low)}, {percent(score.high)}]"


def amounts(needed: Forecast, one: SpeechCurve) -> str:
    """Return the amounts for a target as text; beyond the horizon only that they are beyond it."""
    beyond = f"> {FARTHEST} x {number(one.amount)}"
    value, low, high = (
        number(_enough(one, amount)) if math.isfinite(amount) else beyond
        for amount in (needed.value, needed.low, needed.high)
    )
    return value if value == low == high else f"{value} [{low}, {high}]"


def _plural(one: SpeechCurve, amount: float) -> str:
    return one.unit if amount == 1 else f"{one.unit}s"


def number(amount: float) -> str:
    """Return an amount of speech as text, whole from 10 on, and else with two significant digits."""
    return f"{amount:,.0f}" if amount >= 10 or amount == round(amount) else f"{amount:.2g}"


def _enough(one: SpeechCurve, amount: float) -> float:
    """An amount rounded up, as less would not do, though not beyond the horizon."""
    return min(_whole(one, round_up(amount)), one.curve.horizon)


def _whole(one: SpeechCurve, amount: float) -> float:
    """The amount, or the next whole number where there are no fractions of it."""
    return float(math.ceil(amount - 1e-9)) if _is_whole(one) else amount


def _is_whole(one: SpeechCurve) -> bool:
    """Whether amounts are numbers of recordings; a table of less than one may count them in thousands."""
    return one.unit == "recording" and one.amount >= 1


def _round(amount: float) -> float:
    """The amount with two significant digits."""
    unit = _unit(amount)
    return round(amount / unit) * unit


def round_up(amount: float) -> float:
    """Return an amount with two significant digits, rounded up, as less would not do."""
    unit = _unit(amount)
    return math.ceil(amount / unit - 1e-9) * unit


def _unit(amount: float) -> float:
    """The unit of the second significant digit; 1 for whole numbers of recordings below 100."""
    return 10.0 ** max(0 if amount >= 1 else -9, math.floor(math.log10(amount)) - 1) if amount > 0 else 1.0
