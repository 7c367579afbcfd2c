"""Workers of a Ray cluster: each model is a task, for which Ray finds a machine with a GPU, or with cores and memory.

The folder for runs and the data must be at the same place on all machines, and eartune must be installed on them.
"""

import multiprocessing
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from eartune.errors import InputError
from eartune.experiments.grid import KeyedPlan
from eartune.experiments.model_run import RunContext
from eartune.experiments.plan import figures
from eartune.experiments.progress import RunProgress
from eartune.experiments.reports import show
from eartune.experiments.resources import Resources
from eartune.experiments.workers import Work, WorkerDiedError, make_together

CONNECT_SECONDS = 10.0


def ray_slots(resources: Resources, context: RunContext, models: Mapping[str, KeyedPlan]) -> list["RaySlot"]:
    """Return as many slots as the cluster has room for: one a GPU, or one a machine if it has none."""
    ray = connected(resources)
    there, n_machines = ray.cluster_resources(), sum(node["Alive"] for node in ray.nodes())
    needs = {"max_retries": 0} | needs_of(resources, context, models, there, n_machines)
    n_slots = int(there["GPU"] // needs["num_gpus"]) if "num_gpus" in needs else resources.workers or n_machines
    work, reports = ray.put(Work.of(context, models)), reports_on_this_machine(ray)
    make = ray.remote(**needs)(_make)
    names = (f"Ray {number}" for number in range(1, min(n_slots, len(models)) + 1))
    return [RaySlot(ray, name, make, work, reports, resources.gpus_per_model) for name in names]


def connected(resources: Resources) -> Any:
    """Return the module ray, connected to the cluster; raises InputError where it is not installed or not there."""
    try:
        import ray
    except ImportError as error:
        raise InputError("a run on Ray needs the package ray: pip install 'eartune[ray]'") from error
    host, _, port = str(resources.ray).rpartition(":")
    try:
        if host and port.isdigit():  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
        ray.init(address=resources.ray, ignore_reinit_error=True, log_to_driver=False, logging_level="ERROR")
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"no Ray cluster at {resources.ray} ({reason}); start one with: ray start --head") from error
    return ray


def needs_of(
    resources: Resources,
    context: RunContext,
    models: Mapping[str, KeyedPlan],
    there: Mapping[str, float],
    n_machines: int,
) -> dict[str, Any]:
    """Return what Ray is asked for a model: a GPU and the memory to load it, or cores and the memory to train it."""
    stages = [figures(stage, context.experiment.of(plan.cell)) for plan, _ in models.values() for stage in plan.stages]
    if resources.workers is None and there.get("GPU", 0) >= 1:
        weights = [sum(part.weights for part in stage.footprint.parts.values()) for stage in stages]
        n = resources.gpus_per_model
        return {"num_gpus": n, "num_cpus": n, "memory": int(max(weights, default=0))}
    cores = int(there["CPU"] // (resources.workers or n_machines))
    return {"num_cpus": max(1, cores), "memory": int(max((stage.footprint.total for stage in stages), default=0))}


def reports_on_this_machine(ray: Any) -> Any:
    """Return a queue for what workers report, which is kept here and so does not die with another machine."""
    from ray.util.queue import Queue
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})


class RaySlot:
    """A place for one model at a time on some machine of the cluster."""

    def __init__(self, ray: Any, name: str, make: Any, work: Any, reports: Any, n: int) -> None:
        self.ray = ray
        self.name = name
        self.make = make
        self.work = work
        self.reports = reports
        self.n_processes = n
        self.task: Any = None

    def start(self, model: str) -> "Future[bool]":
        """Let Ray run the task of a model."""
        found: Future[bool] = Future()
        own = [self.work, self.reports, self.n_processes]  # in a list, so that Ray does not load the work each time
        self.task = self.make.remote(own, self.name, model)

        def end(done: "Future[bool]") -> None:
            error = done.exception()
            if error is None:
                found.set_result(done.result())
            elif isinstance(error, self.ray.exceptions.RayTaskError):
                found.set_exception(error.cause)
            elif isinstance(error, self.ray.exceptions.RayError):
                found.set_exception(WorkerDiedError(str(error)))
            else:
                found.set_exception(error)

        self.task.future().add_done_callback(end)
        return found

    def relay(self, progress: RunProgress) -> None:
        """Show what the workers reported since the last call; the queue is that of all slots."""
        for worker, what, content in self.reports.get_nowait_batch(self.reports.qsize()):
            show(progress, worker, what, content)

    def renew(self) -> None:
        """Do nothing: Ray finds another process or another machine for the next task."""

    def stop(self) -> None:
        """End the task at once, if it runs."""
        if self.task is not None:
            self.ray.cancel(self.task, force=True)


class _End:
    """The end of the queue at which a worker reports."""

    def __init__(self, reports: Any, worker: str) -> None:
        self.reports = reports
        self.worker = worker

    def send(self, message: tuple[str, Any]) -> None:
        self.reports.put_nowait((self.worker, *message))


_loaded: dict[str, Work] = {}


def _make(own: list[Any], worker: str, model: str) -> bool:
    """Make a model, as a task on some machine."""
    import ray

    from eartune.before_torch import before_torch

    before_torch()
    work, reports, n_processes = own
    if work.hex() not in _loaded:
        _loaded.clear()
        _loaded[work.hex()] = ray.get(work)
    heard, told = multiprocessing.Pipe(duplex=False)  # processes that a task starts do not know Ray
    threading.Thread(target=_pass_on, args=(heard, _End(reports, worker)), daemon=True).start()
    try:
        return make_together(n_processes, _loaded[work.hex()], model, told)
    finally:
        told.close()


def _pass_on(heard: "Connection[Any, Any]", to: _End) -> None:
    """Pass messages on until the other end is closed."""
    with suppress(EOFError, OSError):
        while True:
            to.send(heard.recv())
