"""The page stands alone, says the same in both forms, and cannot be broken by what is put in it."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from eartune.files import write_json
from eartune.report import write_report, write_result
from eartune.report.page import build_page, html, markdown

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Nesting(HTMLParser):
    """Fails on a tag that is closed in the wrong place or never."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(coffee):
    return build_page(coffee)


def test_the_page_is_well_nested(page):
    parser = Nesting()
    parser.feed(html(page))
    assert parser.open == []


def test_the_page_refers_to_nothing_outside_it(page):
    text = html(page).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http" not in text and "//" not in text
    assert not re.search(r'src=|href="(?!#)|url\(|@import', text)


def test_both_forms_hold_every_cell_and_every_number(page):
    for text in (html(page), markdown(page)):
        assert all(result.name in text for result in page.results)
        assert "[77." in text and "IT DOES NOT LISTEN" in text and "decoding.beams" in text and "1a2b3c4" in text


def test_a_cell_that_does_not_listen_is_red(page):
    row = re.search(r'<tr class="bad">\s*<td class="name">(.*?)</td>', html(page))
    assert row and row[1] == "curriculum-20pct-seed0"


def test_a_failed_cell_is_listed_with_its_error_and_has_no_score(page):
    text = markdown(page)
    assert "- curriculum-100pct-seed0: CUDA out of memory \\| 24 GB were not enough" in text
    (line,) = (line for line in text.splitlines() if re.match(r"\| curriculum +\| 100%", line))
    assert not re.search(r"\d\.\d", line)


def test_a_listening_check_that_was_not_made_has_its_reason(cell):
    result = replace(cell("text-only", None, 0.7), listening={"reason": "the test has one meaning"})
    page = build_page([result])
    assert re.search(r"\| text-only-seed0 \| – +\| not checked \(the test has one meaning\) \|", markdown(page))  # noqa: RUF001
    assert '<td class="words">not checked (the test has one meaning)</td>' in html(page)
    assert 'class="bad"' not in html(page) and "NO" not in html(page).split('id="listening"')[1].split("</section>")[0]


def test_a_run_that_was_interrupted_has_a_page_that_names_what_is_missing(tmp_path: Path, coffee):
    """cells.json lists all models of the grid; those without a result.json were passed over in silence."""
    grid = {
        "grid": {"schemes": [{"name": "mine", "type": "curriculum"}, {"type": "text-only"}], "budgets": ["5%", "2h"]}
    }
    results = [replace(result, settings=result.settings | grid) for result in coffee]
    for result in results:
        write_result(tmp_path / result.name, result)
    missing = ["mine-5pct-seed0", "curriculum-20pct-seed1", "text-only-seed7"]
    write_json(tmp_path / "cells.json", {"cells": [*(result.name for result in results), *missing]})
    page = write_report(tmp_path).read_text()
    text = (tmp_path / "report.md").read_text()
    named = "Not finished yet, so not in any score: 3 of 12 models (curriculum-20pct-seed1, mine-5pct-seed0 and text-"
    assert named in page and named in text
    assert re.search(r"\| mine +\| 5% +\| 0 of 1 \| +not finished \|", text)
    assert re.search(r"\| text-only +\| – +\| 1 of 2 \| 71.2", text)  # noqa: RUF001
    merged = {key.strip(): value.strip() for key, value in re.findall(r"^\| ([\w .]+) \| (.+) \|$", text, re.M)}
    assert (merged["decoding.beams"], merged["git commit"]) == ("3", "1a2b3c4")


def test_a_grid_whose_models_all_failed_has_a_whole_page(tmp_path: Path, coffee):
    for result in coffee:
        broken = replace(result, status="failed", error="no\nspace left", scores={}, answers={}, listening=None)
        write_result(tmp_path / result.name, broken)
    page = write_report(tmp_path).read_text()
    assert "No model has finished, so there is no result yet." in page
    assert page.count("</span>: no space left</li>") == len(coffee)
    parser = Nesting()
    parser.feed(page)
    assert parser.open == []


def test_the_fingerprint_of_each_model_is_not_listed(cell):
    """It differs in every model, so that the list was as long as the grid."""
    made_with = {"python": "3.12", "fingerprint": "0d1ae74a2b81"}
    page = build_page([replace(cell("text-only", None, 0.7), made_with=made_with)])
    assert page.made_with == (("python", "3.12"),)


def test_the_page_does_not_ask_for_recordings_and_advise_to_record_nothing(cell):
    spoken = [cell("curriculum", f"{n}%", score, share=n / 100) for n, score in ((5, 0.6), (20, 0.7), (100, 0.79))]
    alone = build_page([cell("text-only", None, 0.5), *spoken])
    assert any("then run again" in said for said in alone.enough.sentences)
    beside = build_page([cell("text-only", None, 0.5), cell("cascade", None, 0.8, scheme_type="cascade"), *spoken])
    assert beside.diagnoses[0].startswith("Record nothing yet")
    assert not any("then run again" in said for said in beside.enough.sentences)


def test_a_hostile_question_stays_text(coffee):
    question = "<script>alert(1)</script> & [x](javascript:y) {{ 7 * 7 }}"
    page = build_page([replace(result, question=question) for result in coffee])
    assert "<script" not in html(page) and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; " in html(page)
    assert "<script" not in markdown(page) and "](javascript" not in markdown(page)
    assert "{{ 7 * 7 }}" in html(page)


def test_a_hostile_scheme_stays_text(cell):
    page = build_page([cell('<b onload="x">', "5%", 0.5, share=0.05)])
    assert "<b " not in html(page) and "<b " not in markdown(page)


def test_any_part_of_an_experiment_has_a_page(coffee):
    for result in coffee:
        page = build_page([result])
        parser = Nesting()
        parser.feed(html(page))
        assert ("svg" in parser.seen) == (result.finished and result.budget is not None)
        assert ("curve.svg" in markdown(page)) == ("svg" in parser.seen)


def test_settings_that_differ_are_counted(page):
    assert dict(page.settings) == {
        "scheme.type": "untuned (1 model); text-only (1 model); direct-mixing (3 models); curriculum (4 models)",
        "decoding.beams": "3",
    }


def test_the_report_is_three_files_and_nothing_half_written(tmp_path: Path, coffee):
    for result in coffee:
        write_result(tmp_path / result.name, result)
    assert write_report(tmp_path) == tmp_path / "report.html"
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert files == {"report.html", "report.md", "curve.svg"}
