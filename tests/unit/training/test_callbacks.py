"""The log of a stage: its lines, its checkpoints and its clock, also over several sessions."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerControl, TrainerState

from builders import pool
from eartune.data.example import as_text
from eartune.files import read_lines
from eartune.models.architecture import Architecture
from eartune.models.audio_llm import AudioLLM
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import RowMaker
from eartune.settings import Training
from eartune.tasks.slu import SluTask
from eartune.training import trainer
from eartune.training.callbacks import TrainingLog
from eartune.training.stage import LANGUAGE_MODEL_ONLY, Stage
from eartune.training.trainer import train_stage
from tiny_models import tiny

STAGE = Stage("text", as_text(pool(6)), 1, 1e-3, 0.0, LANGUAGE_MODEL_ONLY)
LABELS = SluTask().labels(pool(1))
STEPS, SECONDS_A_STEP = 6, 10.0


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class PowerCutError(Exception):
    """Stands for a power failure."""


class SteppedLog(TrainingLog):
    """A log on whose clock a step takes ten seconds, and whose power fails when `cut_after` steps are done."""

    def __init__(self, path: Path, cut_after: int | None = None, checkpoint_seconds: float = 1e9) -> None:
        self.shown: list[tuple[Any, ...]] = []
        self.steps = Clock()
        self.cut_after = cut_after
        super().__init__(path, lambda *numbers: self.shown.append(numbers), checkpoint_seconds, self.steps)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.cut_after:
            raise PowerCutError
        self.steps.now += SECONDS_A_STEP


def session(model: AudioLLM, log: SteppedLog) -> float:
    """Train the stage in the log's folder, a batch of one example a step; return the seconds in all."""
    rows = RowMaker(model, SluTask(), LABELS, Architecture(type="qwen2-audio", checkpoint="pocket"))
    return train_stage(model, STAGE, rows.to_learn, Training(batch_size=1), 0, log.path.parent, log)


def cut_session(folder: Path, cut_after: int, checkpoint_seconds: float = 20.0) -> None:
    """Train until the power fails; with 20 s between checkpoints the last one is that of an even number of steps."""
    with pytest.raises(PowerCutError):
        session(tiny(Qwen2Audio), SteppedLog(folder / "train.jsonl", cut_after, checkpoint_seconds))


def weights(model: AudioLLM) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in model.module.parameters()])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, torch.Tensor, float]:
    """The log, the weights and the seconds of a stage that was never cut."""
    model, path = tiny(Qwen2Audio), tmp_path_factory.mktemp("whole") / "train.jsonl"
    seconds = session(model, SteppedLog(path))
    return path.read_text(), weights(model), seconds


def test_a_stage_cut_between_two_checkpoints_is_logged_and_trained_as_if_never_cut(
    tmp_path: Path, whole: tuple[str, torch.Tensor, float]
) -> None:
    """Steps after the last checkpoint stood in the log twice: 1, 2, 3, 3, 4, 5, 6."""
    cut_session(tmp_path, cut_after=3)
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-2"]
    model = tiny(Qwen2Audio)
    session(model, SteppedLog(tmp_path / "train.jsonl"))
    assert (tmp_path / "train.jsonl").read_text() == whole[0]
    assert [row["step"] for _, row in read_lines(tmp_path / "train.jsonl")] == [1, 2, 3, 4, 5, 6]
    assert torch.equal(weights(model), whole[1])


def test_a_stage_cut_before_its_first_checkpoint_is_logged_from_the_start(
    tmp_path: Path, whole: tuple[str, torch.Tensor, float]
) -> None:
    cut_session(tmp_path, cut_after=3, checkpoint_seconds=1e9)
    session(tiny(Qwen2Audio), SteppedLog(tmp_path / "train.jsonl"))
    assert (tmp_path / "train.jsonl").read_text() == whole[0]


