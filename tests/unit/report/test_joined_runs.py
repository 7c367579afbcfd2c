"""Several runs on one page: their models keep apart, and are compared where they answered one test."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Utterance, write_manifest
from eartune.errors import InputError
from eartune.report import write_comparison
from eartune.report.answers import RunAnswers
from eartune.report.joined_runs import joined_runs
from eartune.report.result import write_result
from eartune.report.scheme_result import join_seeds
from eartune.report.speech_curve import fit_schemes, scheme_settings
from eartune.run_folder import RunFolder
from eartune.tasks.prediction import Prediction, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus

GOLD, WRONG = SemanticFrame("order", (Entity("size", "small"),)), SemanticFrame("order", ())


@pytest.fixture
def make_run(tmp_path: Path, cell):
    def make(name: str, text_only: float, right: int = 20, words: str = "a small one") -> Path:
        folder = tmp_path / name
        write_manifest(RunFolder(folder).references, [Utterance(f"u{n}", words, "en", GOLD) for n in range(40)])
        settings = {"task": {"type": "slu"}, "grid": {"schemes": [{"type": "text-only"}, {"type": "curriculum"}]}}
        cells = [cell("text-only", None, text_only)]
        cells += [cell("curriculum", f"{n}%", 0.6 + n / 400, share=n / 100) for n in (5, 20, 100)]
        for result in cells:
            write_result(folder / result.name, replace(result, settings=settings))
            frames = [GOLD if n < right else WRONG for n in range(40)]
            predictions = [Prediction(f"u{n}", None, "", ParseStatus.OK, frame) for n, frame in enumerate(frames)]
            write_predictions(folder / result.name / "predictions.jsonl", predictions, SluTask())
        return folder

    return make


def test_models_of_two_runs_are_rows_of_their_own(make_run) -> None:
    runs = joined_runs([make_run("before", 0.4), make_run("after", 0.5)])
    rows = join_seeds(runs.results)
    assert [row.scheme for row in rows if row.budget is None] == ["text-only (after)", "text-only (before)"]
    assert {result.name.split("/")[0] for result in runs.results} == {"before", "after"}
    assert all(scheme_settings(row)["type"] == row.scheme_type for row in rows)


def test_each_curve_begins_at_the_text_only_model_of_its_own_run(make_run) -> None:
    runs = joined_runs([make_run("before", 0.4), make_run("after", 0.5)])
    fits = fit_schemes(join_seeds(runs.results), "slot_f1", None)
    begins = {one.scheme: one.curve.measurements[0].score for one in fits.curves}
    assert begins == {"curriculum (before)": 0.4, "curriculum (after)": 0.5}


def test_answers_to_one_test_are_compared_across_runs(make_run, tmp_path: Path) -> None:
    folders = [make_run("before", 0.4, right=10), make_run("after", 0.5, right=30)]
    write_comparison(folders, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "text-only (before) minus text-only (after)" in page
    data = json.loads(re.search(r'id="error-data">(.*?)</script>', page, re.DOTALL)[1])
    assert "before/text-only-seed0" in data["models"] and "after/text-only-seed0" in data["models"]


def test_other_tests_leave_the_tables(make_run, tmp_path: Path, cell) -> None:
    folders = [make_run("before", 0.4), make_run("after", 0.5)]
    write_manifest(RunFolder(folders[1]).references, [Utterance("x", "another", "en", GOLD)])
    assert RunAnswers.of_runs(tmp_path, folders, SluTask()) is None
    write_comparison(folders, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "text-only (before)" in page and "not compared answer by answer" in page


def test_a_test_in_another_order_is_the_same_test(make_run, tmp_path: Path) -> None:
    """The report ended in a ValueError, as answers were laid side by side in the orders of their files."""
    folders = [make_run("before", 0.4, right=10), make_run("after", 0.5, right=30)]
    write_comparison(folders, tmp_path / "in_order.html")
    for file in (RunFolder(folders[1]).references, *folders[1].glob("*/predictions.jsonl")):
        file.write_text("".join(reversed(file.read_text("utf-8").splitlines(keepends=True))), "utf-8")
    write_comparison(folders, tmp_path / "page.html")
    differences = [
        re.findall(r">text-only \(before\) minus text-only \(after\)<.*?</tr>", page, re.DOTALL)
        for page in (file.read_text("utf-8") for file in (tmp_path / "in_order.html", tmp_path / "page.html"))
    ]
    assert differences[0] and differences[0] == differences[1]


def test_other_recordings_of_the_same_sentences_are_another_test(make_run, tmp_path: Path) -> None:
    folders = [make_run("before", 0.4), make_run("after", 0.5)]
    for file in folders[1].glob("*/predictions.jsonl"):
        file.write_text(file.read_text("utf-8").replace('"file":null', '"file":"noisy.wav"'), "utf-8")
    assert "noisy.wav" in file.read_text("utf-8")
    write_comparison(folders, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "not compared answer by answer" in page and "minus text-only (after)" not in page


def test_what_cannot_be_told_apart_or_compared_is_refused(make_run, tmp_path: Path, cell) -> None:
    first, second = make_run("before", 0.4), make_run("more/before", 0.5)
    with pytest.raises(InputError, match="two of the runs are called 'before'"):
        joined_runs([first, second])
    other = tmp_path / "other"
    result = replace(cell("text-only", None, 0.4), main_metric="exact_match")
    write_result(other / result.name, result)
    with pytest.raises(InputError, match="different main metrics, slot_f1 and exact_match"):
        joined_runs([first, other])
