"""Marks of the scenario, the action and the intent of one utterance.

A prediction of None is an utterance without a usable answer: its gold label is missed, and no label is spurious.
"""

from eartune.data.frame import SemanticFrame
from eartune.evaluation.metrics.counts import Marks, accuracy_marks, class_marks


def scenario_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Return the marks of the scenario: a wrong one counts as a missed gold label and a spurious predicted label."""
    return class_marks(reference.scenario or "", predicted.scenario if predicted else None)


def action_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Return the marks of the action: a wrong one counts as a missed gold label and a spurious predicted label."""
    return class_marks(reference.action or "", predicted.action if predicted else None)


def intent_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Return the marks of the intent: a wrong one counts as a missed gold label and a spurious predicted label."""
    return class_marks(reference.intent, predicted.intent if predicted else None)


def intent_accuracy_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Return whether the intent is right, whatever its label; a missing answer counts like a wrong one."""
    return accuracy_marks(predicted is not None and predicted.intent == reference.intent)
