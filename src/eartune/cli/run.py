"""`eartune run`: make the models of an experiment, or what is missing of them."""

from pathlib import Path

from eartune.cli.console import console as terminal
from eartune.cli.licences import show_licences
from eartune.cli.options import DataRoot, ExperimentFile, RunsRoot
from eartune.experiments.experiment import read_experiment
from eartune.report import read_results, terminal_table
from eartune.training.schemes import Cascade


def run(experiment: ExperimentFile, data: DataRoot = Path("data"), runs: RunsRoot = Path("runs")) -> None:
    """Train, decode, score and report every model that is not finished; interrupted, the same command goes on.

    Example: eartune run experiments/demo.yaml
    """
    from eartune.experiments.runner import run as run_experiment

    console = terminal()
    settings = read_experiment(experiment)
    show_licences(settings, console)
    folder = run_experiment(settings, data, runs, console)
    results = read_results(folder)
    console.print(terminal_table(results))
    console.print(f"report: {folder}/report.html")
    cascades = [scheme.label for scheme in settings.grid.schemes if isinstance(scheme, Cascade)]
    listeners = [result for result in results if result.finished and result.scheme not in cascades]
    if listeners:
        best = max(listeners, key=lambda result: result.scores[result.main_metric].value)
        console.print(f"try your own recording: eartune predict {folder}/{best.name} RECORDING.wav")
