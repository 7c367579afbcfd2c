"""Schemes are compared answer by answer, and what chance could bring is not called a difference."""

from dataclasses import replace
from pathlib import Path

import pytest

from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Utterance, write_manifest
from eartune.evaluation.metrics import Answered, evaluate
from eartune.report.differences import REFERENCES, compare_rows, difference_notes, differences_table
from eartune.report.page import write_report
from eartune.report.result import write_result
from eartune.report.row import Row, join_seeds
from eartune.report.summary import answer
from eartune.tasks.prediction import Prediction, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus

N = 60
GOLD = SemanticFrame("order", (Entity("size", "small"),))
WRONG = SemanticFrame("order", (Entity("size", "large"),))

CELLS = {  # how many of 60 are right: from the first on, so that worse systems fail where better ones do
    ("text-only", None, 0): 30,
    ("direct-mixing", "5%", 0): 32,
    ("direct-mixing", "100%", 0): 45,
    ("curriculum", "5%", 0): 45,
    ("curriculum", "100%", 0): 46,
}


@pytest.fixture
def run_folder(tmp_path: Path, cell) -> Path:
    return made(tmp_path, cell, CELLS)


def made(folder: Path, cell, cells: dict) -> Path:
    """A run's folder, with scores that are those of its answers."""
    write_manifest(folder / REFERENCES, [Utterance(f"u{n}", "a small one", "en", GOLD) for n in range(N)])
    for (scheme, budget, seed), right in cells.items():
        share = {None: 0, "5%": 0.05, "100%": 1}[budget]
        said = [GOLD if n < right else WRONG for n in range(N)]
        scores = evaluate([Answered(GOLD, frame, f"u{n}") for n, frame in enumerate(said)])
        result = replace(cell(scheme, budget, 0.5, share=share, seed=seed), scores=scores)
        write_result(folder / result.name, result)
        predictions = [Prediction(f"u{n}", None, "", ParseStatus.OK, frame) for n, frame in enumerate(said)]
        write_predictions(folder / result.name / "predictions.jsonl", predictions, SluTask())
    return folder


def rows_of(folder: Path) -> tuple[Row, ...]:
    from eartune.report.result import read_results

    return join_seeds(read_results(folder))


def test_each_budget_is_compared_with_direct_mixing_and_each_line_with_text(run_folder: Path) -> None:
    compared = compare_rows(run_folder, rows_of(run_folder), "slot_f1", SluTask())
    assert [(one.second.key, one.first.key) for one in compared] == [
        (("curriculum", "5%"), ("direct-mixing", "5%")),
        (("curriculum", "100%"), ("direct-mixing", "100%")),
        (("direct-mixing", "5%"), ("text-only", None)),
        (("direct-mixing", "100%"), ("text-only", None)),
        (("curriculum", "5%"), ("text-only", None)),
        (("curriculum", "100%"), ("text-only", None)),
    ]


def test_a_paired_test_sees_what_intervals_hide(run_folder: Path) -> None:
    at_5, at_100, *_ = compare_rows(run_folder, rows_of(run_folder), "slot_f1", SluTask())
    assert at_5.difference.value == pytest.approx(13 / 60) and not at_5.difference.apart
    assert at_5.is_shown and not at_100.is_shown
    assert at_100.adjusted_p == 1


def test_the_answer_says_what_the_paired_tests_say(run_folder: Path) -> None:
    rows = rows_of(run_folder)
    text = answer(rows, "slot_f1", compare_rows(run_folder, rows, "slot_f1", SluTask())).replace("\u00a0", " ")
    assert "At 5 % the curriculum is 21.7 points above direct mixing" in text and "a real difference" in text
    assert "that paired tests show to be better than text-only tuning is 5 % (the curriculum)" in text
    assert "overlap" not in text


def test_the_report_shows_them(run_folder: Path) -> None:
    page = write_report(run_folder).read_text()
    assert "curriculum 5% less direct-mixing 5%" in page
    assert "curriculum 5% less direct-mixing 5%" in (run_folder / "report.md").read_text()


def test_without_the_answers_nothing_is_compared(run_folder: Path) -> None:
    (run_folder / REFERENCES).unlink()
    assert compare_rows(run_folder, rows_of(run_folder), "slot_f1", SluTask()) == ()
    assert "Differences" not in write_report(run_folder).read_text()


def test_seeds_that_disagree_widen_the_interval(tmp_path: Path, cell) -> None:
    cells = {("text-only", None, seed): 30 for seed in (0, 1)} | {
        ("curriculum", "5%", seed): right for seed, right in ((0, 31), (1, 45))
    }
    folder = made(tmp_path, cell, cells)
    (one,) = compare_rows(folder, rows_of(folder), "slot_f1", SluTask())
    assert one.seeds == 2 and one.difference.value == pytest.approx(8 / 60)
    assert one.difference.high - one.difference.low > 0.5  # t of one degree of freedom is 12.7
    assert "Seeds are pooled" in difference_notes([one])[-1]


def test_a_difference_below_what_the_test_resolves_is_named(run_folder: Path) -> None:
    one = compare_rows(run_folder, rows_of(run_folder), "slot_f1", SluTask())[0]
    small = replace(one, difference=replace(one.difference, value=0.01), adjusted_p=0.01)
    assert "probably overstated: curriculum 5% less direct-mixing 5%" in " ".join(difference_notes([small]))
    assert differences_table([small]).lines[0][3] == "0.010"
