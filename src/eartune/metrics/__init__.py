"""How well predicted frames agree with the references: counts per utterance, scores with intervals per corpus."""

from eartune.metrics.confidence import over_seeds
from eartune.metrics.definitions import DEFINITIONS
from eartune.metrics.evaluate import Answered, Average, Mode, evaluate
from eartune.metrics.score import Score

__all__ = ["DEFINITIONS", "Answered", "Average", "Mode", "Score", "evaluate", "over_seeds"]
