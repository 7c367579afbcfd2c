"""Places everything on the curve, which shows the main metric over the speech used, on a logarithmic axis.

rows -> axes -> lines (schemes with budgets) and levels (schemes without) -> labels moved apart
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle

import numpy as np

from eartune.evaluation.metrics import Score
from eartune.report.axis import Axis, Tick, round_bounds, spread
from eartune.report.curve import BOTTOM, HEIGHT, INSET, LEFT, TOP, WIDTH, Curve, Label, Level, Line, Point
from eartune.report.scheme_result import SchemeResult, baselines
from eartune.report.speech_curve import SpeechCurve
from eartune.report.wording import metric_name, with_interval
from eartune.wording import PERCENT, counted, hours, percent

DRAWN = 2.0  # how far a fitted curve is drawn, as a multiple of the largest amount
FIT_POINTS = 60
LABEL_GAP = 20.0
LEADER, SWATCH = 30.0, 26.0  # from the frame to a label's swatch, and from there to its text
LETTER = 7.4  # no font is measured: the mean width of a letter at 13 px, rounded up
TICK_GAP = 46.0
WHISKER_GAP = 8.0

ALL_SPEECH = "100 % speech"
BELOW = " ↓ below"
_LEVEL_LOOKS = {
    "untuned": "untuned",
    "prompted": "prompted",
    "cascade": "cascade",
    "text-only": "text",
    "synthetic-speech": "synthetic",
}
_LINE_LOOKS = {"direct-mixing": "mixing", "curriculum": "curriculum"}  # by type; the first scheme of a type has it
_SPARE_LOOKS = ("third", "fourth", "fifth")


def build_curve(
    rows: Sequence[SchemeResult], metric: str, fitted: Sequence[SpeechCurve] = (), target: float | None = None
) -> Curve | None:
    """Return the curve of the rows; None if no finished model used speech, since there is nothing to draw then.

    A fitted learning curve is drawn up to twice the largest amount, and a target as a horizontal line.
    """
    scored = [(row, score) for row in rows if (score := row.score(metric)) is not None]
    spoken = [(row, score) for row, score in scored if row.budget is not None and row.share > 0]
    if not spoken:
        return None
    y_axis, step = _score_axis(scored, target)
    levels = _levels(scored, baselines(rows), metric, y_axis) + _target_level(target, y_axis)
    right = _right_edge([row.scheme for row, _ in spoken] + [level.label for level in levels])
    pool = max(result.pool_utterances for row, _ in spoken for result in row.finished)
    shares = [row.share for row, _ in spoken]
    x_axis = _share_axis([*shares, *([DRAWN * max(shares)] if fitted else [])], right)
    lines = _with_fits(_lines(spoken, metric, x_axis, y_axis), fitted, _recordings_of_pool(spoken), x_axis, y_axis)
    return Curve(
        metric=metric_name(metric),
        pool=pool,
        right=right,
        lines=lines,
        levels=levels,
        labels=_labels(lines, levels, right),
        x_ticks=_share_ticks([row for row, _ in spoken], x_axis, bool(fitted)),
        y_ticks=_score_ticks(y_axis, step),
        description=" ".join(f"{point.title}." for line in lines for point in line.points)
        + "".join(f" {level.title}." for level in levels),
    )


def _lines(spoken: Sequence[tuple[SchemeResult, Score]], metric: str, x_axis: Axis, y_axis: Axis) -> tuple[Line, ...]:
    groups: dict[str, list[tuple[SchemeResult, Score]]] = {}
    for row, score in spoken:
        groups.setdefault(row.scheme, []).append((row, score))
    alone = [scheme for scheme, own in groups.items() if len(own) == 1]
    taken: set[str] = set()
    spare = cycle(_SPARE_LOOKS)
    lines = []
    for scheme, own in groups.items():
        look = _LINE_LOOKS.get(own[0][0].scheme_type)
        if look is None or look in taken:
            look = next(spare)
        taken.add(look)
        # The whiskers of schemes with one budget would hide each other.
        aside = (alone.index(scheme) - (len(alone) - 1) / 2) * WHISKER_GAP if scheme in alone else 0.0
        points = tuple(_point(row, score, metric, x_axis.place(row.share) + aside, y_axis) for row, score in own)
        lines.append(Line(scheme, look, points))
    return tuple(lines)


def _recordings_of_pool(spoken: Sequence[tuple[SchemeResult, Score]]) -> float:
    """The recordings of the whole pool, of which an utterance may have several, as far as the largest budget tells."""
    largest = max((row for row, _ in spoken), key=lambda row: row.share)
    return (largest.mean(lambda result: float(result.recordings)) or 0.0) / largest.share if largest.share else 0.0


def _with_fits(
    lines: Sequence[Line], fitted: Sequence[SpeechCurve], recordings: float, x_axis: Axis, y_axis: Axis
) -> tuple[Line, ...]:
    """The lines, each with the learning curve of its scheme if it has one; the whole pool has so many recordings."""
    curves = {one.scheme: one.curve for one in fitted}
    shares = np.geomspace(x_axis.low, x_axis.high, FIT_POINTS)

    def fit(scheme: str) -> tuple[Point, ...]:
        scores = [curves[scheme].score(share * recordings) for share in shares] if scheme in curves else []
        return tuple(
            Point(
                x_axis.place(share), _inside(y_axis, one.value), _inside(y_axis, one.low), _inside(y_axis, one.high), ""
            )
            for share, one in zip(shares, scores, strict=False)
        )

    return tuple(replace(line, fit=fit(line.scheme)) for line in lines)


def _inside(axis: Axis, value: float) -> float:
    return axis.place(min(max(value, axis.low), axis.high))


def _point(row: SchemeResult, score: Score, metric: str, x: float, y_axis: Axis) -> Point:
    return Point(
        x=x,
        y=y_axis.place(score.value),
        low=y_axis.place(max(score.low, y_axis.low)),
        high=y_axis.place(min(score.high, y_axis.high)),
        title=_title(f"{row.scheme} at {row.budget}", row, score, metric),
    )


def _levels(
    scored: Sequence[tuple[SchemeResult, Score]], bases: Sequence[SchemeResult], metric: str, y_axis: Axis
) -> tuple[Level, ...]:
    flat = [
        (row.scheme, _LEVEL_LOOKS.get(row.scheme_type, "other"), row, score)
        for row, score in scored
        if row.budget is None
    ]
    several = len({base.scheme for base in bases}) > 1
    for row, score in scored:
        if row in bases and row.uses_all_speech:
            flat.append((f"{ALL_SPEECH}, {row.scheme}" if several else ALL_SPEECH, "all", row, score))
    return tuple(
        Level(
            label=f"{name} {percent(score.value)}" + (BELOW if score.value < y_axis.low else ""),
            look=look,
            y=None if score.value < y_axis.low else y_axis.place(score.value),
            title=_title(name, row, score, metric),
        )
        for name, look, row, score in flat
    )


def _target_level(target: float | None, y_axis: Axis) -> tuple[Level, ...]:
    if target is None:
        return ()
    name = f"target {percent(target)}"
    return (Level(name, "target", y_axis.place(target), name),)


def _title(name: str, row: SchemeResult, score: Score, metric: str) -> str:
    speech = row.mean(lambda result: result.speech_hours) or 0.0
    models = counted(len(row.finished), "model")
    return f"{name}: {metric_name(metric)} {with_interval(score, PERCENT)}, n = {score.n}, {hours(speech)} h, {models}"


def _labels(lines: Sequence[Line], levels: Sequence[Level], right: float) -> tuple[Label, ...]:
    """The labels, each as near to the end of its line as the others allow."""
    bottom = HEIGHT - BOTTOM
    ends = [(line.scheme, line.look, line.points[-1].x, line.points[-1].y) for line in lines]
    ends += [(level.label, level.look, right, bottom if level.y is None else level.y) for level in levels]
    heights = spread([y for *_, y in ends], LABEL_GAP, TOP + LABEL_GAP / 2, bottom)
    return tuple(Label(*end, y) for end, y in zip(ends, heights, strict=True))


def _right_edge(texts: Sequence[str]) -> float:
    """The right edge of the frame, which leaves room for the longest label."""
    return WIDTH - LEADER - SWATCH - LETTER * max(map(len, texts)) - 8


def _share_axis(shares: Sequence[float], right: float) -> Axis:
    low, high = min(shares), max(shares)
    if low == high:
        low, high = low / 2, high * 2
    return Axis(low, high, LEFT + INSET, right - INSET, logarithmic=True)


def _score_axis(scored: Sequence[tuple[SchemeResult, Score]], target: float | None) -> tuple[Axis, float]:
    """An axis that includes every interval, but not an untuned model so low that others had only half the height."""
    untuned = [score.value for row, score in scored if row.role == "untuned" and row.budget is None]
    others = [score for row, score in scored if row.role != "untuned" or row.budget is not None]
    tuned = [bound for score in others for bound in (score.low, score.high)]
    span = max(tuned) - min(tuned)
    near = [value for value in untuned if min(tuned) - value <= span]
    low, high, step = round_bounds(tuned + near + ([] if target is None else [target]))
    return Axis(low, high, HEIGHT - BOTTOM, TOP), step


def _score_ticks(axis: Axis, step: float) -> tuple[Tick, ...]:
    values = [axis.low + step * count for count in range(round((axis.high - axis.low) / step) + 1)]
    digits = 0 if step >= 0.01 else 1
    return tuple(Tick(axis.place(value), f"{100 * value:.{digits}f}") for value in values)


def _share_ticks(rows: Sequence[SchemeResult], axis: Axis, has_fit: bool) -> tuple[Tick, ...]:
    """A tick for each budget, smallest first, except where it would overlap the one before, and for the fit's end."""
    ticks: list[Tick] = []
    for row in sorted(rows, key=lambda row: row.share):
        at = axis.place(row.share)
        if not ticks or at - ticks[-1].at >= TICK_GAP:
            speech = row.mean(lambda result: result.speech_hours) or 0.0
            ticks.append(Tick(at, str(row.budget), f"{hours(speech)} h"))
    if has_fit:
        ticks.append(Tick(axis.place(axis.high), f"{100 * axis.high:.0f}%", "forecast"))
    return tuple(ticks)
