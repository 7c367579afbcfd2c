"""The licences of an experiment's data, printed once before anything is done with them."""

from rich.console import Console

from eartune.experiments.experiment import Experiment


def show_licences(experiment: Experiment, console: Console) -> None:
    """Print one line for each licence; those that forbid commercial use are in bold yellow."""
    for licence, is_restricted in experiment.data.licences.items():
        console.print(f"[bold yellow]{licence}[/]" if is_restricted else f"[dim]{licence}[/]")