@pytest.mark.parametrize("tail", ['{"step":3,"lo', "\x00\x00\x00"])
def test_a_half_written_line_of_a_log_is_dropped(
    tmp_path: Path, whole: tuple[str, torch.Tensor, float], tail: str
) -> None:
    cut_session(tmp_path, cut_after=3)
    *first_two, _ = (tmp_path / "train.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "train.jsonl").write_text("".join([*first_two, tail]))
    session(tiny(Qwen2Audio), SteppedLog(tmp_path / "train.jsonl"))
    assert (tmp_path / "train.jsonl").read_text() == whole[0]


def test_a_checkpoint_that_was_cut_while_it_was_written_is_passed_over(
    tmp_path: Path, whole: tuple[str, torch.Tensor, float]
) -> None:
    cut_session(tmp_path, cut_after=3)
    half = shutil.copytree(tmp_path / "checkpoint-2", tmp_path / "checkpoint-3")
    state = (half / "trainer_state.json").read_text()
    (half / "trainer_state.json").write_text(state[: len(state) // 2])
    model = tiny(Qwen2Audio)
    session(model, SteppedLog(tmp_path / "train.jsonl"))
    assert torch.equal(weights(model), whole[1])


def test_a_stage_in_three_sessions_says_how_long_all_of_them_trained(
    tmp_path: Path, whole: tuple[str, torch.Tensor, float]
) -> None:
    """It was the last session's time alone. Steps that a session lost are trained again and count once."""
    assert whole[2] == STEPS * SECONDS_A_STEP
    cut_session(tmp_path, cut_after=3)
    cut_session(tmp_path, cut_after=5)
    assert session(tiny(Qwen2Audio), SteppedLog(tmp_path / "train.jsonl")) == STEPS * SECONDS_A_STEP


def test_progress_after_a_resume_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    cut_session(tmp_path, cut_after=3)
    log = SteppedLog(tmp_path / "train.jsonl")
    session(tiny(Qwen2Audio), log)
    assert [(done, total, earlier) for done, total, _, earlier in log.shown] == [(n, 6, 2) for n in (3, 4, 5, 6)]


@pytest.mark.parametrize(("save_seconds", "saved_at"), [(0.0, [2, 4]), (0.9, [2, 4]), (1.1, [2, 5]), (9.0, [2])])
def test_checkpoints_take_at_most_a_twentieth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save_seconds: float, saved_at: list[int]
) -> None:
    """One was saved every four minutes however large: at 7B, nearly half of the time went into it.

    Steps take 10 s here and 20 s lie between checkpoints, or 20 times what the last save took.
    """
    log = SteppedLog(tmp_path / "train.jsonl", checkpoint_seconds=20.0)
    saved = []

    def slow_save(*arguments: Any) -> None:
        log.steps.now += save_seconds
        saved.append(len(log.shown))

    monkeypatch.setattr(trainer, "save_weights", slow_save)
    session(tiny(Qwen2Audio), log)
    assert saved == saved_at


def test_a_checkpoint_is_due_after_240_seconds_of_training(tmp_path: Path) -> None:
    clock = Clock()
    log = TrainingLog(tmp_path / "train.jsonl", lambda *_: None, clock=clock)
    clock.now += 500  # encoding recordings, say
    state = TrainerState(global_step=0, max_steps=9)
    log.on_train_begin(None, state, TrainerControl())

    def is_due(seconds: float) -> bool:
        clock.now += seconds
        control = TrainerControl()
        log.on_step_end(None, state, control)
        return control.should_save

    assert [is_due(239), is_due(1)] == [False, True]
    log.saved(108.0)
    assert [is_due(240), is_due(1919), is_due(1)] == [False, False, True]


def test_the_last_step_is_not_saved_as_a_checkpoint(tmp_path: Path) -> None:
    """The stage's weights are saved right after it."""
    log = SteppedLog(tmp_path / "train.jsonl", checkpoint_seconds=0.0)
    session(tiny(Qwen2Audio), log)
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == [f"checkpoint-{STEPS - 1}"]
