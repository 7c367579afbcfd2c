"""The curves of training: each stage once, its loss averaged, and what was chosen on the dev set."""

from pathlib import Path

import pytest

from eartune.files import write_json, write_lines
from eartune.report.training_curve import POINTS, training_curves
from eartune.run_folder import RunFolder


@pytest.fixture
def run(tmp_path: Path, cell):
    """Two models that share a text stage, of which one has another stage of 1,000 steps."""
    folder = RunFolder(tmp_path)
    results = [cell("text-only", None, 0.5), cell("curriculum", "5%", 0.6, share=0.05)]
    stages = {"text-aaa": [4.0, 2.0, 1.0], "mixed-bbb": [3.0 - step / 500 for step in range(1000)]}
    for name, losses in stages.items():
        rows = ({"step": step + 1, "loss": loss} for step, loss in enumerate(losses))
        write_lines(tmp_path / "stages" / name / "train.jsonl", rows)
    for result, own in zip(results, (["text-aaa"], ["text-aaa", "mixed-bbb"]), strict=True):
        plan = {"stages": [{"folder": f"../stages/{name}"} for name in own]}
        write_json(folder.model(result.name).plan, plan)
    return folder, results


def test_a_stage_that_models_share_is_drawn_once(run) -> None:
    text, mixed = training_curves(*run)
    assert (text.title, text.models) == ("text", ("text-only-seed0", "curriculum-5pct-seed0"))
    assert (mixed.title, mixed.models) == ("mixed", ("curriculum-5pct-seed0",))
    assert (text.first, text.last, text.top, text.steps) == (4.0, 1.0, 4.0, 3)
    assert text.loss.split()[0] == "40.0,8.0" and text.dev == text.choice == ""


def test_a_long_stage_is_drawn_with_few_points(run) -> None:
    mixed = training_curves(*run)[1]
    assert len(mixed.loss.split()) <= POINTS
    assert mixed.steps == 1000


def test_scores_on_the_dev_set_are_drawn_over_the_steps(run) -> None:
    rows = [
        {"epoch": epoch, "step": step, "metric": "slot_f1", "score": score}
        for epoch, step, score in ((1, 500, 0.5), (2, 1000, 0.25))
    ]
    write_lines(run[0].path / "stages" / "mixed-bbb" / "dev.jsonl", rows)
    mixed = training_curves(*run)[1]
    assert mixed.dev == "166.0,53.0 292.0,75.5"
    assert mixed.choice == "; slot F1 on the dev set 50.0 → 25.0 %, epoch 1 kept"


def test_a_stage_without_a_log_is_left_out(run) -> None:
    (run[0].path / "stages" / "mixed-bbb" / "train.jsonl").unlink()
    assert [curve.title for curve in training_curves(*run)] == ["text"]
