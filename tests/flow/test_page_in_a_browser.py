"""The page's table of errors in a real Chromium: it filters, compares models, plays, and shows fifty rows at a time."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import tone
from chromium import PROGRAM, Tab, chromium
from eartune.data.audio import write_audio
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.evaluation.metrics import Score
from eartune.report import RunResult, write_report, write_result
from eartune.run_folder import RunFolder
from eartune.tasks.prediction import Prediction, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")

N = 10_000
A, B = "better-seed0", "worse-seed0"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """The page of a run with 10,000 test rows, of which A has every second right, and B every fourth."""
    folder = tmp_path_factory.mktemp("browser")
    write_audio(folder / "clip.wav", tone(0.5))
    test = [Utterance(f"u{n}", f"buy item {n}", "en", gold(n), recordings=recorded(folder, n)) for n in range(N)]
    write_manifest(RunFolder(folder / "run").references, test)
    answers = {
        "better": [gold(n) if n % 2 else SemanticFrame("sell", gold(n).entities) for n in range(N)],
        "worse": [gold(n) if n % 4 == 0 else SemanticFrame("buy", ()) for n in range(N)],
    }
    for name, value in (("better", 0.8), ("worse", 0.4)):
        model = folder / "run" / f"{name}-seed0"
        write_result(model, result(name, value))
        predictions = [
            Prediction(f"u{n}", "clip.wav" if n == 0 else None, "", ParseStatus.OK, frame, log_probability=-0.5)
            for n, frame in enumerate(answers[name])
        ]
        write_predictions(model / "predictions.jsonl", predictions, SluTask())
    page = write_report(folder / "run")
    with chromium(folder) as opened:
        opened.open(page.as_uri())
        yield opened


def recorded(folder: Path, number: int) -> tuple[Recording, ...]:
    """The first row alone has a recording."""
    return () if number else (Recording(folder / "clip.wav", 0.5),)


def gold(number: int) -> SemanticFrame:
    return SemanticFrame("buy", (Entity("thing", f"item {number}"),))


def result(name: str, value: float) -> RunResult:
    return RunResult(
        experiment="large",
        question="Is a page with 10,000 rows usable?",
        name=f"{name}-seed0",
        scheme=name,
        budget=None,
        seed=0,
        status="finished",
        error=None,
        main_metric="slot_f1",
        scores={"slot_f1": Score(value, value, value, N)},
        answers={"OK": N},
        text_utterances=0,
        speech_utterances=0,
        speech_hours=0.0,
        pool_utterances=0,
        test={"recordings": N, "sentences": N},
        listening=None,
        seconds={},
        settings={"task": {"type": "slu"}},
        made_with={},
        scheme_role="other",  # so that no paired test is made, which would take most of the time
    )


@pytest.fixture(autouse=True)
def as_opened(tab: Tab) -> None:
    """Each test begins with the page as it was opened."""
    for box, value in (("model-a", 0), ("model-b", 1), ("which", "a"), ("part-name", ""), ("search", "")):
        choose(tab, box, value)
    tab.run("document.querySelectorAll('#kinds input:checked').forEach((box) => box.click())")


def choose(tab: Tab, box: str, value: object) -> None:
    """Choose or type a value, as a person does."""
    event = "input" if box == "search" else "change"
    tab.run(
        f"(() => {{ const b = document.getElementById('{box}'); b.value = '{value}';"
        f" b.dispatchEvent(new Event('{event}')); }})()"
    )


def count(tab: Tab) -> int:
    """The number of rows that the page says it has found."""
    return int(tab.run("parseInt(document.getElementById('error-count').textContent)"))


def row(tab: Tab, number: int = 0) -> str:
    """The words of a row that is shown."""
    return str(tab.run(f"document.querySelectorAll('#error-rows tr')[{number}].innerText.replace(/\\s+/g, ' ')"))


def test_the_errors_of_the_best_model_come_first_fifty_at_a_time(tab: Tab) -> None:
    assert tab.run("document.getElementById('head-a').textContent") == A
    assert count(tab) == 5000
    assert tab.run("document.querySelectorAll('#error-rows tr').length") == 50
    assert "buy item 0 intent: buy" in row(tab)
    tab.run("document.getElementById('next').click()")
    assert "buy item 100 " in row(tab)
    assert tab.run("document.getElementById('page-number').textContent") == "page 2 of 100"


def test_rows_are_searched_in_sentences_and_answers(tab: Tab) -> None:
    choose(tab, "search", "item 4322")
    assert count(tab) == 1
    choose(tab, "search", "SELL")
    assert count(tab) == 5000
    choose(tab, "search", "item 4321")
    assert count(tab) == 0, "A has it right"


def test_rows_that_one_model_fixes_and_breaks_are_counted(tab: Tab) -> None:
    # Of every four rows, A gets 0 and 2 wrong, and B 1, 2 and 3.
    found = {}
    for which in ("fixed", "broken", "both"):
        choose(tab, "which", which)
        found[which] = count(tab), row(tab)
    assert [number for number, _ in found.values()] == [2500, 5000, 2500]
    assert "sell thing: item 0 61 % sure right label wrong" in found["fixed"][1]
    assert "right intent: buy 61 % sure missed" in found["broken"][1]


def test_kinds_and_parts_filter_and_are_counted(tab: Tab) -> None:
    choose(tab, "model-a", 1)
    assert "missed (7500)" in tab.run("document.getElementById('kinds').textContent")
    tab.run(
        "[...document.querySelectorAll('#kinds label')].find((l) => l.textContent.startsWith('missed'))"
        ".querySelector('input').click()"
    )
    assert count(tab) == 7500
    choose(tab, "part-name", "intent")
    assert count(tab) == 0, "B has every intent right"


def test_what_is_missing_and_what_is_too_much_is_marked_by_more_than_colour(tab: Tab) -> None:
    style = "getComputedStyle(document.querySelector('#error-rows .{}'), '::before').content"
    assert "\u2212" in tab.run(style.format("lost")) and "+" in tab.run(style.format("extra"))


def test_a_recording_is_played_from_within_the_page_by_keyboard(tab: Tab) -> None:
    tab.run("document.querySelector('#error-rows button').focus()")
    assert tab.run("document.activeElement.getAttribute('aria-label')") == "play buy item 0"
    tab.press(" ")
    tab.wait("document.activeElement.textContent === '\u25a0'")
    tab.wait("document.activeElement.textContent === '\u25b6'")


def test_ten_thousand_rows_are_filtered_at_once(tab: Tab) -> None:
    begun = time.perf_counter()
    choose(tab, "search", "item 7")
    assert count(tab) > 0
    assert time.perf_counter() - begun < 2, "a twentieth of a second on an idle machine"


@pytest.mark.parametrize("width", [390, 1100])
def test_nothing_is_wider_than_the_window(tab: Tab, width: int, tmp_path: Path) -> None:
    tab.look(tmp_path / "page.png", width, 900)
    assert tab.run("document.documentElement.scrollWidth") <= width
