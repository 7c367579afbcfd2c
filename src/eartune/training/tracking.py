"""Trackers that show the losses of a run elsewhere, through transformers' own integrations; none unless asked for.

What transformers 5.23 reads are the arguments `report_to`, `run_name` (wandb, mlflow, trackio) and `project` (trackio),
and the environment variables below; one that the user has set stands. Where a tracker sends what it gets, its own
settings say. Without any, mlflow, tensorboard and trackio write to this machine, and wandb sends to its servers.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eartune.errors import InputError

TRACKERS = ("wandb", "mlflow", "tensorboard", "trackio")


@dataclass(frozen=True)
class TrackedStage:
    """One stage of one model as a tracker shows it."""

    tracker: str
    project: str
    """The name of the experiment."""
    model: str
    """The name of the model for which the stage is trained; others may share it."""
    stage: str
    folder: Path
    """The folder of what tensorboard writes, for all stages of the run."""

    @property
    def name(self) -> str:
        """Return the name of the stage among those of the experiment, such as curriculum-5pct-seed0-text."""
        return f"{self.model}-{self.stage}"

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the settings of the library's trainer."""
        return {"report_to": [self.tracker], "run_name": self.name, "project": self.project}

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that the library's integration and the tracker read."""
        return {
            "wandb": {"WANDB_PROJECT": self.project, "WANDB_RUN_GROUP": self.stage},
            "mlflow": {
                "MLFLOW_EXPERIMENT_NAME": self.project,
                "MLFLOW_TAGS": json.dumps({"model": self.model, "stage": self.stage}),
            },
            "tensorboard": {"TENSORBOARD_LOGGING_DIR": str(self.folder / self.name)},
            "trackio": {},
        }[self.tracker]

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Set the variables while the block trains the stage, and close what the tracker has opened.

        The library leaves a run of wandb open, and any run after an error; the next stage would be added to it.
        """
        added = {name: value for name, value in self.environment.items() if name not in os.environ}
        os.environ.update(added)
        try:
            yield
        finally:
            for name in added:
                del os.environ[name]
            tracker = sys.modules.get(self.tracker)
            if self.tracker == "wandb" and tracker is not None and tracker.run is not None:
                tracker.finish()
            if self.tracker == "mlflow" and tracker is not None and tracker.active_run() is not None:
                tracker.end_run()


@dataclass(frozen=True)
class Tracking:
    """The tracker of a run."""

    tracker: str
    experiment: str
    folder: Path

    def stage(self, model: str, stage: str) -> TrackedStage:
        """Return how the tracker shows one stage of a model."""
        return TrackedStage(self.tracker, self.experiment, model, stage, self.folder)


def tracking_of(track: str | None, experiment: str, folder: Path) -> Tracking | None:
    """Return the tracker with a name, or None where none is asked for.

    Raises InputError for a name that is not known, and for a tracker that is not installed. `folder` is where
    tensorboard writes.
    """
    if track is None:
        return None
    if track not in TRACKERS:
        raise InputError(f"--track {track}: is no tracker that is known; known are {', '.join(TRACKERS)}")
    if find_spec(track) is None:
        raise InputError(f"--track {track}: is not installed; pip install 'eartune[{track}]'")
    return Tracking(track, experiment, folder)
