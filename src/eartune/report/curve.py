"""The curve of an experiment: the main metric over the speech used, laid out in pixels and drawn as SVG.

    rows -> lines (schemes with budgets) and levels (schemes without) -> axes -> labels apart -> curve.svg.j2
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eartune.metrics import Score
from eartune.report.axis import Axis, Tick, round_bounds, spread
from eartune.report.row import Row
from eartune.report.templates import svg_template
from eartune.report.wording import counted, hours, metric_name, percent, with_interval

WIDTH, HEIGHT = 960.0, 440.0
LEFT, TOP, BOTTOM = 76.0, 16.0, 76.0
INSET = 28.0  # keeps the first and the last point off the frame
LABEL_GAP = 20.0
LEADER, SWATCH = 30.0, 26.0  # from the frame to a label's swatch, and from there to its text
LETTER = 7.4  # no font is measured: the mean width of a letter at 13 px, rounded up
TICK_GAP = 46.0

ALL_SPEECH = "100 % speech"
_LOOKS = {"curriculum": "curriculum", "direct-mixing": "mixing", "text-only": "text", "untuned": "untuned"}
_SPARE_LOOKS = ("third", "fourth", "fifth")


@dataclass(frozen=True)
class Point:
    """A score at a budget; `low` and `high` are the pixels of its interval's ends."""

    x: float
    y: float
    low: float
    high: float
    title: str


@dataclass(frozen=True)
class Line:
    """A scheme that has budgets. `look` is its class in the style sheet."""

    scheme: str
    look: str
    points: tuple[Point, ...]

    @property
    def band(self) -> str:
        """The corners around its intervals."""
        upper = [f"{point.x},{point.high}" for point in self.points]
        lower = [f"{point.x},{point.low}" for point in reversed(self.points)]
        return " ".join(upper + lower)

    @property
    def path(self) -> str:
        """Through its points."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)


@dataclass(frozen=True)
class Level:
    """A horizontal line: what a scheme reaches whatever the budget. `y` is None when it lies below the frame."""

    name: str
    look: str
    y: float | None
    value: float
    title: str


@dataclass(frozen=True)
class Label:
    """A name at the right, its swatch, and the end of the line it belongs to."""

    text: str
    look: str
    y: float
    from_x: float
    from_y: float


@dataclass(frozen=True)
class Curve:
    """All that is drawn, in pixels from the top left."""

    metric: str
    pool: int
    right: float
    lines: tuple[Line, ...]
    levels: tuple[Level, ...]
    labels: tuple[Label, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    description: str
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def build_curve(rows: Sequence[Row], metric: str) -> Curve | None:
    """None when no finished cell used speech, for then there is nothing to draw a curve of."""
    scored = [(row, score) for row in rows if (score := row.score(metric)) is not None]
    spoken = [(row, score) for row, score in scored if row.budget is not None and row.share > 0]
    if not spoken:
        return None
    flat = [(row.scheme, row, score) for row, score in scored if row.budget is None]
    flat += [(ALL_SPEECH, row, score) for row, score in spoken if row.scheme == "direct-mixing" and row.uses_all_speech]
    right = _right_edge([row.scheme for row, _ in spoken] + [_level_text(name, score) for name, _, score in flat])
    x_axis = _share_axis([row.share for row, _ in spoken], right)
    y_axis, step = _score_axis(scored)
    lines = _lines(spoken, metric, x_axis, y_axis)
    levels = tuple(_level(name, row, score, metric, y_axis) for name, row, score in flat)
    return Curve(
        metric=metric_name(metric),
        pool=max(result.pool_utterances for row, _ in spoken for result in row.finished),
        right=right,
        lines=lines,
        levels=levels,
        labels=_labels(lines, levels, right),
        x_ticks=_share_ticks([row for row, _ in spoken], x_axis),
        y_ticks=_score_ticks(y_axis, step),
        description=" ".join(f"{point.title}." for line in lines for point in line.points)
        + "".join(f" {level.title}." for level in levels),
    )


def draw(curve: Curve) -> str:
    """An SVG file that brings its own colours for light and dark surroundings."""
    return svg_template().render(curve=curve)


def _lines(spoken: Sequence[tuple[Row, Score]], metric: str, x_axis: Axis, y_axis: Axis) -> tuple[Line, ...]:
    schemes = list(dict.fromkeys(row.scheme for row, _ in spoken))
    spare = [scheme for scheme in schemes if scheme not in _LOOKS]
    lines = []
    for scheme in schemes:
        look = _LOOKS.get(scheme) or _SPARE_LOOKS[spare.index(scheme) % len(_SPARE_LOOKS)]
        own = [(row, score) for row, score in spoken if row.scheme == scheme]
        lines.append(Line(scheme, look, tuple(_point(row, score, metric, x_axis, y_axis) for row, score in own)))
    return tuple(lines)


def _point(row: Row, score: Score, metric: str, x_axis: Axis, y_axis: Axis) -> Point:
    return Point(
        x=x_axis.place(row.share),
        y=y_axis.place(score.value),
        low=y_axis.place(max(score.low, y_axis.low)),
        high=y_axis.place(min(score.high, y_axis.high)),
        title=_title(f"{row.scheme} at {row.budget}", row, score, metric),
    )


def _level(name: str, row: Row, score: Score, metric: str, y_axis: Axis) -> Level:
    y = y_axis.place(score.value) if score.value >= y_axis.low else None
    look = "all" if name == ALL_SPEECH else _LOOKS.get(name, "other")
    return Level(name, look, y, score.value, _title(name, row, score, metric))


def _title(name: str, row: Row, score: Score, metric: str) -> str:
    speech = row.mean(lambda result: result.speech_hours) or 0.0
    seeds = counted(len(row.finished), "seed")
    return f"{name}: {metric_name(metric)} {with_interval(score, ' %')}, n = {score.n}, {hours(speech)} h, {seeds}"


def _labels(lines: Sequence[Line], levels: Sequence[Level], right: float) -> tuple[Label, ...]:
    """Each as near to the height of its line's end as the others allow."""
    bottom = HEIGHT - BOTTOM
    ends = [(line.scheme, line.look, line.points[-1].x, line.points[-1].y) for line in lines]
    for level in levels:
        text = _level_label(level)
        ends.append((text, level.look, right, bottom if level.y is None else level.y))
    heights = spread([y for *_, y in ends], LABEL_GAP, TOP + LABEL_GAP / 2, bottom)
    return tuple(Label(text, look, y, from_x, from_y) for (text, look, from_x, from_y), y in zip(ends, heights, strict=True))


