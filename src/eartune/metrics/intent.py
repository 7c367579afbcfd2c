"""Was it understood what is wanted? Counts of scenario, action and intent for one utterance.

A prediction of None is an utterance without a usable answer: its gold label is missed, and no label is spurious.
"""

from eartune.metrics.counts import HIT, MISSED, SPURIOUS, LabelCounts, accuracy_counts
from eartune.semantics import SemanticFrame


def scenario_counts(reference: SemanticFrame, predicted: SemanticFrame | None) -> LabelCounts:
    """A wrong scenario is missed under its gold label and spurious under the predicted one."""
    return _class_counts(reference.scenario, predicted.scenario if predicted else None)


def action_counts(reference: SemanticFrame, predicted: SemanticFrame | None) -> LabelCounts:
    """A wrong action is missed under its gold label and spurious under the predicted one."""
    return _class_counts(reference.action, predicted.action if predicted else None)


def intent_counts(reference: SemanticFrame, predicted: SemanticFrame | None) -> LabelCounts:
    """A wrong intent is missed under its gold label and spurious under the predicted one."""
    return _class_counts(reference.intent, predicted.intent if predicted else None)


def intent_accuracy_counts(reference: SemanticFrame, predicted: SemanticFrame | None) -> LabelCounts:
    """Right or wrong, whichever label it is; unlike `intent_counts`, no answer is as wrong as a wrong one."""
    return accuracy_counts(predicted is not None and predicted.intent == reference.intent)


def _class_counts(gold: str | None, predicted: str | None) -> LabelCounts:
    gold_label = gold or ""
    if predicted is None:
        return {gold_label: MISSED}
    return {gold_label: HIT} if predicted == gold_label else {gold_label: MISSED, predicted: SPURIOUS}
