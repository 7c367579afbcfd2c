"""The processes that work on one model together: which of them this is, sums over all of them, and waiting.

torchrun -> RANK, WORLD_SIZE, LOCAL_RANK -> Processes; one process alone needs none of it, and no torch.distributed

Every process holds all weights. No forward or backward pass talks to another process, so that processes with unequal
work, or with none, cannot wait for each other at different places.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from eartune.claims import TakenError
from eartune.errors import InputError, ProcessLostError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Parameter

SHORT = timedelta(minutes=2)
"""How long a sum within a step of training may take, the wait for the slowest process included."""
LONG = timedelta(hours=12)
"""How long one process may wait for another that writes, encodes or decodes; one that ends is noticed at once."""
SECONDS_TO_ANSWER = 3.0
"""How long the processes that are left have to say so, before the others are called lost."""
BUCKET = 16 << 20
"""How many numbers are sent at once: 64 MB in float32."""
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
"""The variables of torchrun that accelerate would read, and then wrap the model and share out batches itself."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Processes:
    """One of the processes that work on a model: its number, from 0, and how many there are."""

    rank: int = 0
    size: int = 1
    waiting: Any = field(default=None, repr=False, compare=False)
    """The group of torch.distributed in which processes wait for long work; None for one process."""
    store: Any = field(default=None, repr=False, compare=False)
    """The store of torch.distributed in which processes say that they are still there; None for one process."""

    @staticmethod
    def of_environment() -> "Processes":
        """Join the processes that torchrun started; return one process alone if there is no other.

        A later call returns the same. The variables of torchrun are removed: accelerate and transformers must see one
        process. Raises InputError if the variables are no numbers.
        """
        global _joined
        if (size := _number("WORLD_SIZE", 1)) > 1:
            _joined = _join(_number("RANK", 0), size, _number("LOCAL_RANK", 0), _number("LOCAL_WORLD_SIZE", 1))
        for name in VARIABLES:
            os.environ.pop(name, None)
        return _joined

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def share_of(self, items: Sequence[_T]) -> Sequence[_T]:
        """Return the items that are this process's: every one after `size` others."""
        return items[self.rank :: self.size]

    def of_first(self, work: Callable[[], _T]) -> _T:
        """Let the first process do some work; all others wait for it and return what it returned.

        An error of the first process is raised in all of them, an InputError or a TakenError as such, any other as a
        RuntimeError.
        """
        if self.size == 1:
            return work()
        found: list[Any] = [None, None]
        try:
            found[0] = work() if self.is_first else None
        except Exception as error:
            is_known = isinstance(error, InputError | TakenError)
            found[1] = error if is_known else RuntimeError(f"{type(error).__name__}: {error}")
            raise
        finally:
            with self._noticing_the_lost():
                _distributed().broadcast_object_list(found, src=0, group=self.waiting)
        if found[1] is not None:
            raise found[1]
        result: _T = found[0]
        return result

    def wait_for_all(self) -> None:
        """Return when all processes have called this; they may come hours after each other."""
        if self.size > 1:
            with self._noticing_the_lost():
                _distributed().barrier(group=self.waiting)

    def sum_gradients(self, parameters: Sequence["Parameter"]) -> None:
        """Replace the gradients of parameters by their sums over all processes.

        A gradient that some processes do not have counts as zero; one that none has stays None, so that the optimizer
        leaves the parameter alone, as it does in one process.
        """
        import torch

        if self.size == 1 or not parameters:
            return
        number = torch.tensor([float(p.grad is not None) for p in parameters], device=parameters[0].device)
        self.add_up([number])
        used = [parameter for parameter, n in zip(parameters, number.tolist(), strict=True) if n]
        for parameter in used:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.contiguous()
        self.add_up([parameter.grad for parameter in used if parameter.grad is not None])

    def add_up(self, tensors: Sequence["Tensor"]) -> None:
        """Replace contiguous tensors by their sums over all processes, which are added in float32 and rounded once."""
        import torch

        if self.size == 1:
            return
        with torch.no_grad(), self._noticing_the_lost():
            for pieces in _buckets(tensors):
                whole = torch.cat([piece.float() for piece in pieces])
                _distributed().all_reduce(whole)
                for piece, total in zip(pieces, torch.split(whole, [len(piece) for piece in pieces]), strict=True):
                    piece.copy_(total)

    def give_out(self, tensors_of: Sequence[Sequence["Tensor"]]) -> None:
        """Replace contiguous tensors by those of the process that owns them: `tensors_of[rank]` are those of a rank."""
        import torch

        if self.size == 1:
            return
        with torch.no_grad(), self._noticing_the_lost():
            for owner, tensors in enumerate(tensors_of):
                for pieces in _buckets(tensors):
                    whole = torch.cat(pieces)
                    _distributed().broadcast(whole, src=owner)
                    for piece, value in zip(pieces, torch.split(whole, [len(piece) for piece in pieces]), strict=True):
                        piece.copy_(value)

    @contextmanager
    def _noticing_the_lost(self) -> Iterator[None]:
        """Raise ProcessLostError, which names the lost process, where torch.distributed raises an error of its own."""
        import torch

        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ProcessLostError(
                f"{self._lost()} of {self.size} has ended, or was silent for {SHORT.seconds // 60} minutes; "
                "run the same command again to go on from the last checkpoint"
            ) from error

    def _lost(self) -> str:
        """The processes that do not say that they are there, as "process 2".

        Where no launcher keeps the store, the first process does: it stays a little longer, and a store that is gone
        means that it is lost, or has noticed long before this one that another is.
        """
        try:
            self.store.set(f"here/{self.rank}", "yes")
            time.sleep(SECONDS_TO_ANSWER)
            silent = [str(rank + 1) for rank in range(self.size) if not self.store.check([f"here/{rank}"])]
        except RuntimeError:
            return "process 1 or another"
        if self.is_first:
            time.sleep(SECONDS_TO_ANSWER)
        return f"process {' and '.join(silent)}" if silent else "another process"


