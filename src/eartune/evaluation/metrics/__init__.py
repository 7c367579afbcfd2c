"""Metrics: hits and errors of each utterance, and scores of a corpus with their intervals."""

from eartune.evaluation.metrics.compare import (
    Changes,
    Difference,
    Share,
    changes,
    compare,
    holm,
    score_covariance,
    share_of,
)
from eartune.evaluation.metrics.confidence import over_seeds
from eartune.evaluation.metrics.definitions import DEFINITIONS, MASSIVE_DEFINITIONS
from eartune.evaluation.metrics.evaluate import Answered, Average, Mode, evaluate, evaluate_by_label
from eartune.evaluation.metrics.metric import Metric, Metrics
from eartune.evaluation.metrics.score import Score

__all__ = [
    "DEFINITIONS",
    "MASSIVE_DEFINITIONS",
    "Answered",
    "Average",
    "Changes",
    "Difference",
    "Metric",
    "Metrics",
    "Mode",
    "Score",
    "Share",
    "changes",
    "compare",
    "evaluate",
    "evaluate_by_label",
    "holm",
    "over_seeds",
    "score_covariance",
    "share_of",
]
