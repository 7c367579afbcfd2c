"""`eartune enough`: forecast what more recordings bring, from the results of a run or a table of scores."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from eartune.cli.console import console as terminal
from eartune.errors import InputError
from eartune.evaluation.learning_curve import Forecast
from eartune.report.answers import RunAnswers
from eartune.report.diagnosis import evidence_of, record_nothing_yet
from eartune.report.differences import compare_schemes
from eartune.report.enough import Enough, Wish, effort, further, how_much, missing
from eartune.report.result import read_results
from eartune.report.scheme_result import by_architecture, join_seeds
from eartune.report.score_table import read_score_table
from eartune.report.speech_curve import Fits, SpeechCurve, fit_schemes
from eartune.report.table import metrics_of
from eartune.tables import terminal_table
from eartune.tasks.settings import read_task

COST_HELP = "The price of one recording, or of one hour where amounts are hours, in any currency."
NO_BUDGETS = (
    "No forecast: no scheme of this run was trained with several amounts of recordings; add the schemes `curriculum` "
    "and `text-only` to grid.schemes in the YAML, and budgets to grid.budgets, such as [10%, 30%, 100%]."
)


def enough(
    source: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run's folder, or a CSV file with the columns recordings and score.")
    ],
    target: Annotated[float | None, typer.Option(help="The score to reach, in percent.")] = None,
    cost: Annotated[float | None, typer.Option(help=COST_HELP)] = None,
    metric: Annotated[str | None, typer.Option(help="The metric; without it the main metric of the run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of sentences and tables.")] = False,
) -> None:
    """Forecast what more recordings bring, with 95 % intervals, and how many a target needs.

    Example: eartune enough runs/coffee --target 95 --cost 0.50
    """
    wish = read_wish(target, cost)
    fits, name, objections = read_source(source, metric, wish)
    answer = how_much(fits, name, wish, is_to_record=not objections)
    answer = replace(answer, sentences=(*objections, *answer.sentences))
    if as_json:
        print(json.dumps(_json(fits, name, wish, answer), indent=1))
    else:
        _print(answer)


def read_wish(target: float | None, cost: float | None) -> Wish:
    """Return the wish; raises InputError for a target that is no percentage, or a price that is none."""
    if target is not None and not 0 < target < 100:
        raise InputError(f"--target must be a percentage above 0 and below 100, not {target:g}")
    if cost is not None and not 0 <= cost < math.inf:
        raise InputError(f"--cost must be a number from 0, not {cost:g}")
    return Wish(None if target is None else target / 100, cost)


def read_source(source: Path, metric: str | None, wish: Wish) -> tuple[Fits, str, tuple[str, ...]]:
    """Return the fitted curves of a run or a table, their metric, and why nothing should be recorded yet, if so.

    Raises InputError for a metric that the run does not have.
    """
    if source.is_file():
        return read_score_table(source), metric or "score", ()
    if not source.exists():
        raise InputError(f"{source}: is neither a run's folder nor a file")
    results = read_results(source)
    known = metrics_of(results)
    if metric is not None and metric not in known:
        raise InputError(f"{source}: has no metric {metric!r}; it has {', '.join(known)}")
    name = metric or known[0]
    answers = RunAnswers.of_run(source, read_task(results[0].settings.get("task", {})))
    rows = join_seeds(results)
    fits, compared = fit_schemes(rows, name, answers), compare_schemes(answers, rows, name)
    if not fits.curves and not fits.missing:
        fits = replace(fits, missing=(NO_BUDGETS,))
    evidence = evidence_of(by_architecture(rows), name, compared, answers, fits, wish)
    objections = dict.fromkeys(said for one in evidence if (said := record_nothing_yet(one)))
    return fits, name, tuple(objections)


def _print(answer: Enough) -> None:
    console = terminal()
    for sentence in answer.sentences:
        console.print(sentence)
    for table in (answer.gains, answer.hindsight):
        if table:
            console.print()
            console.print(terminal_table(table))


def _json(fits: Fits, metric: str, wish: Wish, answer: Enough) -> dict[str, Any]:
    return {
        "metric": metric,
        "sentences": list(answer.sentences),
        "schemes": [_curve_json(one, wish) for one in fits.curves],
        "missing": list(fits.missing),
    }


def _curve_json(one: SpeechCurve, wish: Wish) -> dict[str, Any]:
    """The numbers of one curve; an amount beyond the horizon is null, and has neither length nor price."""
    found: dict[str, Any] = {
        "scheme": one.scheme,
        "unit": one.unit,
        "amount": one.amount,
        "erratic": one.curve.is_erratic,
        "limit": asdict(one.curve.limit),
        "forecasts": [
            {
                "amount": one.amount + more,
                "score": asdict(one.curve.score(one.amount + more)),
                "one_model": asdict(one.curve.model_score(one.amount + more)),
                "gain": asdict(one.curve.gain(one.amount, more)),
                **effort(one, more, wish),
            }
            for more in (0.0, *further(one))
        ],
    }
    if wish.target is not None:
        more = missing(one, wish.target)
        found["target"] = {
            "score": wish.target,
            "amount": _finite(one.curve.amount_for(wish.target)),
            "is_measured": one.score >= wish.target,
            **(effort(one, more, wish) if math.isfinite(more) else {}),
        }
    if one.hindsight:
        found["hindsight"] = asdict(one.hindsight) | {"inside": one.hindsight.is_inside}
    return found


def _finite(needed: Forecast) -> dict[str, float | None]:
    return {name: value if value < float("inf") else None for name, value in asdict(needed).items()}
