"""Word errors are measured ten times in a stage, stand in the line of their step, and may end the stage."""

from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

from builders import utterance
from eartune.data.example import as_words
from eartune.files import read_lines
from eartune.inference.asr import word_error_rate
from eartune.training.callbacks import TrainingLog
from eartune.training.hearing_watch import HearingWatch

NO_ARGUMENTS: Any = None


def trained(folder: Path, rates: list[float], n_steps: int = 20, stop_at: float | None = None) -> tuple[Any, list[str]]:
    """A stage of so many steps, whose word error rates are these; returns the watch and what it said."""
    said: list[str] = []
    log = TrainingLog(folder / "train.jsonl", lambda *_: None)
    found = iter(rates)
    watch = HearingWatch(log, lambda: next(found), stop_at, said.append)
    state, control = TrainerState(max_steps=n_steps), TrainerControl()
    watch.on_train_begin(NO_ARGUMENTS, state, control)
    for step in range(1, n_steps + 1):
        state.global_step, control.should_save = step, True
        watch.on_step_end(NO_ARGUMENTS, state, control)
        assert control.should_save != control.should_training_stop  # from a checkpoint there it would go on
        for callback in (log, watch):
            callback.on_log(NO_ARGUMENTS, state, control, {"loss": 0.5})
        if control.should_training_stop:
            break
    return watch, said


def test_every_tenth_of_a_stage_has_a_word_error_rate_beside_its_loss(tmp_path: Path) -> None:
    watch, said = trained(tmp_path, [0.1, *(0.2 + i / 100 for i in range(10))])
    rows = [row for _, row in read_lines(tmp_path / "train.jsonl")]
    measured = {row["step"]: row["word_error_rate"] for row in rows if "word_error_rate" in row}
    assert measured == {2 * i + 2: 0.2 + i / 100 for i in range(10)}
    assert len(rows) == 20 and watch.stopped is None
    assert said[:2] == ["word error rate 10.0% before the first step", "step 2/20: loss 0.50, word error rate 20.0%"]


def test_a_stage_ends_where_word_errors_are_above_the_limit(tmp_path: Path) -> None:
    watch, said = trained(tmp_path, [0.1, 0.2, 0.5, 0.6], stop_at=0.5)
    assert [row["step"] for _, row in read_lines(tmp_path / "train.jsonl")][-1] == 6
    assert (
        said[-1]
        == watch.stopped
        == ("stopped after step 6 of 20, as the word error rate 60.0% is above stop_at_word_error_rate, 50.0%")
    )


def test_a_stage_of_few_steps_is_measured_after_each(tmp_path: Path) -> None:
    trained(tmp_path, [0.1] * 4, n_steps=3)
    assert all("word_error_rate" in row for _, row in read_lines(tmp_path / "train.jsonl"))


@pytest.mark.parametrize(
    ("heard", "rate"),
    [(["wake me", "a latte"], 0), (["Wake me!", "A latte."], 0), (["wake", "a tea please"], 3 / 4), (["", ""], 1)],
)
def test_word_errors_are_counted_over_all_recordings(heard: list[str], rate: float) -> None:
    examples = as_words([utterance("a", "Wake me.", None, 1.0), utterance("b", "a latte", None, 1.0)])
    assert word_error_rate(examples, lambda batch: heard) == rate
