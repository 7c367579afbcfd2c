"""The metrics of semantic frames: those of SLURP's scorer, and those of corpora with an intent alone."""

from collections.abc import Sequence

from eartune.data.frame import SemanticFrame
from eartune.evaluation.metrics.definitions import DEFINITIONS
from eartune.evaluation.metrics.entities import char_marks, span_marks, word_marks
from eartune.evaluation.metrics.exact_match import exact_match_marks
from eartune.evaluation.metrics.intent import action_marks, intent_accuracy_marks, intent_marks, scenario_marks
from eartune.evaluation.metrics.metric import Measure, Metric, Metrics


def _metric(name: str, *measures: Measure, macro: bool = False) -> dict[str, Metric]:
    return {name: Metric(DEFINITIONS[name], measures, macro)}


SCENARIO_METRICS: Metrics = {
    **_metric("scenario_f1", scenario_marks),
    **_metric("action_f1", action_marks),
    **_metric("intent_f1", intent_marks),
    **_metric("intent_accuracy", intent_accuracy_marks),
    **_metric("intent_macro_f1", intent_marks, macro=True),
    **_metric("entity_f1", span_marks),
    **_metric("word_f1", word_marks),
    **_metric("char_f1", char_marks),
    **_metric("slu_f1", word_marks, char_marks),  # the F1 of the sums, not the mean of the two F1s
    **_metric("exact_match", exact_match_marks),
}
# Corpora of a single domain, such as coffee orders and SNIPS, name no scenario and no action.
INTENT_METRICS: Metrics = {
    **_metric("intent_accuracy", intent_accuracy_marks),
    **_metric("intent_macro_f1", intent_marks, macro=True),
    **_metric("slot_f1", span_marks),
    **_metric("exact_match", exact_match_marks),
}


def frame_metrics(references: Sequence[SemanticFrame]) -> Metrics:
    """Return the metrics for these references; raises ValueError if only some of them have a scenario."""
    with_scenario = sum(reference.scenario is not None for reference in references)
    if 0 < with_scenario < len(references):
        raise ValueError(
            f"{with_scenario} of {len(references)} references name a scenario and the others do not; "
            "evaluate the two kinds of corpus separately"
        )
    return SCENARIO_METRICS if with_scenario else INTENT_METRICS
