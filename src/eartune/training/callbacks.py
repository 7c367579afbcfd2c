"""What a stage writes down while it trains: train.jsonl, a checkpoint every few minutes, and the way to go."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from eartune.files import json_line

CHECKPOINT_SECONDS = 240.0


class Journal(TrainerCallback):
    """The trainer's hook of one stage; `progress` is called with (steps done, steps in all, last loss)."""

    def __init__(
        self, path: Path, progress: Callable[[int, int, float], None], checkpoint_seconds: float = CHECKPOINT_SECONDS
    ) -> None:
        self.path = path
        self.progress = progress
        self.checkpoint_seconds = checkpoint_seconds
        self.saved_at = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a checkpoint when the last is old enough."""
        if time.monotonic() - self.saved_at >= self.checkpoint_seconds and state.global_step < state.max_steps:
            control.should_save = True
            self.saved_at = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """One line a step: loss, gradient norm, learning rate."""
        if logs is None or "loss" not in logs:
            return
        kept: dict[str, Any] = {key: logs[key] for key in ("loss", "grad_norm", "learning_rate") if key in logs}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json_line({"step": state.global_step, **kept}))
        self.progress(state.global_step, state.max_steps, logs["loss"])
