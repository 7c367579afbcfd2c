"""The first sentences of a report with a cascade: what it reaches without recordings, and which budgets beat it.

A cascade is what a product can have without a recording, so that every gain from recordings is held against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eartune.evaluation.metrics import Score
from eartune.report.differences import Comparison, find_comparison
from eartune.report.scheme_result import SchemeResult
from eartune.report.wording import metric_name, with_interval
from eartune.training.scheme import SELF
from eartune.wording import PERCENT, listed, percent


@dataclass(frozen=True)
class _Basis:
    """How it is said whether a model is better than the cascade, by what decides it."""

    is_better: str
    best_is: str
    sides: dict[int, str]


_TESTED = _Basis(
    "is significantly better in paired tests",
    "The best model at each budget is",
    {1: "significantly better", 0: "not significantly different", -1: "significantly worse"},
)
_PARTLY_TESTED = _Basis(
    "is better in a paired test, or by its interval where its answers are not at hand",
    "By these, the best model at each budget is",
    {1: "better", 0: "not to be told apart", -1: "worse"},
)
_BY_INTERVALS = _Basis(
    "has an interval entirely above that of the cascade",
    "By the intervals, the best model at each budget is",
    {1: "better", 0: "not to be told apart", -1: "worse"},
)


@dataclass(frozen=True)
class _Judged:
    """A model that was trained on recordings, beside the cascade."""

    row: SchemeResult
    score: Score
    side: int
    """1 if it is better than the cascade, -1 if it is worse, 0 if that is not decided."""

    @property
    def budget(self) -> str:
        return str(self.row.budget).replace("%", PERCENT)


def headline(rows: Sequence[SchemeResult], metric: str, comparisons: Sequence[Comparison] = ()) -> str:
    """Return what the best cascade reaches and how the best model of each budget compares; empty without a cascade.

    Paired tests decide, corrected for all comparisons of the report, or intervals where only a score is at hand.
    """
    scored = [(row, score) for row in rows if (score := row.score(metric)) is not None]
    cascades = [pair for pair in scored if pair[0].role == "transcript reference" and pair[0].budget is None]
    if not cascades:
        return ""
    cascade, reached = max(cascades, key=lambda pair: pair[1].value)
    sentence = (
        f"Without a single recording to learn the task from, {cascade.prose_name} ({_what_is_read(cascade)}) reaches "
        f"{with_interval(reached, PERCENT)} {metric_name(metric)}"
    )
    spoken = sorted((pair for pair in scored if pair[0].budget is not None), key=lambda pair: pair[0].share)
    compared = [(row, score, find_comparison(comparisons, cascade, row)) for row, score in spoken]
    judged = [
        _Judged(row, score, _side_of_intervals(reached, score) if test is None else _side_of_test(test))
        for row, score, test in compared
    ]
    best = _best_of_budgets(judged)
    if not best:
        return f"{sentence}."
    n_tested = sum(test is not None for _, _, test in compared)
    basis = _TESTED if n_tested == len(compared) else _PARTLY_TESTED if n_tested else _BY_INTERVALS
    return f"{sentence}; {_what_is_better(best)} {basis.is_better}. {_each_budget(best, basis)}"


def _what_is_read(cascade: SchemeResult) -> str:
    """Whose transcript is read, as the settings of the run say it."""
    schemes = cascade.finished[0].settings.get("grid", {}).get("schemes", ())
    recognisers = [one.get("asr") for one in schemes if (one.get("name") or one.get("type")) == cascade.label]
    asr = recognisers[0] if recognisers else None
    whose = {None: "a recogniser's transcript", SELF: "the untuned model's own transcript"}
    return f"{whose.get(asr, f'the transcript of {asr}')}, read by the model tuned on text alone"


def _side_of_test(one: Comparison) -> int:
    return 0 if not one.is_significant else 1 if one.difference.value > 0 else -1


def _side_of_intervals(cascade: Score, other: Score) -> int:
    return int(other.low > cascade.high) - int(other.high < cascade.low)


def _best_of_budgets(models: Sequence[_Judged]) -> list[_Judged]:
    """The best model of each budget: one that is better than the cascade, if there is any."""
    budgets = dict.fromkeys(model.row.budget for model in models)
    groups = ([model for model in models if model.row.budget == budget] for budget in budgets)
    return [max(group, key=lambda model: (model.side > 0, model.score.value)) for group in groups]


def _what_is_better(best: Sequence[_Judged]) -> str:
    """The subject of the sentence about models that are better than the cascade, and at which budgets they are."""
    better = [model for model in best if model.side > 0]
    if not better:
        return "no model trained on recordings"
    if len(better) == len(best):
        where = "at every budget"
    elif len(better) > 1 and better == best[-len(better) :]:
        where = f"from {better[0].budget} on"
    else:
        where = f"only at {listed([model.budget for model in better])}"
    return f"{where} a model trained on recordings"


def _each_budget(best: Sequence[_Judged], basis: _Basis) -> str:
    groups = {said: [model for model in best if model.side == side] for side, said in basis.sides.items()}
    parts = [f"{said} at {listed([_named(model) for model in models])}" for said, models in groups.items() if models]
    return f"{basis.best_is} {', '.join(parts)}."


def _named(model: _Judged) -> str:
    return f"{model.budget} ({model.row.prose_name}, {percent(model.score.value)}{PERCENT})"