ONE = Processes()
"""One process alone."""
_joined = ONE


def _number(variable: str, otherwise: int) -> int:
    """The number in a variable of the environment."""
    value = os.environ.get(variable, str(otherwise))
    if not value.isdecimal():
        raise InputError(f"the variable {variable} must be a number, as torchrun sets it, and not {value!r}")
    return int(value)


def _join(rank: int, size: int, local_rank: int, local_size: int) -> Processes:
    """Join a group of processes by the address in MASTER_ADDR and MASTER_PORT."""
    import torch

    distributed = _distributed()
    n_gpus = _take_one_gpu(local_rank)
    has_own = torch.cuda.is_available() and n_gpus >= local_size
    backend = "nccl" if has_own else "gloo"  # NCCL refuses two processes on one GPU
    os.environ.setdefault("TORCH_NCCL_BLOCKING_WAIT", "1")  # a silent process then raises an error and no abort
    store, _, _ = next(distributed.rendezvous("env://", rank, size, timeout=SHORT))
    distributed.init_process_group(
        backend, store=distributed.PrefixStore("eartune", store), rank=rank, world_size=size, timeout=SHORT
    )
    waiting = distributed.new_group(backend="gloo", timeout=LONG)
    return Processes(rank, size, waiting, distributed.PrefixStore("lost", store))


def _take_one_gpu(local_rank: int) -> int:
    """Let this process see one GPU of those that it might see, and return how many these are; 0 without any.

    It must come before anything else asks CUDA. So "cuda" is the same GPU for torch, transformers and accelerate.
    """
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())]
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[local_rank % len(gpus)]
    return len(gpus)


def _buckets(tensors: Sequence["Tensor"]) -> Iterator[list["Tensor"]]:
    """Yield the numbers of tensors in lists of flat pieces, views of them, that hold BUCKET numbers or fewer."""
    pieces: list[Tensor] = []
    room = BUCKET
    for tensor in tensors:
        rest = tensor.detach().view(-1)
        while len(rest):
            pieces.append(rest[:room])
            rest, room = rest[room:], room - len(pieces[-1])
            if not room:
                yield pieces
                pieces, room = [], BUCKET
    if pieces:
        yield pieces


def _distributed() -> Any:
    """The module torch.distributed, whose import needs torch."""
    import torch.distributed

    return torch.distributed
