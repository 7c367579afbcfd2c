"""`eartune report`: write the report of a run from its results."""

from pathlib import Path
from typing import Annotated

import typer

from eartune.cli.console import console as terminal
from eartune.report import read_results, terminal_table, write_report
from eartune.run_folder import RunFolder


def report(folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as runs/demo.")]) -> None:
    """Write report.md and report.html from the results in a run's folder and print the table.

    Example: eartune report runs/demo
    """
    page = write_report(folder)
    console = terminal()
    if headline := RunFolder(folder).read_headline():
        console.print(headline, markup=False, highlight=False)
    console.print(terminal_table(read_results(folder)))
    console.print(f"report: {page}")
