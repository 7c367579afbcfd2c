"""The watch on what a stage does to hearing: the word error rate on held-out recordings, while text is learned.

It is measured at fixed steps and not at checkpoints, whose times depend on the machine: where it ends a stage, it must
end it at the same step in every run.
"""

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from eartune.training.callbacks import TrainingLog

MEASURED = 10
"""How many times the word error rate is measured in a stage, evenly spaced, at its end for the last time."""


class HearingWatch(TrainerCallback):
    """The callback of a stage that measures the word error rate, logs and prints it, and may end the stage.

    `measure` returns the word error rate, 0 or more, and `say` prints a sentence. Above `stop_at`, the stage ends with
    the weights that it has; None never ends it.
    """

    def __init__(
        self, log: TrainingLog, measure: Callable[[], float], stop_at: float | None, say: Callable[[str], None]
    ) -> None:
        self.log = log
        self.measure = measure
        self.stop_at = stop_at
        self.say = say
        self.rate: float | None = None
        """The word error rate after the step that has just ended, if it was measured."""
        self.stopped: str | None = None
        """Why the stage was ended early, as a sentence; None if it was not."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Say what the word error rate is before the stage, for comparison."""
        if state.global_step == 0:
            self.say(f"word error rate {self.measure():.1%} before the first step")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Measure the word error rate if this step is one of those for it; end the stage if it is too high."""
        self.rate = None
        if state.global_step not in {round(state.max_steps * i / MEASURED) for i in range(1, MEASURED + 1)}:
            return
        self.rate = self.log.beside_loss["word_error_rate"] = self.measure()
        if self.stop_at is not None and self.rate > self.stop_at:
            control.should_training_stop = True
            control.should_save = False  # from a checkpoint of this step, a stage that is cut now would go on
            self.stopped = (
                f"stopped after step {state.global_step} of {state.max_steps}, as the word error rate "
                f"{self.rate:.1%} is above stop_at_word_error_rate, {self.stop_at:.1%}"
            )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Print the word error rate beside the loss of the same step, and why the stage ends if it does."""
        if self.rate is not None and logs is not None and "loss" in logs:
            place = f"step {state.global_step}/{state.max_steps}"
            self.say(f"{place}: loss {logs['loss']:.2f}, word error rate {self.rate:.1%}")
            if self.stopped is not None:
                self.say(self.stopped)
