"""The score curve in pixels from the top left corner, and its drawing as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from eartune.report.axis import Tick
from eartune.report.templates import svg_template

WIDTH, HEIGHT = 960.0, 440.0
LEFT, TOP, BOTTOM = 76.0, 16.0, 76.0
INSET = 28.0  # keeps the first and the last point off the frame


@dataclass(frozen=True)
class Point:
    """The score at one budget; `low` and `high` are the pixels of the ends of its interval."""

    x: float
    y: float
    low: float
    high: float
    title: str


@dataclass(frozen=True)
class Line:
    """The scores of one scheme over its budgets; `look` is its class in the style sheet.

    `fit` is the fitted learning curve at many amounts, as far as it is drawn; without one the scores are joined.
    """

    scheme: str
    look: str
    points: tuple[Point, ...]
    fit: tuple[Point, ...] = ()

    @property
    def band(self) -> str:
        """The corners of the polygon around all intervals, those of the fit if there is one, as SVG takes them."""
        around = self.fit or self.points
        upper = [f"{point.x},{point.high}" for point in around]
        lower = [f"{point.x},{point.low}" for point in reversed(around)]
        return " ".join(upper + lower)

    @property
    def path(self) -> str:
        """The line through all points, or the fit up to the largest amount that was measured, as SVG takes it."""
        return _joined([point for point in self.fit if point.x <= self.points[-1].x] or self.points)

    @property
    def forecast(self) -> str:
        """The fit beyond the largest amount that was measured, as SVG takes it."""
        return _joined([point for point in self.fit if point.x >= self.points[-1].x])


@dataclass(frozen=True)
class Level:
    """A horizontal line: a score that does not depend on the budget; `y` is None if it lies below the frame."""

    label: str
    look: str
    y: float | None
    title: str


@dataclass(frozen=True)
class Label:
    """A name on the right, with the end of the line that it belongs to."""

    text: str
    look: str
    from_x: float
    from_y: float
    y: float


@dataclass(frozen=True)
class Curve:
    """Everything that is drawn, in pixels from the top left corner."""

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
    inset: float = INSET


def _joined(points: Sequence[Point]) -> str:
    return " ".join(f"{point.x},{point.y}" for point in points)


def draw(curve: Curve) -> str:
    """Draw the curve as an SVG file with colours for light and dark pages."""
    return svg_template().render(curve=curve)
