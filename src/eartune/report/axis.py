"""Maps values to pixels on an axis, and chooses round values for its ticks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Axis:
    """A linear or logarithmic map from [low, high] to the pixels [start, end]; `start` may be greater than `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return the pixel of a value, rounded to a tenth."""
        low, high, at = (math.log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return round(self.start + (at - low) / (high - low) * (self.end - self.start), 1)


@dataclass(frozen=True)
class Tick:
    """A marked value on an axis: its pixel, its label and a second label below it."""

    at: float
    label: str
    below: str = ""


def round_bounds(values: Sequence[float], ticks: int = 6) -> tuple[float, float, float]:
    """Return the round bounds of an axis that includes all values, which are 0 to 1, and the step between its ticks."""
    low, high = max(0.0, min(values)), min(1.0, max(values))
    step = next((step for step in STEPS if (high - low) / step <= ticks), STEPS[-1])
    bottom, top = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return bottom * step, max(top, bottom + 1) * step, step


def spread(wanted: Sequence[float], gap: float, start: float, end: float) -> list[float]:
    """Return positions near the wanted ones, in their order, at least `gap` apart; inside the axis if they fit."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = dict.fromkeys(order, 0.0)
    floor = start
    for index in order:
        placed[index] = max(wanted[index], floor)
        floor = placed[index] + gap
    ceiling = end
    for index in reversed(order):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - gap
    return [placed[index] for index in range(len(wanted))]
