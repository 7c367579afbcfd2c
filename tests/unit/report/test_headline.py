"""A report with a cascade opens with it, and says at which budgets recordings are better, by test or by interval."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eartune.cli.app import app
from eartune.evaluation.metrics import Difference
from eartune.report.differences import Comparison
from eartune.report.headline import headline
from eartune.report.page import write_report
from eartune.report.result import RunResult, write_result
from eartune.report.scheme_result import SchemeResult, join_seeds
from eartune.report.summary import summarize
from eartune.run_folder import RunFolder

SHARES = {"5%": 0.05, "20%": 0.2, "100%": 1.0}
OPENING = (
    "Without a single recording to learn the task from, the cascade (a recogniser's transcript, read by the model "
    "tuned on text alone) reaches 80.0 % [76.0, 84.0] slot F1"
)


def results(cell, **of_budgets: tuple[float, ...]) -> list[RunResult]:
    """A cascade at 80 %, and two schemes at 5, 20 and 100 % of the speech."""
    found = [cell("text-only", None, 0.6), cell("cascade", None, 0.8)]
    for scheme, scores in of_budgets.items():
        name = scheme.replace("_", "-")
        found += [cell(name, b, f1, share=share) for (b, share), f1 in zip(SHARES.items(), scores, strict=True)]
    return found


def compared(rows: tuple[SchemeResult, ...], p: dict[tuple[str, str], float]) -> list[Comparison]:
    """Comparisons of the cascade with every row of a budget, of these p values; 1 where none is given."""
    (cascade,) = (row for row in rows if row.scheme == "cascade")
    found = []
    for row in (row for row in rows if row.budget is not None):
        before, after = cascade.score("slot_f1"), row.score("slot_f1")
        assert before is not None and after is not None
        value, tested = after.value - before.value, p.get((row.scheme, str(row.budget)), 1.0)
        width = 0.001 if tested < 0.05 else 0.1
        difference = Difference(value, value - width, value + width, 0.0, before, after)
        found.append(Comparison(cascade, row, 1, difference, tested))
    return found


def told(found: list[RunResult], p: dict[tuple[str, str], float] | None = None) -> str:
    rows = join_seeds(found)
    return headline(rows, "slot_f1", [] if p is None else compared(rows, p)).replace("\u00a0", " ")


def test_without_a_cascade_there_is_none(coffee) -> None:
    assert told(list(coffee)) == ""


def test_a_cascade_that_no_model_beats_is_said_first(cell) -> None:
    found = results(cell, curriculum=(0.7, 0.79, 0.82), direct_mixing=(0.65, 0.795, 0.81))
    worse = {("curriculum", "5%"): 0.001, ("direct-mixing", "5%"): 0.001}
    assert told(found, worse) == (
        f"{OPENING}; no model trained on recordings is significantly better in paired tests. The best model at each "
        "budget is not significantly different at 20 % (direct mixing, 79.5 %) and 100 % (the curriculum, 82.0 %), "
        "significantly worse at 5 % (the curriculum, 70.0 %)."
    )


def test_it_says_from_which_budget_on_recordings_are_better(cell) -> None:
    found = results(cell, curriculum=(0.81, 0.9, 0.95))
    assert told(found, {("curriculum", "20%"): 0.01, ("curriculum", "100%"): 0.01}) == (
        f"{OPENING}; from 20 % on a model trained on recordings is significantly better in paired tests. The best "
        "model at each budget is significantly better at 20 % (the curriculum, 90.0 %) and 100 % (the curriculum, "
        "95.0 %), not significantly different at 5 % (the curriculum, 81.0 %)."
    )


@pytest.mark.parametrize(
    ("better", "said"),
    [
        (["20%"], "only at 20 %"),
        (["100%"], "only at 100 %"),
        (["5%", "100%"], "only at 5 % and 100 %"),
        ([*SHARES], "at every budget"),
    ],
)
def test_budgets_that_are_better_here_and_there_are_named(cell, better: list[str], said: str) -> None:
    text = told(results(cell, curriculum=(0.9, 0.9, 0.9)), {("curriculum", budget): 0.01 for budget in better})
    assert f"; {said} a model trained on recordings is significantly better in paired tests. " in text


def test_a_budget_is_better_if_any_of_its_models_is(cell) -> None:
    """The one with the highest score need not be: it may have been compared over fewer seeds."""
    found = results(cell, curriculum=(0.7, 0.7, 0.91), direct_mixing=(0.7, 0.7, 0.9))
    text = told(found, {("direct-mixing", "100%"): 0.01})
    assert "only at 100 % a model" in text and "significantly better at 100 % (direct mixing, 90.0 %)" in text


def test_where_only_scores_are_at_hand_intervals_decide(cell) -> None:
    assert told(results(cell, curriculum=(0.7, 0.85, 0.95))) == (
        f"{OPENING}; only at 100 % a model trained on recordings has an interval entirely above that of the cascade. "
        "By the intervals, the best model at each budget is better at 100 % (the curriculum, 95.0 %), not to be told "
        "apart at 20 % (the curriculum, 85.0 %), worse at 5 % (the curriculum, 70.0 %)."
    )


def test_models_whose_answers_are_not_at_hand_are_judged_by_their_intervals(cell) -> None:
    """They were left out, and the others were called the best of the run."""
    found = results(cell, curriculum=(0.7, 0.85, 0.95))
    rows = join_seeds(found)
    tested = [one for one in compared(rows, {("curriculum", "5%"): 0.001}) if one.second.budget != "100%"]
    assert headline(rows, "slot_f1", tested).replace("\u00a0", " ") == (
        f"{OPENING}; only at 100 % a model trained on recordings is better in a paired test, or by its interval where "
        "its answers are not at hand. By these, the best model at each budget is better at 100 % (the curriculum, "
        "95.0 %), not to be told apart at 20 % (the curriculum, 85.0 %), worse at 5 % (the curriculum, 70.0 %)."
    )


def test_without_models_with_recordings_only_its_score_is_said(cell) -> None:
    assert told(results(cell)) == f"{OPENING}."


@pytest.mark.parametrize(
    ("asr", "said"),
    [
        ("self", "the untuned model's own transcript, read by the model tuned on text alone"),
        ("openai/whisper-tiny", "the transcript of openai/whisper-tiny, read by the model tuned on text alone"),
    ],
)
def test_it_says_whose_transcript_is_read_and_the_best_cascade_counts(cell, asr: str, said: str) -> None:
    schemes = [{"name": "heard", "type": "cascade", "asr": asr}, {"type": "cascade", "asr": "other"}]
    best = cell("heard", None, 0.9, scheme_type="cascade")
    best = replace(best, settings={"grid": {"schemes": schemes}})
    assert f"learn the task from, heard ({said}) reaches 90.0 %" in told([*results(cell), best])


def test_a_cascade_of_an_older_result_is_known_by_its_type(cell) -> None:
    """Its role was stored as "other" before reports opened with it."""
    older = cell("mine", None, 0.9, scheme_type="cascade", scheme_role="other")
    assert "mine (a recogniser's transcript" in told([older])


def test_the_summary_begins_with_it(cell) -> None:
    rows = join_seeds(results(cell, curriculum=(0.7, 0.85, 0.95)))
    text = summarize(rows, "slot_f1")
    assert text.startswith(headline(rows, "slot_f1") + " Text-only tuning reaches ")


def test_the_page_and_the_terminal_begin_with_it(tmp_path: Path, cell) -> None:
    for result in results(cell, curriculum=(0.7, 0.85, 0.95)):
        write_result(tmp_path / result.name, result)
    shown = " ".join(CliRunner().invoke(app, ["report", str(tmp_path)]).output.split())
    assert shown.startswith(" ".join(OPENING.split()))
    assert "# How" in (text := (tmp_path / "report.md").read_text())
    assert text.split("\n\n")[2].replace("\u00a0", " ").startswith(OPENING)


def test_a_report_without_a_cascade_leaves_no_headline_of_an_earlier_one(tmp_path: Path, cell) -> None:
    RunFolder(tmp_path).headline.write_text("The cascade reaches 80 %.")
    write_result(tmp_path / "text-only-seed0", cell("text-only", None, 0.6))
    write_report(tmp_path)
    assert RunFolder(tmp_path).read_headline() == ""
