"""The page's table of errors in a real Chromium: it filters, compares models, and shows a page of rows at a time."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Utterance, write_manifest
from eartune.evaluation.metrics import Score
from eartune.report import RunResult, write_report, write_result
from eartune.run_folder import RunFolder
from eartune.tasks.prediction import Prediction, write_predictions
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)")

N = 10_000
SCRIPT = """
const set = (id, value) => { const box = document.getElementById(id); box.value = value;
  box.dispatchEvent(new Event(box.type === "search" ? "input" : "change")); };
const seen = () => ({ count: parseInt(document.getElementById("error-count").textContent),
  rows: document.querySelectorAll("#error-rows tr").length,
  first: document.querySelector("#error-rows tr")?.innerText.replace(/\\\\s+/g, " ").trim() });
const found = {}, slowest = { step: 0 };
const step = (name, change) => { const begun = performance.now(); change(); document.body.offsetHeight;
  slowest.step = Math.max(slowest.step, performance.now() - begun); found[name] = seen(); };
found.opened = seen();
step("next", () => document.getElementById("next").click());
step("searched", () => set("search", "item 4321"));
step("cleared", () => set("search", ""));
step("fixed", () => set("which", "fixed"));
step("broken", () => set("which", "broken"));
step("both", () => set("which", "both"));
step("all", () => set("which", "a"));
step("swapped", () => { set("model-a", "1"); set("model-b", "0"); });
step("missed", () => [...document.querySelectorAll("#kinds label")].find((l) => l.textContent.startsWith("missed"))
  .querySelector("input").click());
found.milliseconds = slowest.step;
document.getElementById("outcome").textContent = JSON.stringify(found);
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """What the script saw of the page of a run with 10,000 test rows, all wrong in one of two models."""
    folder = tmp_path_factory.mktemp("browser") / "run"
    write_manifest(RunFolder(folder).references, [Utterance(f"u{n}", f"buy item {n}", "en", gold(n)) for n in range(N)])
    answers = {
        "better": [gold(n) if n % 2 else SemanticFrame("sell", gold(n).entities) for n in range(N)],
        "worse": [gold(n) if n % 4 == 0 else SemanticFrame("buy", ()) for n in range(N)],
    }
    for name, value in (("better", 0.8), ("worse", 0.4)):
        write_result(folder / f"{name}-seed0", result(name, value))
        predictions = [Prediction(f"u{n}", None, "", ParseStatus.OK, frame) for n, frame in enumerate(answers[name])]
        write_predictions(folder / f"{name}-seed0" / "predictions.jsonl", predictions, SluTask())
    page = write_report(folder)
    text = page.read_text(encoding="utf-8").replace(
        "</body>", f'<pre id="outcome"></pre><script>{SCRIPT}</script></body>'
    )
    page.write_text(text, encoding="utf-8")
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    outcome = re.search(r'<pre id="outcome">(.*?)</pre>', shown, re.DOTALL)
    assert outcome and outcome[1], "the script of the page stopped with an error"
    yield json.loads(outcome[1])


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


def test_the_errors_of_the_best_model_come_first_fifty_at_a_time(opened: dict) -> None:
    assert opened["opened"]["count"] == 5000 and opened["opened"]["rows"] == 50
    assert opened["opened"]["first"].startswith("buy item 0")
    assert opened["next"]["first"].startswith("buy item 100")


def test_rows_are_searched_and_compared_between_models(opened: dict) -> None:
    assert opened["searched"]["count"] == 0, "item 4321 is right in A"
    assert opened["cleared"]["count"] == 5000
    # Of every four rows, A gets 0 and 2 wrong, and B 1, 2 and 3.
    assert [opened[name]["count"] for name in ("fixed", "broken", "both")] == [2500, 5000, 2500]
    assert opened["swapped"]["count"] == 7500 and opened["missed"]["count"] == 7500
    assert "right" in opened["fixed"]["first"] and "missed" in opened["broken"]["first"]


def test_ten_thousand_rows_answer_at_once(opened: dict) -> None:
    assert opened["milliseconds"] < 2000, "a quarter of a second on an idle machine"
