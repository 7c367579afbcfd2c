"""Was it understood what is wanted? Scenario, action and intent of one utterance.

A prediction of None is an utterance without a usable answer: its gold label is missed, and no label is spurious.
"""

from eartune.data.frame import SemanticFrame
from eartune.evaluation.metrics.counts import Marks, accuracy_marks, class_marks


def scenario_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """A wrong scenario is missed under its gold label and spurious under the predicted one."""
    return class_marks(reference.scenario or "", predicted.scenario if predicted else None)


def action_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """A wrong action is missed under its gold label and spurious under the predicted one."""
    return class_marks(reference.action or "", predicted.action if predicted else None)


def intent_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """A wrong intent is missed under its gold label and spurious under the predicted one."""
    return class_marks(reference.intent, predicted.intent if predicted else None)


def intent_accuracy_marks(reference: SemanticFrame, predicted: SemanticFrame | None) -> Marks:
    """Right or wrong, whichever label it is; unlike in `intent_marks`, a missing answer counts like a wrong one."""
    return accuracy_marks(predicted is not None and predicted.intent == reference.intent)
