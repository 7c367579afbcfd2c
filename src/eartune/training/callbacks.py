"""The trainer's callback of a stage: it logs every step, asks for checkpoints, measures time and reports progress."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from eartune.files import json_line, read_text, write_text
from eartune.processes import ONE, Processes

CHECKPOINT_SECONDS = 240.0
"""The shortest time in seconds between two checkpoints."""
CHECKPOINT_SHARE = 20
"""At least this many times as long as the last save took: saving then costs a run less than 5 % of its time."""

StepProgress = Callable[[int, int, float, int], None]
"""It is called with the steps done, the steps of the stage, the last loss, and the steps that earlier sessions did."""


class TrainingLog(TrainerCallback):
    """The callback of one stage, which may be trained in several sessions.

    `path` is the file `train.jsonl`, which gets one line a step with its loss, gradient norm and learning rate. The
    `clock` returns seconds, as `time.monotonic` does. Of several processes the first writes the log and shows progress,
    and its clock says when a checkpoint is due.
    """

    def __init__(
        self,
        path: Path,
        progress: StepProgress,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        processes: Processes = ONE,
    ) -> None:
        self.path = path
        self.processes = processes
        self.progress = progress
        self.checkpoint_seconds = checkpoint_seconds
        self.clock = clock
        self.earlier_seconds = 0.0
        """How long earlier sessions trained, up to the checkpoint that this one resumes from."""
        self.earlier_steps = 0
        """How many steps the checkpoint that this session resumes from had done."""
        self.save_seconds = 0.0
        """How long the last save of a checkpoint took; 0 before the first."""
        self.started = self.saved_at = clock()

    @property
    def seconds(self) -> float:
        """The seconds of training over all sessions; steps lost by an interruption do not count twice."""
        return self.earlier_seconds + self.clock() - self.started

    def leave_out(self, seconds: float) -> None:
        """Do not count some of the time that has passed since training began, as something else was done in it."""
        self.started += seconds

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock, and remove lines of steps that will be trained again."""
        self.started = self.saved_at = self.clock()
        self.earlier_steps = state.global_step
        if self.processes.is_first:
            cut_log(self.path, state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a checkpoint if the last one is old enough; after the last step the stage is saved anyway."""
        interval = max(self.checkpoint_seconds, CHECKPOINT_SHARE * self.save_seconds)
        is_due = self.processes.of_first(lambda: self.clock() - self.saved_at >= interval)
        if is_due and state.global_step < state.max_steps:
            control.should_save = True

    def saved(self, seconds: float) -> None:
        """Note that a checkpoint has been saved just now, which took this long."""
        self.saved_at = self.clock()
        self.save_seconds = seconds

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Append the line of one step to the log, and report progress."""
        if logs is None or "loss" not in logs or not self.processes.is_first:
            return
        kept: dict[str, Any] = {key: logs[key] for key in ("loss", "grad_norm", "learning_rate") if key in logs}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json_line({"step": state.global_step, **kept}))
        self.progress(state.global_step, state.max_steps, logs["loss"], self.earlier_steps)


def cut_log(path: Path, steps: int) -> None:
    """Keep the lines of the first steps of a log alone; a line that was half written goes too."""
    if not path.exists():
        return
    kept = []
    for line in read_text(path).splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            break
        if row["step"] > steps:
            break
        kept.append(json_line(row))
    write_text(path, "".join(kept))
