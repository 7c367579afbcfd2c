"""Under which licences an experiment's data come, said once before anything is done with them."""

from rich.console import Console

from eartune.experiment import Experiment


def show_licences(experiment: Experiment, console: Console) -> None:
    """One line a corpus; those that forbid commercial use stand out."""
    for licence in dict.fromkeys(getattr(corpus, "LICENCE", None) for corpus in experiment.data.corpora):
        if licence:
            restricted = "NON-COMMERCIAL" in licence or "ACADEMIC" in licence
            console.print(f"[bold yellow]{licence}[/]" if restricted else f"[dim]{licence}[/]")
