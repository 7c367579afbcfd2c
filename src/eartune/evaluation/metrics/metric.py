"""What a metric is: what is counted of each answer, and which ratio of the summed counts is the score."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eartune.evaluation.metrics.count_table import Ratio, f1
from eartune.evaluation.metrics.counts import Marks

Measure = Callable[[Any, Any], Marks]
"""Counts of one answer: (reference, predicted) -> marks; `predicted` is None where no answer could be read."""


@dataclass(frozen=True)
class Metric:
    """A score of a corpus, in [0, 1] and the higher the better; a task names those that judge its answers."""

    definition: str
    """One sentence for the reader of a report: what it means, and what it may be compared with."""
    measures: tuple[Measure, ...]
    """Where there are several, their counts are added before the ratio is taken."""
    macro: bool = False
    """Whether labels are always counted apart, so that each weighs alike, whatever average is asked for."""
    ratio: Ratio = f1


Metrics = Mapping[str, Metric]
"""By name, in the order in which tables show them."""
