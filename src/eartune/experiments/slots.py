"""Where the models of a run are made: in this process, in worker processes of this machine, or on a Ray cluster."""

import os
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Protocol

from eartune.claims import TakenError
from eartune.experiments.cell import make_cell
from eartune.experiments.grid import KeyedPlan
from eartune.experiments.model_run import RunContext
from eartune.experiments.progress import RunProgress
from eartune.experiments.resources import Resources, devices_of
from eartune.experiments.workers import Work, WorkerProcess


class Slot(Protocol):
    """A place where one model at a time is made."""

    name: str

    def start(self, model: str) -> "Future[bool]":
        """Begin to make a model; the future says whether it finished, or raises what ended the work.

        It raises TakenError if another process has claimed the work, and WorkerDiedError if the process that did it is
        gone.
        """

    def relay(self, progress: RunProgress) -> None:
        """Show what the worker reported since the last call."""

    def renew(self) -> None:
        """Replace a worker that died."""

    def stop(self) -> None:
        """End the worker at once, whatever it does; what it has saved stays."""


def slots_of(resources: Resources, context: RunContext, models: Mapping[str, KeyedPlan]) -> list[Slot]:
    """Return the slots that the resources allow: all these processes, a cluster, several workers, or this process."""
    if context.processes.size > 1:
        return [TheseProcesses(context, models)]
    if resources.ray is not None:
        from eartune.experiments.ray_workers import ray_slots

        return [*ray_slots(resources, context, models)]
    devices = devices_of(resources)
    if len(devices) == 1 and devices[0].processes == 1:
        os.environ.update(devices[0].environment)
        return [ThisProcess(context, models)]
    work = Work.of(context, models)
    return [WorkerProcess(device, work) for device in devices[: len(models)]]


class ThisProcess:
    """The slot of a run without workers: models are made at once, in this process."""

    name = ""

    def __init__(self, context: RunContext, models: Mapping[str, KeyedPlan]) -> None:
        self.context = context
        self.models = models

    def start(self, model: str) -> "Future[bool]":
        """Make a model, and return a future that is done."""
        future: Future[bool] = Future()
        try:
            future.set_result(make_cell(self.context, *self.models[model]))
        except Exception as error:
            future.set_exception(error)
        return future

    def relay(self, progress: RunProgress) -> None:
        """Do nothing: this process shows its progress itself."""

    def renew(self) -> None:
        """Do nothing: this process cannot outlive itself."""

    def stop(self) -> None:
        """Do nothing: there is no other process."""


class TheseProcesses(ThisProcess):
    """The slot of several processes that were started together, which make each model together."""

    can_go_on = True

    def start(self, model: str) -> "Future[bool]":
        """Make a model in all processes; an error but TakenError ends all of them."""
        self.context.processes.of_first(lambda: model)
        future = super().start(model)
        error = future.exception()
        if error is not None and not isinstance(error, TakenError):
            self.can_go_on = False
            raise error
        return future

    def follow(self) -> None:
        """Make the models that the first process begins, in any other process, until it stops."""
        while (model := self.context.processes.of_first(lambda: None)) is not None:
            with suppress(TakenError):
                make_cell(self.context, *self.models[model])

    def stop(self) -> None:
        """Let the other processes end, if they wait for the next model; after an error they end by themselves."""
        if self.can_go_on:
            self.context.processes.of_first(lambda: None)
