"""Metrics: the counts of each answer, and the ratio of the summed counts that is the score."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eartune.evaluation.metrics.count_table import Ratio, f1
from eartune.evaluation.metrics.counts import Marks

Measure = Callable[[Any, Any], Marks]
"""A function (reference, predicted) -> marks of one answer; `predicted` is None if there is no parsed answer."""


@dataclass(frozen=True)
class Metric:
    """A metric of a corpus, from 0 to 1, where higher is better; a task lists the metrics of its answers."""

    definition: str
    """The meaning of the metric, and the published figures it may be compared with, for the reader of a report."""
    measures: tuple[Measure, ...]
    """The functions whose counts are added before the ratio is computed."""
    macro: bool = False
    """Whether the metric is always a macro average, whatever average is requested."""
    ratio: Ratio = f1
    """The ratio of the summed counts that is the score."""


Metrics = Mapping[str, Metric]
"""Metrics by name, in the order of tables."""
