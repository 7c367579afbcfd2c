"""Options that several verbs share: paths on this machine, which never change a result."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from eartune.experiments.experiment import Experiment

_WHERE = "data.root of the experiment, else EARTUNE_DATA, else data"

ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT.yaml", help="A YAML, or a name.")]
DataRoot = Annotated[Path | None, typer.Option("--data", help="Folder that holds the corpora.", show_default=_WHERE)]
RunsRoot = Annotated[Path, typer.Option("--runs", envvar="EARTUNE_RUNS", help="Folder to which runs write.")]


def data_root(given: Path | None, experiment: "Experiment | None" = None) -> Path:
    """Return the folder that holds the corpora: the one given, or of the experiment, or the environment's, or data."""
    stated = None if experiment is None else experiment.data.root
    return given or stated or Path(os.environ.get("EARTUNE_DATA") or "data")
