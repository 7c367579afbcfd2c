"""`eartune run`: make the models of an experiment that are not finished."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from eartune.before_torch import before_torch
from eartune.cli.console import console as terminal
from eartune.cli.licences import show_licences
from eartune.cli.options import DataRoot, ExperimentFile, RunsRoot, data_root
from eartune.experiments.experiment import read_experiment
from eartune.report import terminal_table
from eartune.run_folder import ModelFolder

Gpus = Annotated[
    str | None,
    typer.Option(metavar="0,1,...", help="GPUs to use, a model on each at a time. [default: all that there are]"),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes without a GPU that make models at the same time.")]

GpusPerModel = Annotated[int, typer.Option(min=1, help="GPUs that train each model together; without GPUs, processes.")]
Ray = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster that makes the models; auto: the one here.")
]
Track = Annotated[
    str | None,
    typer.Option(
        metavar="TRACKER", help="Show losses by wandb, mlflow, tensorboard or trackio; nothing is sent by default."
    ),
]


def run(
    experiment: ExperimentFile,
    data: DataRoot = None,
    runs: RunsRoot = Path("runs"),
    gpus: Gpus = None,
    workers: Workers = None,
    gpus_per_model: GpusPerModel = 1,
    ray: Ray = None,
    track: Track = None,
) -> None:
    """Train, decode, score and report every model that is not finished; run it again to resume.

    Several processes, also of several machines, may run the same experiment at once and share its work.

    Example: eartune run experiments/demo.yaml
    """
    before_torch()
    from eartune.api import run as run_experiment

    console = terminal()
    settings = read_experiment(experiment)
    show_licences(settings, console)
    named = None if gpus is None else [gpu.strip() for gpu in gpus.split(",")]
    outcome = run_experiment(
        settings,
        data=data_root(data, settings),
        runs=runs,
        gpus=named,
        workers=workers,
        gpus_per_model=gpus_per_model,
        ray=ray,
        track=track,
        console=console,
    )
    results = outcome.results
    if headline := outcome.folder.read_headline():
        console.print(headline)
    console.print(terminal_table(results))
    console.print(f"report: {outcome.folder.html}", soft_wrap=True)
    answering = [
        result for result in results if result.finished and _takes_recordings(outcome.folder.model(result.name))
    ]
    if answering:
        best = max(answering, key=lambda result: result.scores[result.main_metric].value)
        folder = outcome.folder.model(best.name).path
        for what, verb in (("ask it about a file", f"predict {folder} RECORDING.wav"), ("talk to it", f"try {folder}")):
            console.print(f"{what}: {_program()} {verb}", soft_wrap=True)
    if outcome.failed:
        console.print(f"{len(outcome.failed)} of {len(results)} models failed: {', '.join(outcome.failed)}")
        raise typer.Exit(1)


def _takes_recordings(model: ModelFolder) -> bool:
    """Whether a finished model answers recordings; one of which only the results were copied has no plan."""
    return model.plan.is_file() and model.read_plan()["transcribed_by"] is None


def _program() -> str:
    """How to call eartune: by the path of this call where a shell finds no other, as `make demo` has it in .venv."""
    called = sys.argv[0]
    return called if Path(called).name == "eartune" and not shutil.which("eartune") else "eartune"
