"""Options that several commands share: where things are on this machine, never what an experiment computes."""

from pathlib import Path
from typing import Annotated

import typer

ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT.yaml", help="The experiment.")]
DataRoot = Annotated[Path, typer.Option("--data", envvar="EARTUNE_DATA", help="Folder that holds the corpora.")]
RunsRoot = Annotated[Path, typer.Option("--runs", envvar="EARTUNE_RUNS", help="Folder for what runs write.")]
