"""The parts of a page that look at single answers and stages: errors, labels, confusions, confidence, training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eartune.report.answers import RunAnswers
from eartune.report.confidence import ConfidenceSection, confidence_section
from eartune.report.confusions import Confusions, find_confusions
from eartune.report.error_table import ErrorSection, error_section
from eartune.report.label_scores import label_table, shown_side_by_side
from eartune.report.scheme_result import SchemeResult
from eartune.report.training_curve import StageCurve, training_curves
from eartune.tables import Table


@dataclass(frozen=True)
class Details:
    """What can be said of a run whose answers are at hand; nothing of one that left only its results."""

    errors: ErrorSection | None = None
    labels: Table | None = None
    confusions: Confusions | None = None
    confidence: ConfidenceSection | None = None
    training: tuple[StageCurve, ...] = ()


def details_of(
    answers: RunAnswers,
    rows: Sequence[SchemeResult],
    closely: Sequence[SchemeResult],
    metric: str,
    place: Path | None = None,
) -> Details:
    """Return the details of a run; of the rows `closely`, the best model by `metric` is looked at most closely.

    `place` is the folder of the page, from which it links recordings; by default that of the answers.
    """
    side_by_side = shown_side_by_side(closely, metric)
    if not side_by_side:
        return Details()
    best = side_by_side[-1]
    return Details(
        errors=error_section(answers, rows, side_by_side, place or answers.folder.path),
        labels=None if answers.are_free else label_table(answers, side_by_side),
        confusions=None if answers.are_free else find_confusions(answers, best),
        confidence=None if answers.are_free else confidence_section(answers, best),
        training=training_curves(answers.folder, [result for row in rows for result in row.finished]),
    )
