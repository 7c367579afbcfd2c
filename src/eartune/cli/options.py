"""Options that several verbs share: paths on this machine, which never change a result."""

from pathlib import Path
from typing import Annotated

import typer

ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT.yaml", help="The experiment.")]
DataRoot = Annotated[Path, typer.Option("--data", envvar="EARTUNE_DATA", help="Folder that holds the corpora.")]
RunsRoot = Annotated[Path, typer.Option("--runs", envvar="EARTUNE_RUNS", help="Folder to which runs write.")]
