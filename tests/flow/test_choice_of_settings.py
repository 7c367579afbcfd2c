"""Of several prompts the dev set chooses one, before the test is decoded; a cut changes no choice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eartune.data.example import Example
from eartune.experiments.experiment import Experiment
from eartune.experiments.finished_model import read_finished_model
from eartune.experiments.runner import run
from eartune.files import read_json, read_lines
from eartune.inference import decode
from eartune.models.rows import RowMaker
from eartune.report import read_results
from eartune.tasks.prediction import Written
from killed_runs import choosing, differences

PROMPTED, BEST_PROMPT = "prompted-seed0", "labels"
PROMPTS = ["the instruction alone", "3 examples", "labels", "labels and 3 examples"]
READ = decode.ask


def settings_with_prompts(data: Path) -> Experiment:
    """An experiment with four prompts of the untuned model."""
    written = choosing(data).model_dump(mode="json")
    written["grid"]["schemes"] = [{"type": "prompted", "labels": [False, True], "examples": [0, 3]}]
    return Experiment.model_validate(written)


class Answers:
    """Answers to the dev set that are right with one prompt; all others are the model's.

    It notes what was asked, and may cut the run at the answers to a batch, by its number.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, str]] = []
        """Of each batch, the pool, and the part of the prompt before the instruction."""
        self.cut_at: int | None = None
        monkeypatch.setattr(decode, "ask", self.ask)

    def ask(self, model: Any, examples: Sequence[Example], rows: RowMaker, *rest: Any) -> list[Written]:
        pool = examples[0].utterance.id.rstrip("0123456789")
        self.asked.append((pool, rows.preface))
        if len(self.asked) == self.cut_at:
            raise KeyboardInterrupt
        if pool == "dev" and rows.preface.startswith("Labels") and "->" not in rows.preface:
            return [Written(rows.task.target(example.utterance)) for example in examples]
        return READ(model, examples, rows, *rest)


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answers]:
    """The folder for runs of one that was not cut, and what was asked in it."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    with pytest.MonkeyPatch.context() as patched:
        answers = Answers(patched)
        assert run(settings_with_prompts(data), data, runs, Console(quiet=True)).failed == ()
    return runs, answers


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_lines(path)]


def test_the_best_prompt_is_that_of_the_test_and_of_the_finished_model(whole: tuple[Path, Answers]) -> None:
    folder = whole[0] / "tiny" / PROMPTED
    tried = rows_of(folder / "prompts.jsonl")
    assert [row["value"] for row in tried] == PROMPTS
    assert [row["score"] == 1 for row in tried] == [shows == BEST_PROMPT for shows in PROMPTS]
    told = read_finished_model(folder).preface
    assert told == read_json(folder / "plan.json")["preface"] == "Labels: off, on, play.\n"


def test_the_test_is_asked_once_and_after_the_choice(whole: tuple[Path, Answers]) -> None:
    """The dev set has two batches, the test three; the model tries four prompts."""
    assert [pool for pool, _ in whole[1].asked] == ["dev"] * 8 + ["test"] * 3
    prefaces = [preface for _, preface in whole[1].asked]
    assert len(set(prefaces[:8])) == 4 and set(prefaces[8:]) == {"Labels: off, on, play.\n"}


def test_result_and_report_say_what_was_chosen_on_what(whole: tuple[Path, Answers]) -> None:
    (result,) = read_results(whole[0] / "tiny")
    (choice,) = result.dev["chosen"]
    assert (choice["setting"], choice["value"], choice["n"], choice["metric"]) == ("prompt", BEST_PROMPT, 4, "accuracy")
    assert result.seconds["dev"] > 0 and result.dev["recordings"] == 4 and "epoch" not in result.dev
    report = (whole[0] / "tiny" / "report.md").read_text()
    assert "Chosen on the dev set of 4 recordings, before the test was decoded, once: " in report
    assert f"{PROMPTED}: prompt {BEST_PROMPT} (accuracy 100.0; " in report


def test_a_run_that_is_cut_makes_the_same_choices(
    whole: tuple[Path, Answers], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cut in the answers to the third prompt."""
    runs, settings, answers = tmp_path / "runs", settings_with_prompts(data), Answers(monkeypatch)
    answers.cut_at = 6
    with pytest.raises(KeyboardInterrupt):
        run(settings, data, runs, Console(quiet=True))
    run(settings, data, runs, Console(quiet=True))
    assert len(answers.asked) == 6 + 3 + 3  # the batch at which it was cut, those of the last prompt, and the test
    assert differences(whole[0], runs) == []
