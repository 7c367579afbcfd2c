"""The provenance of a result: date, versions, machine, and the commits of eartune and of the user's repository."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from eartune.experiments.process_memory import peak_memory_gb

PACKAGES = ("eartune", "torch", "transformers", "peft", "accelerate", "numpy", "soundfile", "soxr")


def made_with() -> dict[str, Any]:
    """Return date, versions, machine, peak memory and commits, but no name of a machine or of a person."""
    now = {"date": datetime.now(UTC).date().isoformat(), "peak_memory_gb": round(peak_memory_gb(), 2)}
    return now | _of_this_process(Path.cwd())


@cache
def _of_this_process(folder: Path) -> dict[str, Any]:
    """What does not change while a process runs: the code that it has loaded is of the commit at its start."""
    return {
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := installed_version(name))},
        "machine": machine(),
        "commit": source_commit(),
        "user_commit": user_commit(folder),
    }


@cache
def machine() -> dict[str, Any]:
    """Return the kind of this machine."""
    return {"system": platform.system(), "processor": _processor(), "cores": os.cpu_count()}


def installed_version(package: str) -> str | None:
    """Return the version of a package, or None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    names = [
        line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def source_commit(file: Path = Path(__file__)) -> str | None:
    """Return the commit of the repository that tracks a file of eartune, with a plus if tracked files were changed.

    None for an installed package, also where it is installed inside of somebody's repository, which ignores it.
    """
    return user_commit(file.parent) if _git(file.parent, "ls-files", "--error-unmatch", file.name) else None


def user_commit(folder: Path) -> str | None:
    """Return the commit of the repository that a folder is in, with a plus if tracked files were changed, or None."""
    head = _git(folder, "rev-parse", "--short", "HEAD")
    return head and head + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails, or is not installed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # set in hooks
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout.strip()
