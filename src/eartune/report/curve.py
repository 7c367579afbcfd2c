"""A curve in pixels from the top left, and its drawing as SVG."""

from dataclasses import dataclass

from eartune.report.axis import Tick
from eartune.report.templates import svg_template

WIDTH, HEIGHT = 960.0, 440.0
LEFT, TOP, BOTTOM = 76.0, 16.0, 76.0
INSET = 28.0  # keeps the first and the last point off the frame


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

    label: str
    look: str
    y: float | None
    title: str


@dataclass(frozen=True)
class Label:
    """A name at the right, its swatch, and the end of the line it belongs to."""

    text: str
    look: str
    from_x: float
    from_y: float
    y: float


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
    inset: float = INSET


def draw(curve: Curve) -> str:
    """An SVG file that brings its own colours for light and dark surroundings."""
    return svg_template().render(curve=curve)
