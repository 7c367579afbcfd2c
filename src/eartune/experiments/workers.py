"""Where models are made: in this process, or in worker processes of this machine, each with its own GPU.

A worker is told the name of a model, makes it, and says what became of it. All else it knows from the beginning.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any, Protocol

from rich.console import Console

from eartune.claims import Claims
from eartune.errors import InputError
from eartune.experiments.cell import make_cell
from eartune.experiments.grid import KeyedPlan
from eartune.experiments.model_run import RunContext
from eartune.experiments.progress import RunProgress
from eartune.experiments.resources import Resources

SECONDS_BETWEEN_MESSAGES = 0.5

PRELOADED = "eartune.experiments.preloaded"

Died = BrokenProcessPool
"""What the future of a model raises whose process died."""


class Slot(Protocol):
    """A place where one model at a time is made."""

    name: str

    def start(self, model: str) -> "Future[bool]":
        """Begin to make a model; the future says whether it finished, or raises what ended the work.

        It raises TakenError if another process has claimed the work, and `Died` if the process that did it is gone.
        """

    def relay(self, progress: RunProgress) -> None:
        """Show what the worker reported since the last call."""

    def renew(self) -> None:
        """Replace a worker that died."""

    def stop(self) -> None:
        """End the worker at once, whatever it does; what it has saved stays."""


@dataclass(frozen=True)
class Device:
    """What one worker computes with."""

    name: str
    """Its name in the progress."""
    environment: Mapping[str, str]
    """The environment variables that give it its GPU."""
    threads: int | None = None
    """The number of threads on a CPU; None leaves it to torch."""


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


class WorkerProcess:
    """The slot of a process of this machine, which is started anew if it dies."""

    def __init__(self, device: Device, context: RunContext, models: Mapping[str, KeyedPlan]) -> None:
        self.name = device.name
        self.device = device
        shared = context.experiment, context.pools, context.folder, context.index, context.name_of
        self.work = shared, dict(models), context.progress.console.width
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
        setup = (self.device, *self.work, self.told, lives)
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


def slots_of(resources: Resources, context: RunContext, models: Mapping[str, KeyedPlan]) -> list[Slot]:
    """Return the slots that the resources allow: of a cluster, several worker processes, or this process."""
    if resources.ray is not None:
        from eartune.experiments.ray_workers import ray_slots

        return ray_slots(resources, context, models)
    devices = devices_of(resources)
    if len(devices) == 1:
        os.environ.update(devices[0].environment)
        return [ThisProcess(context, models)]
    return [WorkerProcess(device, context, models) for device in devices[: len(models)]]


def devices_of(resources: Resources) -> list[Device]:
    """Return what each worker computes with: a GPU for each that is named or there, or a share of the cores."""
    if resources.workers is not None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = None if resources.workers == 1 else max(1, cores // resources.workers)
        no_gpu = {"CUDA_VISIBLE_DEVICES": ""}
        return [Device(f"worker {number}", no_gpu, threads) for number in range(1, resources.workers + 1)]
    there = gpus_here()
    gpus = there if resources.gpus is None else resources.gpus
    if (missing := [gpu for gpu in gpus if gpu.isdigit() and gpu not in there]) or (gpus and not there):
        has = f"has {', '.join(there)}" if there else "has none that torch can use"
        raise InputError(f"there is no GPU {', '.join(missing or gpus)}: this machine {has}; eartune doctor says more")
    if not gpus:
        return [Device("", {})]
    return [Device(f"GPU {gpu}", {"CUDA_VISIBLE_DEVICES": str(gpu)}) for gpu in gpus]


def gpus_here() -> tuple[str, ...]:
    """Return the GPUs that this process may use, as CUDA numbers or names them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(name.strip() for name in named.split(",") if name.strip())
    return tuple(map(str, range(torch.cuda.device_count())))


def show(progress: RunProgress, worker: str, what: str, content: Any) -> None:
    """Show a message of the `Reports` of a worker."""
    if what == "line":
        progress.console.print(f"{worker}: {content}", markup=False, highlight=False)
    elif what == "within":
        progress.within(**content, worker=worker)
    else:
        progress.done(**content, worker=worker)


class Told(Protocol):
    """The end of a connection at which a worker reports."""

    def send(self, message: tuple[str, Any]) -> None:
        """Send a message, which `show` shows."""


class Reports:
    """The progress of a worker, which is sent to the process that started it."""

    def __init__(self, told: Told, width: int) -> None:
        self.told = told
        self.console = Console(file=_Lines(told), width=width)  # type: ignore[arg-type]
        self._sent_at = -SECONDS_BETWEEN_MESSAGES

    def within(self, what: str, units: float, part: float, earlier: float = 0.0) -> None:
        """Send how far the piece is, at most twice a second."""
        if time.monotonic() - self._sent_at >= SECONDS_BETWEEN_MESSAGES:
            self._sent_at = time.monotonic()
            self.told.send(("within", {"what": what, "units": units, "part": part, "earlier": earlier}))

    def done(self, units: float, skipped: bool = False, piece: str | None = None) -> None:
        """Send that a piece is finished."""
        self.told.send(("done", {"units": units, "skipped": skipped, "piece": piece}))


class _Lines:
    """A file to which the console of a worker writes, and which sends whole lines."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.begun = ""

    def write(self, text: str) -> None:
        *whole, self.begun = (self.begun + text).split("\n")
        for line in whole:
            self.told.send(("line", line.rstrip()))

    def flush(self) -> None:
        """Do nothing, as lines are sent at once."""


_context: RunContext
_models: Mapping[str, KeyedPlan]


def _begin(
    device: Device,
    shared: tuple[Any, ...],
    models: Mapping[str, KeyedPlan],
    width: int,
    told: "Connection[Any, Any]",
    lives: "Connection[Any, Any]",
) -> None:
    """Prepare a worker process: its device, and its end if the process that started it ends."""
    global _context, _models
    import signal

    from eartune.before_torch import before_torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C, whoever started this process decides what follows
    threading.Thread(target=_end_with, args=(lives,), daemon=True).start()
    os.environ.update(device.environment)
    before_torch()
    if device.threads is not None:
        import torch

        torch.set_num_threads(device.threads)
    experiment, pools, folder, index, name_of = shared
    _context = RunContext(experiment, pools, folder, index, name_of, Claims(folder.claims), Reports(told, width))
    _models = models


def _end_with(lives: "Connection[Any, Any]") -> None:
    """End this process when the one that started it ends or closes the connection."""
    try:
        lives.recv()
    except (EOFError, OSError):
        os._exit(1)


def _make(model: str) -> bool:
    return make_cell(_context, *_models[model])