def _level_label(level: Level) -> str:
    return f"{level.name} {percent(level.value)}" + (" ↓ below" if level.y is None else "")


def _right_edge(texts: Sequence[str]) -> float:
    """Where the frame ends, so that the longest label still fits."""
    return WIDTH - LEADER - SWATCH - LETTER * max(map(len, texts)) - 8


def _level_text(name: str, score: Score) -> str:
    return f"{name} {percent(score.value)} ↓ below"


def _share_axis(shares: Sequence[float], right: float) -> Axis:
    low, high = min(shares), max(shares)
    if low == high:
        low, high = low / 2, high * 2
    return Axis(low, high, LEFT + INSET, right - INSET, logarithmic=True)


def _score_axis(scored: Sequence[tuple[Row, Score]]) -> tuple[Axis, float]:
    """Holds every interval, but the untuned model only where it does not squeeze all others into half the height."""
    tuned = [bound for row, score in scored if row.scheme != "untuned" for bound in (score.low, score.high)]
    untuned = [score.value for row, score in scored if row.scheme == "untuned"]
    span = max(tuned) - min(tuned)
    near = [value for value in untuned if min(tuned) - value <= span]
    low, high, step = round_bounds(tuned + near)
    return Axis(low, high, HEIGHT - BOTTOM, TOP), step


def _score_ticks(axis: Axis, step: float) -> tuple[Tick, ...]:
    values = [axis.low + step * count for count in range(round((axis.high - axis.low) / step) + 1)]
    digits = 0 if step >= 0.01 else 1
    return tuple(Tick(axis.place(value), f"{100 * value:.{digits}f}") for value in values)


def _share_ticks(rows: Sequence[Row], axis: Axis) -> tuple[Tick, ...]:
    """One at each budget, smallest first; one that would run into the tick before it is left out."""
    ticks: list[Tick] = []
    for row in sorted(rows, key=lambda row: row.share):
        at = axis.place(row.share)
        if not ticks or at - ticks[-1].at >= TICK_GAP:
            speech = row.mean(lambda result: result.speech_hours) or 0.0
            ticks.append(Tick(at, str(row.budget), f"{hours(speech)} h"))
    return tuple(ticks)
