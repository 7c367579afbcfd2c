"""Scores of each label and each kind of entity, with intervals, for the models that a report sets side by side.

answers in parts -> marks by label -> counts by sentence -> F1 with its interval -> table, the worst labels first
"""

from collections import Counter
from collections.abc import Sequence

from eartune.evaluation.metrics import Answered, Score
from eartune.evaluation.metrics.confidence import score_intervals
from eartune.evaluation.metrics.count_table import CountTable, count_table
from eartune.evaluation.metrics.counts import Mark, Marks
from eartune.evaluation.metrics.evaluate import clusters_of, value_of
from eartune.report.answers import RunAnswers
from eartune.report.result import RunResult
from eartune.report.scheme_result import SchemeResult
from eartune.report.wording import with_interval
from eartune.tables import Table
from eartune.tasks.task import Part
from eartune.wording import ABSENT

RESAMPLES = 2000


def shown_side_by_side(rows: Sequence[SchemeResult], metric: str) -> tuple[RunResult, ...]:
    """Return a model of text alone, one of a cascade and one of the best row with recordings, the best of all last.

    Without any of these it is the best row alone, and none if no model has finished.
    """
    scored = [(score.value, row) for row in rows if (score := row.score(metric)) is not None]
    if not scored:
        return ()
    spoken = sorted((pair for pair in scored if pair[1].budget is not None), key=lambda pair: pair[0])
    references = [pair for pair in scored if pair[1].role in ("text reference", "transcript reference")]
    chosen = sorted([*references, *spoken[-1:]], key=lambda pair: pair[0]) or [max(scored, key=lambda pair: pair[0])]
    return tuple(row.finished[0] for _, row in chosen)


def label_scores(answers: RunAnswers, result: RunResult) -> dict[str, Score]:
    """Return the F1 of each label and of each kind of entity by its name; empty if the answers are not at hand.

    They are computed once for each model of `answers`.
    """
    if result.name not in answers.label_scores:
        answers.label_scores[result.name] = _scores_of(answers, answers.answered(result))
    return answers.label_scores[result.name]


def label_table(answers: RunAnswers, results: Sequence[RunResult]) -> Table | None:
    """Return a table of the test's labels with a column for each model, the worst labels of the last model first.

    None if no answers are at hand.
    """
    scored = [(result, found) for result in results if (found := label_scores(answers, result))]
    if not scored:
        return None
    best, occurs = scored[-1][1], _occurrences(answers)
    lines = tuple(
        (
            label,
            f"{count:,}",
            *(with_interval(found[label]) if label in found else ABSENT for _, found in scored),
        )
        for label, count in sorted(occurs.items(), key=lambda pair: best[pair[0]].value if pair[0] in best else 0.0)
    )
    return Table(("label", "n", *(f"{result.name} F1 %" for result, _ in scored)), lines, left=1)


def label_name(part: Part, is_label: bool) -> str:
    """Return the name under which a part is counted: a label with its value, an entity by its type alone."""
    return f"{part[0]}: {part[1]}" if is_label else part[0]


def _occurrences(answers: RunAnswers) -> Counter[str]:
    """The number of times that each label is right in the test."""
    counted: Counter[str] = Counter()
    for utterance in answers.test.values():
        parts = answers.task.parts(answers.task.reference(utterance))
        counted.update(label_name(part, place == 0) for place, part in enumerate(parts))
    return counted


def _marks(answers: RunAnswers, one: Answered) -> Marks:
    right = answers.task.parts(one.reference)
    said = () if one.predicted is None else answers.task.parts(one.predicted)
    names: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for parts, side in ((right, 0), (said, 1)):
        for place, part in enumerate(parts):
            counted = names.setdefault(label_name(part, place == 0), (Counter(), Counter()))
            counted[side][part[1]] += 1
    return [
        Mark(label, (gold & told).total(), (told - gold).total(), (gold - told).total())
        for label, (gold, told) in names.items()
    ]


def _scores_of(answers: RunAnswers, answered: Sequence[Answered]) -> dict[str, Score]:
    if not answered:
        return {}
    clusters = clusters_of(answered)
    table = count_table([_marks(answers, one) for one in answered], clusters.of_row, clusters.count, apart=True)
    alone = [
        CountTable((label,), table.counts[:, [place]])
        for place, label in enumerate(table.labels)
        if table.counts[:, place].any()
    ]
    intervals = score_intervals(alone, clusters.strata, RESAMPLES, seed=0)
    return {one.labels[0]: _score(one, *interval) for one, interval in zip(alone, intervals, strict=True)}


def _score(table: CountTable, low: float, high: float) -> Score:
    value = value_of(table)
    hits, spurious, missed = (float(count) for count in table.counts.sum(axis=(0, 1)))
    return Score(value, min(low, value), max(high, value), n=round(hits + spurious + missed))
