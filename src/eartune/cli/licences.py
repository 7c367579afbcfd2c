"""Under which licences an experiment's data come, said once before anything is done with them."""

from rich.console import Console

from eartune.experiments.experiment import Experiment


def show_licences(experiment: Experiment, console: Console) -> None:
    """One line a corpus; those that forbid commercial use stand out."""
    for licence, is_restricted in experiment.data.licences.items():
        console.print(f"[bold yellow]{licence}[/]" if is_restricted else f"[dim]{licence}[/]")
