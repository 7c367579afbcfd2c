"""Of several text scales and prompts the dev set chooses, before the test is decoded; a cut changes no choice."""

from collections.abc import Callable, Sequence
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
from eartune.training import scaling, trainer
from eartune.training.callbacks import TrainingLog
from killed_runs import choosing, differences

CURRICULUM, PROMPTED = "curriculum-50pct-seed0", "prompted-seed0"
GOOD_SCALES, BEST_PROMPT = (0.5, 1.0), "labels"
PROMPTS = ["the instruction alone", "3 examples", "labels", "labels and 3 examples"]
READ, KEEP_SHARE, LOAD_WEIGHTS = decode.ask, scaling.keep_share, trainer.load_weights


def settings_with(data: Path, text_scale: object) -> Experiment:
    """An experiment with a curriculum of one epoch in each stage, and with four prompts of the untuned model."""
    curriculum = {"type": "curriculum", "text_epochs": 1, "text_learning_rate": 1e-2, "text_scale": text_scale}
    written = choosing(data).model_dump(mode="json")
    written["grid"]["schemes"] = [curriculum, {"type": "prompted", "labels": [False, True], "examples": [0, 3]}]
    return Experiment.model_validate(written)


class Answers:
    """Answers to the dev set that are right with two of the scales and with one prompt; all others are the model's.

    It notes what was asked, and may cut the run at the answers to a batch, by its number.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, str]] = []
        """Of each batch, the pool, and the part of the prompt before the instruction."""
        self.cut_at: int | None = None
        monkeypatch.setattr(decode, "ask", self.ask)
        monkeypatch.setattr(scaling, "keep_share", self.keep_share)
        monkeypatch.setattr(trainer, "load_weights", self.load_weights)

    def load_weights(self, model: Any, path: Path) -> None:
        LOAD_WEIGHTS(model, path)
        model.share = 1.0

    def keep_share(self, model: Any, trained: Any, share: float, before: Callable[[], Any]) -> None:
        KEEP_SHARE(model, trained, share, before)
        model.share = share

    def ask(self, model: Any, examples: Sequence[Example], rows: RowMaker, *rest: Any) -> list[Written]:
        pool = examples[0].utterance.id.rstrip("0123456789")
        self.asked.append((pool, rows.preface))
        if len(self.asked) == self.cut_at:
            raise KeyboardInterrupt
        best_prompt = rows.preface.startswith("Labels") and "->" not in rows.preface
        if pool == "dev" and (best_prompt or getattr(model, "share", 0) in GOOD_SCALES):
            return [Written(rows.task.target(example.utterance)) for example in examples]
        return READ(model, examples, rows, *rest)


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answers]:
    """The folder for runs of one that was not cut, and what was asked in it."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    with pytest.MonkeyPatch.context() as patched:
        answers = Answers(patched)
        assert run(settings_with(data, [1, 0.25, 0.5]), data, runs, Console(quiet=True)).failed == ()
    return runs, answers


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_lines(path)]


def speech_stage(runs: Path) -> Path:
    (path,) = runs.glob("tiny/stages/mixed-*")
    return path


def test_the_smaller_of_the_best_scales_is_taken_and_training_goes_on_as_with_it_alone(
    whole: tuple[Path, Answers], data: Path, tmp_path: Path
) -> None:
    tried = [(row["value"], row["score"] == 1) for row in rows_of(speech_stage(whole[0]) / "shares.jsonl")]
    assert tried == [(0.25, False), (0.5, True), (1.0, True)]
    assert run(settings_with(data, 0.5), data, tmp_path / "runs", Console(quiet=True)).failed == ()
    stages = [speech_stage(runs) for runs in (whole[0], tmp_path / "runs")]
    weights = [(stage / "weights.safetensors").read_bytes() for stage in stages]
    assert stages[0].name != stages[1].name and weights[0] == weights[1]


def test_the_best_prompt_is_that_of_the_test_and_of_the_finished_model(whole: tuple[Path, Answers]) -> None:
    folder = whole[0] / "tiny" / PROMPTED
    tried = rows_of(folder / "prompts.jsonl")
    assert [row["value"] for row in tried] == PROMPTS
    assert [row["score"] == 1 for row in tried] == [shows == BEST_PROMPT for shows in PROMPTS]
    told = read_finished_model(folder).preface
    assert told == read_json(folder / "plan.json")["preface"] == "Labels: off, on, play.\n"


def test_the_test_is_asked_once_and_after_all_choices(whole: tuple[Path, Answers]) -> None:
    """The dev set has two batches, the test three; the curriculum tries three scales, the other model four prompts."""
    pools = ["dev"] * 6 + ["test"] * 3 + ["dev"] * 8 + ["test"] * 3
    assert [pool for pool, _ in whole[1].asked] == pools
    prefaces = [preface for _, preface in whole[1].asked[9:]]
    assert len(set(prefaces[:8])) == 4 and set(prefaces[8:]) == {"Labels: off, on, play.\n"}


def test_result_and_report_say_what_was_chosen_on_what(whole: tuple[Path, Answers]) -> None:
    said = []
    results = {result.name: result for result in read_results(whole[0] / "tiny")}
    for name, setting, value in ((CURRICULUM, "text_scale", 0.5), (PROMPTED, "prompt", BEST_PROMPT)):
        dev = results[name].dev
        (choice,) = dev["chosen"]
        assert (choice["setting"], choice["value"], choice["n"], choice["metric"]) == (setting, value, 4, "accuracy")
        assert results[name].seconds["dev"] > 0 and dev["recordings"] == 4 and "epoch" not in dev
        said.append(f"{name}: {setting} {value} (accuracy 100.0; ")
    report = (whole[0] / "tiny" / "report.md").read_text()
    assert "Chosen on the dev set of 4 recordings, before the test was decoded, once: " in report
    assert all(sentence in report for sentence in said)


def test_a_run_that_is_cut_makes_the_same_choices(
    whole: tuple[Path, Answers], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cut in the answers with the second scale, after that choice in training, and in those to a prompt."""
    runs, settings, answers = tmp_path / "runs", settings_with(data, [1, 0.25, 0.5]), Answers(monkeypatch)

    def cut_run() -> None:
        with pytest.raises(KeyboardInterrupt):
            run(settings, data, runs, Console(quiet=True))

    answers.cut_at = 4
    cut_run()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TrainingLog, "on_step_begin", cut_in_speech_stage)
        cut_run()
    assert len(answers.asked) == 4 + 3  # the batch at which it was cut, and those of the third scale
    answers.cut_at = 7 + 3 + 6
    cut_run()
    run(settings, data, runs, Console(quiet=True))
    assert len(answers.asked) == 16 + 3 + 3  # the batch at which it was cut, those of the last prompt, and the test
    assert differences(whole[0], runs) == []


def cut_in_speech_stage(self: TrainingLog, args: Any, state: Any, control: Any, **_: Any) -> None:
    if "mixed" in args.output_dir:
        raise KeyboardInterrupt
