"""What a result was made with: versions, machine, commit, date."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from eartune.experiments.process_memory import peak_memory_gb

PACKAGES = ("eartune", "torch", "transformers", "peft", "accelerate", "numpy", "soundfile", "soxr")


def made_with() -> dict[str, Any]:
    """Everything a reader would ask about where a number comes from, and no name of a machine or a person."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := installed_version(name))},
        "machine": {"system": platform.system(), "processor": _processor(), "cores": os.cpu_count()},
        "peak_memory_gb": round(peak_memory_gb(), 2),
        "commit": _commit(),
    }


def installed_version(package: str) -> str | None:
    """The version of a package, or None where it is not installed."""
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


def _commit() -> str | None:
    """The commit of the source tree eartune runs from, with a plus if files differ; None for an installed wheel."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
        status = subprocess.run(["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True)
    except FileNotFoundError:  # no git
        return None
    return None if head.returncode else head.stdout.strip() + ("+" if status.stdout.strip() else "")
