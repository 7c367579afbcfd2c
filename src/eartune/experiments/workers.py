"""Worker processes of this machine, each with its own GPU or share of the cores.

A worker is told the name of a model, makes it, and says what became of it. All else it knows from the beginning.
"""

import multiprocessing
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any

from eartune.claims import Claims
from eartune.experiments.cell import make_cell
from eartune.experiments.grid import KeyedPlan
from eartune.experiments.model_run import RunContext
from eartune.experiments.progress import RunProgress
from eartune.experiments.reports import Nobody, Reports, Told, show
from eartune.experiments.resources import Device
from eartune.processes import ONE, Processes

PRELOADED = "eartune.experiments.preloaded"

WorkerDiedError = BrokenProcessPool
"""What the future of a model raises whose process died."""


@dataclass(frozen=True)
class Work:
    """What a worker knows from the beginning: all that the models of a run share, and their plans."""

    shared: Mapping[str, Any]
    """The fields of `RunContext` but for those that a process has for itself."""
    models: Mapping[str, KeyedPlan]
    width: int
    """The width of the terminal, in characters."""

    @classmethod
    def of(cls, context: RunContext, models: Mapping[str, KeyedPlan]) -> "Work":
        """Return the work of a run, which can be sent to other processes."""
        own = {"claims", "progress", "processes"}
        shared = {one.name: getattr(context, one.name) for one in fields(context) if one.name not in own}
        return cls(shared, dict(models), context.progress.console.width)

    def make(self, model: str, told: Told, processes: Processes = ONE) -> bool:
        """Make a model in this process, or its part of it, reporting to `told`; return whether it finished."""
        claims = Claims(self.shared["folder"].claims)
        return make_cell(
            RunContext(**self.shared, claims=claims, progress=Reports(told, self.width), processes=processes),
            *self.models[model],
        )


class WorkerProcess:
    """The slot of a process of this machine, which is started anew if it dies."""

    def __init__(self, device: Device, work: Work) -> None:
        self.name = device.name
        self.device = device
        self.work = work
        self.renew()

    def start(self, model: str) -> "Future[bool]":
        """Let the process make a model."""
        future = self.pool.submit(_make, model)
        self.told.close()  # the worker has it now; if it dies, whoever reads from it must not wait for ever
        return future

    def relay(self, progress: RunProgress) -> None:
        """Show what the worker reported since the last call."""
        try:
            while self.heard.poll():
                show(progress, self.name, *self.heard.recv())
        except (EOFError, OSError):
            return  # it died, as its future says

    def renew(self) -> None:
        """Prepare a new process, which starts with the first model."""
        started = start_method()
        self.heard, self.told = started.Pipe(duplex=False)
        lives, self.alive = started.Pipe(duplex=False)
        setup = (self.device, self.work, self.told, lives)
        self.pool = ProcessPoolExecutor(1, started, initializer=_begin, initargs=setup)

    def stop(self) -> None:
        """End the process at once."""
        self.alive.close()
        self.pool.shutdown(wait=True, cancel_futures=True)


def start_method() -> BaseContext:
    """Return how worker processes start: as forks of a process that has imported all they need and done nothing yet.

    A fork of this process, which has threads, might hang.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([PRELOADED])
    return found


_device: Device
_work: Work
_told: Told


def _begin(device: Device, work: Work, told: "Connection[Any, Any]", lives: "Connection[Any, Any]") -> None:
    """Prepare a worker process: its device, and its end if the process that started it ends."""
    global _device, _work, _told
    import signal

    from eartune.before_torch import before_torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C, whoever started this process decides what follows
    threading.Thread(target=_end_with, args=(lives,), daemon=True).start()
    os.environ.update(device.environment)
    before_torch()
    if device.threads is not None:
        import torch

        torch.set_num_threads(device.threads)
    _device, _work, _told = device, work, told


def _end_with(lives: "Connection[Any, Any]") -> None:
    """End this process when the one that started it ends or closes the connection."""
    try:
        lives.recv()
    except (EOFError, OSError):
        os._exit(1)


def _make(model: str) -> bool:
    return make_together(_device.processes, _work, model, _told)


def make_together(n: int, work: Work, model: str, told: Told) -> bool:
    """Make a model in this process, or in `n` processes that it starts; `told` can be sent to these."""
    if n == 1:
        return work.make(model, told)
    from eartune.experiments.ranks import on_ranks

    start_method()  # of this process, whose own server of forks imports everything once too
    return on_ranks(n, _make_part, work, model, told)


def _make_part(work: Work, model: str, told: Told) -> bool:
    """Do the part of one of several processes in making a model; the first of them reports."""
    processes = Processes.of_environment()
    return work.make(model, told if processes.is_first else Nobody(), processes)
