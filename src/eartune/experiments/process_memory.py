"""The memory of this process now and at its peak, and the return of a finished model's memory to the system."""

import ctypes
import gc
import platform
import resource
import sys
from contextlib import suppress
from pathlib import Path


def peak_memory_gb() -> float:
    """Return the most memory that this process ever held, in GB (1e9 bytes)."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1e9 if sys.platform == "darwin" else 1e6)  # macOS counts bytes


def resident_bytes() -> int | None:
    """Return how much memory this process holds now, in bytes; None where the system does not say, as on macOS."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    return None


def give_memory_back() -> None:
    """Collect garbage and return freed memory to the system.

    glibc keeps what a model freed, in pieces too small for the next one: on a CPU every model of a grid would take
    about 1 GB more than the one before.
    """
    gc.collect()
    gc.freeze()  # what is left are modules and data: no later collection has to look through them again
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()  # does nothing without a GPU
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
