"""How much speech is enough: which schemes have a curve, what is said of it, and what is missing otherwise."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from eartune.cli.app import app
from eartune.cli.enough import read_source
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Utterance, write_manifest
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, evaluate, score_covariance
from eartune.evaluation.metrics.frame_metrics import frame_metrics
from eartune.report.answers import RunAnswers
from eartune.report.enough import Wish, further, how_much, missing
from eartune.report.free_speech import free_speech_of, what_it_bought
from eartune.report.result import write_result
from eartune.report.scheme_result import join_seeds
from eartune.report.score_table import read_score_table
from eartune.report.speech_curve import fit_schemes
from eartune.run_folder import RunFolder
from eartune.tasks.prediction import Prediction, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus

NOTHING = Wish()
BUDGETS = {"5%": (0.05, 0.80), "20%": (0.2, 0.88), "100%": (1.0, 0.93)}


@pytest.fixture
def curriculum(cell):
    """Text alone and three budgets of the curriculum."""
    spoken = [cell("curriculum", budget, score, share=share) for budget, (share, score) in BUDGETS.items()]
    return [cell("text-only", None, 0.68), *spoken]


def fitted(results, answers=None):
    return fit_schemes(join_seeds(results), "slot_f1", answers)


def said(results, wish: Wish = NOTHING) -> str:
    return " ".join(how_much(fitted(results), "slot_f1", wish).sentences).replace("\u00a0", " ")


def test_a_curve_begins_at_text_alone_and_has_the_recordings_of_each_budget(curriculum) -> None:
    (one,) = fitted(curriculum).curves
    assert [(point.amount, point.score) for point in one.curve.measurements] == [
        (0, 0.68),
        (17, 0.80),
        (68, 0.88),
        (340, 0.93),
    ]
    assert one.hours_of_one == pytest.approx(0.8 / 340)
    assert one.curve.measurements[0].deviation == pytest.approx(0.04 / 1.96, rel=0.01)


def test_recordings_are_counted_where_an_utterance_has_several(curriculum) -> None:
    several = [replace(one, speech_recordings=4 * one.speech_utterances) for one in curriculum]
    (one,) = fitted(several).curves
    assert [point.amount for point in one.curve.measurements] == [0, 68, 272, 1360]
    assert one.hours_of_one == pytest.approx(0.8 / 1360)


def test_nothing_is_to_be_recorded_where_something_else_comes_first(curriculum) -> None:
    sentences = how_much(fitted(curriculum), "slot_f1", is_to_record=False).sentences
    assert "then run again" in said(curriculum) and not any("then run again" in one for one in sentences)


def test_the_report_says_what_more_recordings_bring_and_what_a_target_needs(curriculum) -> None:
    text = said(curriculum, Wish(target=0.95, cost=0.5))
    assert "The curriculum has the highest curve, 92." in text
    assert "with 340 recordings. 85 more recordings: +" in text
    assert "To reach 95 %, the curriculum needs " in text
    assert "of speech, at a price of " in text
    assert "then run again" in text
    assert "In hindsight: the smaller budgets alone forecast" in text


def test_the_number_for_a_target_is_the_curves(curriculum) -> None:
    (one,) = fitted(curriculum).curves
    needed = one.curve.amount_for(0.94)
    assert 340 < needed.value < 1700
    assert f"{needed.value:,.0f}"[0] in said(curriculum, Wish(target=0.94)).split("needs ")[1][:2]


def test_a_target_that_is_reached_needs_nothing_and_one_too_high_has_no_number(curriculum) -> None:
    reached, beyond = said(curriculum, Wish(target=0.7)), said(curriculum, Wish(target=0.9999))
    assert "No further recording is needed" in reached
    assert "needs > 5 x 340 recordings, so that no number can be named" in beyond


def test_amounts_are_forecast_up_to_five_times_the_largest(curriculum) -> None:
    (one,) = fitted(curriculum).curves
    assert further(one) == (85, 340, 1360)


def test_recordings_are_whole_and_hours_are_not(tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    for column, amounts in (("recordings", (1, 3, 12)), ("hours", (0.75, 3, 12))):
        file.write_text(f"{column},score\n1,60\n2,70\n3,80\n", encoding="utf-8")
        (one,) = read_score_table(file).curves
        assert further(one) == amounts
        assert one.curve.amount_for(0.85).value % 1
        assert missing(one, 0.85) == 5


def test_what_the_largest_amount_measured_is_reached(tmp_path: Path) -> None:
    file = tmp_path / "lucky.csv"
    file.write_text("recordings,score\n0,60\n10,70\n20,75\n40,90\n", encoding="utf-8")
    text = " ".join(how_much(read_score_table(file), "score", Wish(target=0.9)).sentences).replace("\u00a0", " ")
    assert "by its curve; but it is reached, as 90.0 % was measured with 40 recordings" in text
    assert "No further recording is needed for that" in text


def test_a_perfect_score_is_inside_its_forecast_and_reaches_any_target(tmp_path: Path) -> None:
    file = tmp_path / "perfect.csv"
    file.write_text("recordings,score\n0,60\n10,100\n20,100\n40,100\n80,100\n", encoding="utf-8")
    (one,) = read_score_table(file).curves
    assert one.curve.amount_for(0.9999).value <= 80
    assert one.hindsight is not None
    assert replace(one.hindsight, forecast=one.curve.score(80)).is_inside


def test_too_few_budgets_and_a_missing_text_only_model_are_one_sentence_each(curriculum, cell) -> None:
    assert "it has scores at 2 of the 3 budgets" in said(curriculum[:-1])
    assert "add `type: text-only` to grid.schemes" in said(curriculum[1:])
    other = [cell("direct-mixing", "5%", 0.7, share=0.05)]
    assert "No forecast for direct mixing: it has scores at 1 of the 3" in said([*curriculum, *other])
    two = [*other, cell("distilled", "5%", 0.7, share=0.05)]
    assert "No forecast for direct mixing and distilled: they have scores at 1 of the 3" in said([*curriculum, *two])


def test_a_failed_or_unfinished_model_is_no_budget(curriculum) -> None:
    failed = replace(curriculum[-1], status="failed", scores={}, error="out of memory")
    assert "it has scores at 2 of the 3 budgets" in said([*curriculum[:-1], failed])


def test_a_scheme_with_synthetic_speech_begins_at_synthetic_speech(curriculum, cell) -> None:
    grid = {"grid": {"schemes": [{"type": "curriculum", "synthetic": True}]}}
    results = [replace(one, settings=grid) for one in curriculum]
    assert "add `type: synthetic-speech` to grid.schemes" in said(results)
    synthetic = cell("synthetic-speech", None, 0.75)
    (one,) = fitted([*results, synthetic]).curves
    assert one.curve.measurements[0].score == 0.75


def test_the_highest_curve_comes_first(curriculum, cell) -> None:
    lower = [cell("direct-mixing", b, score - 0.05, share=share) for b, (share, score) in BUDGETS.items()]
    fits = fitted([*curriculum, *lower])
    assert [one.scheme for one in fits.curves] == ["curriculum", "direct-mixing"]
    table = how_much(fits, "slot_f1", Wish(cost=2)).gains
    assert table is not None
    assert [line[0] for line in table.lines] == ["curriculum"] * 4 + ["direct-mixing"] * 4
    assert table.lines[1][-1] == "170.00"


def test_hindsight_leaves_out_the_largest_budget(curriculum) -> None:
    (one,) = fitted(curriculum).curves
    assert one.hindsight is not None
    assert (one.hindsight.budget, one.hindsight.measured) == ("100%", 0.93)
    lifted = [*curriculum[:-1], replace(curriculum[-1], scores=curriculum[0].scores)]
    (other,) = fitted(lifted).curves
    assert other.hindsight is not None
    assert other.hindsight.forecast.value == pytest.approx(one.hindsight.forecast.value)
    assert not other.hindsight.is_inside


def test_scores_that_jump_are_not_forecast_in_silence(curriculum, cell) -> None:
    jumping = [
        cell("text-only", None, 0.4),
        *(cell("curriculum", b, s, share=x) for b, x, s in (("1%", 0.01, 0.9), ("10%", 0.1, 0.2), ("100%", 1.0, 0.95))),
    ]
    assert "jump from amount to amount" in said(jumping)
    assert "jump" not in said(curriculum)


def test_answers_to_one_test_are_drawn_together(tmp_path: Path, curriculum) -> None:
    """Models that fail at the same sentences differ more surely than their intervals say, which the gain shows."""
    gold, wrong = SemanticFrame("order", (Entity("size", "small"),)), SemanticFrame("order", (Entity("size", "big"),))
    write_manifest(RunFolder(tmp_path).references, [Utterance(f"u{n}", "a small one", "en", gold) for n in range(100)])
    results = []
    for result in curriculum:
        right = round(100 * result.scores["slot_f1"].value)
        frames = [gold if n < right else wrong for n in range(100)]
        scores = evaluate([Answered(gold, frame, f"u{n}") for n, frame in enumerate(frames)])
        results.append(replace(result, scores=scores))
        write_predictions(
            tmp_path / result.name / "predictions.jsonl",
            [Prediction(f"u{n}", None, "", ParseStatus.OK, frame) for n, frame in enumerate(frames)],
            SluTask(),
        )
    answers = RunAnswers.of_run(tmp_path, SluTask())
    (alone,), (together,) = fitted(results).curves, fitted(results, answers).curves
    spans = [one.high - one.low for one in (alone.curve.gain(17, 300), together.curve.gain(17, 300))]
    assert spans[1] < spans[0]


def test_a_table_of_scores_is_read(tmp_path: Path) -> None:
    file = tmp_path / "ours.csv"
    file.write_text("recordings,score\n0,68.2\n7,78.6\n7,80.6\n33,92.4\n66,96.3\n", encoding="utf-8-sig")
    (one,) = read_score_table(file).curves
    assert [point.amount for point in one.curve.measurements] == [0, 7, 33, 66]
    assert one.curve.measurements[1].score == pytest.approx(0.796)
    assert one.curve.measurements[1].deviation == pytest.approx(0.01)
    assert one.hindsight is not None


def test_errors_in_hours_are_read(tmp_path: Path) -> None:
    file = tmp_path / "wer.csv"
    file.write_text("hours,error,deviation\n0.5,0.4,0.01\n1,0.3,0.01\n2,0.22,0.01\n", encoding="utf-8")
    fits = read_score_table(file)
    assert fits.curves[0].curve.measurements[0].score == pytest.approx(0.6)
    assert fits.curves[0].hindsight is None
    text = " ".join(how_much(fits, "score").sentences)
    assert "with 2 hours. 0.5 more hours: +" in text


@pytest.mark.parametrize(
    "rows",
    [
        "recordings;score\n0;60\n7;70\n\n33;80\n",
        "recordings\tScore\r\n0\t60\r\n7\t70\r\n33\t80\r\n",
        "Recordings, Score\n0, 60\n7, 70\n33, 80",
        "recordings,score,\n0,60,,\n7,70,,\n33,80,, ",
    ],
    ids=["semicolons and an empty row", "tabs", "blanks", "empty columns at the end"],
)
def test_a_table_may_be_written_as_spreadsheets_do(tmp_path: Path, rows: str) -> None:
    """It asked for columns that the table had."""
    (tmp_path / "ours.csv").write_bytes(rows.encode())
    (one,) = read_score_table(tmp_path / "ours.csv").curves
    assert [(point.amount, point.score) for point in one.curve.measurements] == [(0, 0.6), (7, 0.7), (33, 0.8)]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: is neither a run's folder nor a file"):
        read_source(tmp_path / "nowhere.csv", None, Wish())


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("hours,score,score\n0,60,1\n", "has the column 'score' twice"),
        ("hours,score\n0,60\n\n5,high\n", "row 4: score must be a number"),
        ("amount,score\n0,0.5\n", "has 1 different amounts"),
        ("n,score\n0,0.5\n", 'must name the columns "recordings"'),
        ("amount,score\n0,0.5\n5,high\n", "row 3: score must be a number, not 'high'"),
        ("amount,score\n0,0.5\n-5,0.6\n", "row 3: amount must be a number from 0"),
        ("amount,score\n0,50\n5,160\n", "row 3: the score must be from 0 to 100, not 160"),
        ("hours,error\n0,120\n5,60\n", "row 2: the error must be from 0 to 100, not 120"),
        ("hours,score,deviation\n0,60,1\n1,70,100\n2,80,1\n", "row 3: the deviation must be below 50, .* not 100"),
        ("hours,error,deviation\n0,0.6,2\n", "row 2: the deviation must be below 0.5, as the errors are from 0 to 1,"),
        ("hours,score,deviation\n0,0.6,0.5\n", "row 2: the deviation must be below 0.5"),
        ("hours,score\n0,50\n1e300,60\n1e308,70\n", "row 3: hours must be 0 or from 1e-06 to 1e\\+12, not 1e\\+300"),
        ("hours,score\n0,50\n1e-300,60\n", "row 3: hours must be 0 or from 1e-06"),
        ("amount,score\n0,0.5\n5,\n", "row 3: needs amount and a score"),
        ("amount,score\n0,50\n1,000,60\n", "row 3: has 3 cells, the first line 2; write numbers without separators"),
        ("amount,score,\n0,50,\n1,000,60\n", "row 3: has 3 cells, the first line 2"),
        ("", "must name the columns"),
        ("hours,score\n0,50\n".encode("utf-16"), "is not UTF-8 but looks like UTF-16; save it as UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence(tmp_path: Path, rows: str | bytes, sentence: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(rows if isinstance(rows, bytes) else rows.encode())
    with pytest.raises(InputError, match=sentence):
        read_score_table(file)


@pytest.mark.parametrize(
    "rows",
    [
        "5,100\n10,100\n20,100\n",
        "0,0\n10,0\n20,0\n",
        "0,0\n0,100\n10,0\n10,100\n20,0\n20,100\n",
        "0,60,49.9\n10,70,49.9\n20,80,49.9\n",
        "0,50\n1e-6,60\n1e12,70\n",
    ],
    ids=["all right", "nothing right", "seeds as far apart as can be", "hardly known", "amounts far apart"],
)
def test_extreme_scores_have_a_forecast_without_a_warning(tmp_path: Path, rows: str) -> None:
    file = tmp_path / "extreme.csv"
    file.write_text(f"hours,score,deviation\n{rows}", encoding="utf-8")
    assert "has the highest curve" in " ".join(how_much(read_score_table(file), "score").sentences)


def test_the_covariance_of_systems_is_that_of_their_draws() -> None:
    """Two copies of one system have one variance; independent ones have about none in common."""
    gold, wrong = SemanticFrame("a", ()), SemanticFrame("b", ())
    random = np.random.default_rng(0)
    said_by = [[gold if right else wrong for right in random.random(400) < 0.7] for _ in range(2)]
    rows = [[Answered(gold, frame, str(n)) for n, frame in enumerate(said)] for said in (*said_by, said_by[0])]
    found = score_covariance(rows, frame_metrics([gold]), "intent_accuracy")
    assert found[0, 0] == pytest.approx(0.7 * 0.3 / 400, rel=0.2)
    assert found[0, 2] == pytest.approx(found[0, 0])
    assert abs(found[0, 1]) < 0.2 * found[0, 0]


def test_what_synthetic_voices_bought_is_said_in_recordings(curriculum, cell) -> None:
    schemes = [{"type": "curriculum"}, {"type": "curriculum", "name": "both", "synthetic": True}]
    grid = {"grid": {"schemes": schemes}}
    both = cell("both", "5%", 0.88, share=0.05, scheme_type="curriculum")
    alone = cell("synthetic-speech", None, 0.95)
    results = [replace(one, settings=grid) for one in (*curriculum, both, alone)]
    rows = join_seeds(results)
    first, second = what_it_bought(rows, fit_schemes(rows, "slot_f1", None).curves, "slot_f1")
    assert first.startswith("Synthetic voices: without any recording synthetic speech reaches 95.0")
    assert second.startswith("Synthetic voices: with 17 recordings both reaches 88.0")
    # 88 % is what the curriculum has with 68 recordings.
    saved = int(second.rpartition(": ")[2].split()[0])
    assert 30 < saved < 80
    assert what_it_bought(join_seeds(curriculum), fitted(curriculum).curves, "slot_f1") == ()


def test_speech_that_costs_nothing_is_known_by_its_scheme(cell) -> None:
    grid = {"grid": {"schemes": [{"type": "self-training"}]}}
    (row,) = join_seeds([replace(cell("self-training", "5%", 0.8, share=0.05), settings=grid)])
    assert free_speech_of(row) == "recordings without labels"


def test_the_terminal_asks_for_no_recordings_where_a_cascade_does_as_well(tmp_path: Path, curriculum, cell) -> None:
    """It advises what the page does; the curve alone would name a next round."""
    results = [*curriculum, cell("cascade", None, 0.95, scheme_type="cascade")]
    for result in results:
        write_result(tmp_path / result.name, result)
    found = sentences_about(tmp_path)
    assert found[0].startswith("Record nothing yet")
    assert not any("then run again" in sentence for sentence in found)
    found = sentences_about(tmp_path, "--target", "96")  # which the cascade does not reach
    assert any("then run again" in sentence for sentence in found)
    (tmp_path / results[-1].name / "result.json").unlink()
    found = sentences_about(tmp_path)
    assert any("then run again" in sentence for sentence in found)


def test_a_run_without_budgets_is_told_what_to_add(tmp_path: Path, cell) -> None:
    """It printed nothing."""
    for result in (cell("text-only", None, 0.7), cell("cascade", None, 0.9, scheme_type="cascade")):
        write_result(tmp_path / result.name, result)
    assert any("and budgets to grid.budgets, such as [10%, 30%, 100%]" in one for one in sentences_about(tmp_path))


def sentences_about(run: Path, *options: str) -> list[str]:
    """What the command says of a run."""
    found = json.loads(CliRunner().invoke(app, ["enough", str(run), "--json", *options]).output)
    return [str(sentence) for sentence in found["sentences"]]
