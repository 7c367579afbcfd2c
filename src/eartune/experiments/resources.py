"""What a run may compute with: GPUs of this machine, processes without one, or machines of a cluster."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from eartune.errors import InputError


@dataclass(frozen=True)
class Resources:
    """The workers of a run. By default there is one for each GPU of this machine, or one if it has none."""

    gpus: tuple[str, ...] | None = None
    """The GPUs to use, by CUDA's numbers or names, a worker each; None for all that there are."""
    workers: int | None = None
    """The number of workers without a GPU, which share the cores; None where GPUs are used."""
    gpus_per_model: int = 1
    """How many GPUs train a model together; without GPUs, how many processes of each worker."""
    ray: str | None = None
    """The address of a Ray cluster, such as "auto" or "10.0.0.1:6379", in whose machines the models are made."""

    def __post_init__(self) -> None:
        if self.gpus_per_model < 1:
            raise InputError(f"the number of GPUs of a model is {self.gpus_per_model}; it must be 1 or more")
        if self.ray is not None and self.gpus is not None:
            raise InputError("a Ray cluster chooses the GPUs itself; leave them out, or the cluster")
        if self.workers is not None and self.gpus is not None:
            raise InputError("name either GPUs or a number of workers without one, not both")
        if self.workers is not None and self.workers < 1:
            raise InputError(f"the number of workers is {self.workers}; it must be 1 or more")
        if self.gpus is not None and len(set(self.gpus)) < max(1, len(self.gpus)):
            raise InputError(f"the GPUs are {','.join(self.gpus) or 'none'}; name each once, such as 0,1")


WHAT_THERE_IS = Resources()


@dataclass(frozen=True)
class Device:
    """What one worker computes with."""

    name: str
    """Its name in the progress."""
    environment: Mapping[str, str]
    """The environment variables that give it its GPU."""
    threads: int | None = None
    """The number of threads on a CPU; None leaves it to torch."""
    processes: int = 1
    """The number of processes that make a model together, each with a GPU of its own or a share of the threads."""


def devices_of(resources: Resources) -> list[Device]:
    """Return what each worker computes with: GPUs of those that are named or there, or a share of the cores.

    Raises InputError if there are not enough GPUs.
    """
    n = resources.gpus_per_model
    if resources.workers is not None:
        return [on_cores(number, resources.workers, n) for number in range(1, resources.workers + 1)]
    there = gpus_here()
    gpus = there if resources.gpus is None else resources.gpus
    if (missing := [gpu for gpu in gpus if gpu.isdigit() and gpu not in there]) or (gpus and not there):
        has = f"has {', '.join(there)}" if there else "has none that torch can use"
        raise InputError(f"there is no GPU {', '.join(missing or gpus)}: this machine {has}; eartune doctor says more")
    if not gpus:
        return [Device("", {}, processes=n)]
    if len(gpus) < n:
        raise InputError(f"{n} GPUs for each model are more than the {len(gpus)} that there are")
    groups = [gpus[start : start + n] for start in range(0, len(gpus) - n + 1, n)]
    return [Device(f"GPU {'+'.join(some)}", {"CUDA_VISIBLE_DEVICES": ",".join(some)}, processes=n) for some in groups]


def on_cores(number: int, n_workers: int, n_processes: int) -> Device:
    """Return the share of one worker of the cores, on which each of its processes has as many threads."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(1, cores // (n_workers * n_processes))
    environment = {"CUDA_VISIBLE_DEVICES": ""}
    if n_processes > 1:
        environment["OMP_NUM_THREADS"] = str(threads)
    return Device(f"worker {number}", environment, None if n_workers == n_processes == 1 else threads, n_processes)


def gpus_here() -> tuple[str, ...]:
    """Return the GPUs that this process may use, as CUDA numbers or names them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(name.strip() for name in named.split(",") if name.strip())
    return tuple(map(str, range(torch.cuda.device_count())))
