"""A task whose worker processes are killed while they learn or answer, or that is wrong; in other processes it is SLU.

Workers import this module, which lets them save a checkpoint after every step.
"""

import multiprocessing
import os
import signal
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.tasks.slu import Schema, SluTask
from eartune.tasks.task import ParseStatus

CALLS: Counter[str] = Counter()
IS_WORKER = multiprocessing.current_process().name != "MainProcess" or sys.argv[0].endswith(
    "default_worker.py"
)  # of Ray

if IS_WORKER:
    from eartune.training import callbacks

    callbacks.CHECKPOINT_SHARE = 0
    callbacks.TrainingLog = partial(callbacks.TrainingLog, checkpoint_seconds=0.0)  # type: ignore[misc,assignment]


class DeadlyTask(SluTask):
    """SLU that kills its worker at the given calls of `target` and `parse`, at most as often as `times` says."""

    deaths: Path
    """A folder with a file for each time that a worker was killed."""
    learning: int = 0
    """The call of `target` of a worker at which it is killed; 0: never."""
    answering: int = 0
    """The same for `parse`."""
    times: int = 1
    wrong: bool = False
    """Whether workers raise InputError instead."""

    def to_json(self) -> dict[str, Any]:
        """Return the settings of SLU alone, so that stages and answers are those of SLU."""
        return SluTask(entity_order=self.entity_order).to_json()

    def target(self, utterance: Utterance) -> str:
        """Return the frame as JSON, or end the process."""
        self.die_at("learning", self.learning)
        return super().target(utterance)

    def parse(self, text: str, labels: Schema) -> tuple[SemanticFrame | None, ParseStatus]:
        """Return the frame in an answer, or end the process."""
        self.die_at("answering", self.answering)
        return super().parse(text, labels)

    def die_at(self, what: str, call: int) -> None:
        """End a worker process at the given call, if others have not been ended often enough."""
        CALLS[what] += 1
        if not IS_WORKER or CALLS[what] != call:
            return
        if self.wrong:
            raise InputError("test3.wav: is wrong")
        self.deaths.mkdir(parents=True, exist_ok=True)
        if len(list(self.deaths.iterdir())) < self.times:
            (self.deaths / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
