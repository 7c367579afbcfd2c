"""Several processes on this machine for one model: started by torch's elastic launcher, ended together.

on_ranks(4, make, cell) -> torch's launcher -> make(cell) in 4 processes -> what the first of them returned
"""

import logging
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from eartune.claims import TakenError
from eartune.errors import InputError, ProcessLostError
from eartune.processes import Processes

RESULT = "result.pickle"
_T = TypeVar("_T")


def on_ranks(n: int, function: Callable[..., _T], *arguments: Any, devices: Sequence[str] | None = None) -> _T:
    """Call a function in `n` processes, which `Processes.of_environment` knows of, and return what the first returned.

    The function must be one that a module defines, and arguments and result must be picklable. `devices` are the names
    of GPUs, as in CUDA_VISIBLE_DEVICES, one for each process; None lets them be taken in order. If a process fails,
    the others are ended; raises its InputError or TakenError as such, and for anything else ProcessLostError, which
    says which.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    for name in ("torch.distributed.elastic", "torch.multiprocessing.spawn"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they would say is raised here
    with tempfile.TemporaryDirectory() as folder:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=n,
            run_id=Path(folder).name,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            start_method="forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn",
            logs_specs=DefaultLogsSpecs(log_dir=folder),
            signals_to_handle="SIGTERM",
        )
        try:
            with _own_handler_afterwards():
                elastic_launch(config, _in_process)(function, arguments, devices, Path(folder))
        except ChildFailedError as error:
            _raise(n, Path(folder), {rank: failure.exitcode for rank, failure in error.failures.items()}, error)
        result: _T = pickle.loads((Path(folder) / RESULT).read_bytes())
    return result


@contextmanager
def _own_handler_afterwards() -> Iterator[None]:
    """Let the launcher end its processes when this one is told to end, and take its handler of signals away again."""
    from torch.distributed.elastic.multiprocessing.api import SignalException

    is_main = threading.current_thread() is threading.main_thread()  # no other thread may set a handler
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SignalException as told:
        sys.exit(128 + told.sigval)
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, before)


def _in_process(
    function: Callable[..., Any], arguments: Sequence[Any], devices: Sequence[str] | None, to: Path
) -> None:
    """Join the other processes and call the function; write its result, or its error, for the process that waits."""
    import torch

    threading.Thread(target=_end_with_the_one_that_waits, daemon=True).start()
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(devices)
    if "OMP_NUM_THREADS" not in os.environ:  # each would take all cores
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ["LOCAL_WORLD_SIZE"])))
    processes = Processes()
    try:
        processes = Processes.of_environment()
        result = function(*arguments)
        if processes.is_first:
            (to / RESULT).write_bytes(pickle.dumps(result))
    except Exception as error:
        told = (
            error
            if isinstance(error, InputError | TakenError | ProcessLostError)
            else f"{type(error).__name__}: {error}"
        )
        (to / f"{time.time():.6f}-{processes.rank}.error").write_bytes(pickle.dumps(told))
        sys.exit(1)
    processes.wait_for_all()
    if processes.size > 1:
        torch.distributed.destroy_process_group()


def _end_with_the_one_that_waits() -> None:
    """End this process as soon as the one that started it is killed: it would go on writing into a folder for runs."""
    waits = multiprocessing.parent_process()
    assert waits is not None
    waits.join()
    os._exit(1)


def _raise(n: int, folder: Path, exit_codes: dict[int, int], cause: Exception) -> NoReturn:
    """Raise the error that came first; that others have lost a process is its consequence."""
    told = [(path, pickle.loads(path.read_bytes())) for path in sorted(folder.glob("*.error"))]
    again = "run the same command again to go on from the last checkpoint"
    for path, error in told:
        if isinstance(error, InputError | TakenError):
            raise error
        if isinstance(error, str):
            rank = int(path.stem.split("-")[1])
            raise ProcessLostError(f"process {rank + 1} of {n} failed ({error}); {again}") from cause
    killed = [rank for rank, code in sorted(exit_codes.items()) if code < 0]
    if killed:
        why = f"was killed (signal {-exit_codes[killed[0]]}; the system kills a process that takes too much memory)"
        raise ProcessLostError(f"process {killed[0] + 1} of {n} {why}; {again}") from cause
    raise told[0][1] if told else ProcessLostError(f"a process of {n} ended; {again}") from cause
