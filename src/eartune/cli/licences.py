"""Printing of the licences of an experiment's data, before they are used."""

from rich.console import Console

from eartune.experiments.experiment import Experiment


def show_licences(experiment: Experiment, console: Console) -> None:
    """Print one line for each licence; those that forbid commercial use are highlighted."""
    for licence, is_restricted in experiment.data.licences.items():
        console.print(licence, style="bold yellow" if is_restricted else "dim")
