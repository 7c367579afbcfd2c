"""The choice of a stage's epoch: each is scored on recordings that are neither trained nor tested on, the best is kept.

end of an epoch -> its score -> its weights, if it is the best so far -> its row -> perhaps the end of the stage

A row is written last, and once: a stage that was cut goes on from a checkpoint, comes to the end of the same epoch
again, and finds there either the row or what is to be done anew.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from eartune.files import read_lines, write_lines
from eartune.processes import ONE, Processes


class EpochChoice(TrainerCallback):
    """The callback of a stage that scores each epoch, keeps the weights of the best, and may end the stage.

    `path` is the file `dev.jsonl`, with a row for each epoch: its number, its last step, and what `measure` returns for
    the number, in which `score` counts: higher is better, and the earlier of two equal epochs is kept. `save` keeps the
    weights. After `patience` epochs that are not better than the best, the stage ends; None never ends it.
    """

    def __init__(
        self,
        path: Path,
        epochs: int,
        measure: Callable[[int], dict[str, Any]],
        save: Callable[[], None],
        say: Callable[[str], None],
        patience: int | None = None,
        processes: Processes = ONE,
    ) -> None:
        self.path = path
        self.epochs = epochs
        self.measure = measure
        self.save = save
        self.say = say
        self.patience = patience
        self.processes = processes
        self.rows = processes.of_first(lambda: [row for _, row in read_lines(path)] if path.is_file() else [])
        """What is known of each epoch, in their order; after a resume, perhaps also of epochs that come again."""
        self.stopped: str | None = None
        """Why the stage was ended early, as a sentence; None if it was not."""

    @property
    def best(self) -> int | None:
        """The number of the best epoch, from 1; None before the end of the first."""
        scores = [row["score"] for row in self.rows]
        return scores.index(max(scores)) + 1 if scores else None

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """At the end of an epoch, score it if that is still to be done; end the stage if its patience has run out.

        All epochs have equally many steps. The step at which a stage ends gets no checkpoint, as training would go on
        from it.
        """
        epoch, rest = divmod(state.global_step * self.epochs, state.max_steps)
        if rest:
            return
        if epoch > len(self.rows):
            self._score(epoch, state.global_step)
        if self._has_waited(epoch) and epoch < self.epochs:
            control.should_training_stop, control.should_save = True, False
            self.stopped = f"stopped after epoch {epoch} of {self.epochs}, as none was better after epoch {self.best}"
            self.say(self.stopped)

    def _has_waited(self, epoch: int) -> bool:
        """Whether so many epochs up to this one were no better; where it comes again after a resume, none was so far.

        Then rows of later epochs exist, which would not if the stage had ended here.
        """
        return self.patience is not None and self.best is not None and epoch - self.best >= self.patience

    def _score(self, epoch: int, step: int) -> None:
        found = self.measure(epoch)
        self.rows.append({"epoch": epoch, "step": step, **found})
        if self.best == epoch:
            self.save()
        if self.processes.is_first:
            write_lines(self.path, self.rows)
        better = ", better than before" if self.best == epoch > 1 else ""
        self.say(f"epoch {epoch} of {self.epochs}: {found['score']:.1%} on the dev set{better}")
