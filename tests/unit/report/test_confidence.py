"""Confidence on a page: sentences and charts of what a model's own certainty is worth."""

from pathlib import Path

import pytest

from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Utterance, write_manifest
from eartune.report.answers import RunAnswers
from eartune.report.confidence import ConfidenceSection, confidence_section
from eartune.report.page import build_page, html
from eartune.report.result import write_result
from eartune.run_folder import RunFolder
from eartune.tasks.prediction import Prediction, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus

GOLD, WRONG = SemanticFrame("order", ()), SemanticFrame("stop", ())
N = 40


def section_of(folder: Path, cell, sure: list[float | None]) -> tuple[RunAnswers, ConfidenceSection | None]:
    """The section of a model whose 10 first answers are wrong."""
    write_manifest(RunFolder(folder).references, [Utterance(f"u{n}", "a", "en", GOLD) for n in range(N)])
    result = cell("text-only", None, 0.7)
    write_result(folder / result.name, result)
    predictions = [
        Prediction(f"u{n}", None, "", ParseStatus.OK, WRONG if n < 10 else GOLD, log_probability=one)
        for n, one in enumerate(sure)
    ]
    write_predictions(folder / result.name / "predictions.jsonl", predictions, SluTask())
    answers = RunAnswers.of_run(folder, SluTask())
    assert answers is not None
    return answers, confidence_section(answers, result)


def test_rejecting_the_least_sure_is_told_in_a_sentence_and_a_table(tmp_path: Path, cell) -> None:
    _, section = section_of(tmp_path, cell, [-2.0] * 10 + [-0.01] * 30)
    assert section is not None
    text = " ".join(section.sentences).replace("\u00a0", " ")
    assert "of 40 answers 75.0 % are exactly right" in text
    assert "If the least sure 10 % were asked again, 83.3 % of the others would be exactly right." in text
    assert [line[1] for line in section.table.lines] == ["75.0", "83.3", "93.8", "100.0"]
    assert [(one.x, one.title) for one in section.bins] == [
        (pytest.approx(40 + 248 * 0.1353, abs=0.1), "confidence 13.5, right 0.0, n = 10"),
        (pytest.approx(40 + 248 * 0.99, abs=0.1), "confidence 99.0, right 100.0, n = 30"),
    ]


def test_the_page_has_the_section(tmp_path: Path, cell) -> None:
    answers, _ = section_of(tmp_path, cell, [-2.0] * 10 + [-0.01] * 30)
    page = html(build_page([cell("text-only", None, 0.7)], answers))
    assert '<h2 id="confidence">' in page and '<a href="#confidence">' in page


def test_answers_without_confidence_have_no_section(tmp_path: Path, cell) -> None:
    _, section = section_of(tmp_path, cell, [None] * N)
    assert section is None
