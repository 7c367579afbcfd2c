"""What must be settled before torch is loaded: how its threads wait for one another, and what its companions print.

A command that loads a model, and a process that works for one, calls `before_torch` first.
"""

import logging
import os
import time
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""The variables that say how OpenMP's threads wait, which libgomp reads once, when torch loads it."""
BUSY_SHARE = 0.25
"""The share of this process's cores, taken by other processes, from which on the machine is busy."""
LOOK_SECONDS = 0.1
_PROC_STAT = Path("/proc/stat")
_IDLE = (3, 4)  # the fields of a core's line that count idle time: idle, iowait

OTHER_MACHINES = (
    ("torchao", "Failed to load "),  # kernels of another GPU or another Python
    ("torch.utils._pytree", "register_constant() on Enum subclasses is deprecated"),  # by torchao
    ("bitsandbytes.backends.cpu.ops", "Failed to load CPU gemm_4bit_forward "),  # a kernel of the hub's
)
"""Loggers, and the part by which to know a warning that says nothing about this machine or this run."""


def before_torch() -> None:
    """Choose how threads wait, and filter out warnings about kernels for other machines."""
    choose_waiting(os.environ)
    for logger, part in OTHER_MACHINES:
        logging.getLogger(logger).addFilter(Without(part))


def choose_waiting(environment: MutableMapping[str, str]) -> None:
    """Let threads sleep while they wait if other processes take the cores; a choice of the user's stands.

    A thread that waits for others usually spins, so that it goes on at once. Beside a busy process it spins in the
    time of those that it waits for. The choice changes no result, unlike the number of threads, which changes the
    order of sums; it holds until the process ends.
    """
    if not any(name in environment for name in WAITING) and busy_share() >= BUSY_SHARE:
        environment["OMP_WAIT_POLICY"] = "PASSIVE"


def busy_share(seconds: float = LOOK_SECONDS, stat: Path = _PROC_STAT) -> float:
    """Return the share, 0 to 1, of the time of this process's cores that others take while it sleeps for `seconds`.

    Where the system does not say, as on macOS, it is 0.
    """
    with suppress(OSError, AttributeError):  # macOS has neither the file nor the function
        cores = os.sched_getaffinity(0)
        busy_before, all_before = _ticks(stat, cores)
        time.sleep(seconds)
        busy, all_ticks = _ticks(stat, cores)
        if all_ticks > all_before:
            return (busy - busy_before) / (all_ticks - all_before)
    return 0.0


def _ticks(stat: Path, cores: set[int]) -> tuple[int, int]:
    """The time of some cores since the machine started, in ticks: busy, and in all."""
    busy = total = 0
    for line in stat.read_text().splitlines():
        name, _, counts = line.partition(" ")
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
            ticks = [int(count) for count in counts.split()[:8]]  # guests, which follow, are counted in the first two
            total += sum(ticks)
            busy += sum(ticks) - sum(ticks[field] for field in _IDLE)
    return busy, total


class Without(logging.Filter):
    """Drops the warnings of a logger that contain a text; others pass."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is logged."""
        return self.text not in record.getMessage()
