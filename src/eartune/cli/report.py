"""`eartune report`: write the report of a run from its results, or one page about several runs."""

from pathlib import Path
from typing import Annotated

import typer

from eartune.cli.console import console as terminal
from eartune.cli.enough import COST_HELP, read_wish
from eartune.report import read_results, terminal_table, write_comparison, write_report
from eartune.run_folder import RunFolder


def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="A run's folder, such as runs/demo; or several.")
    ],
    target: Annotated[float | None, typer.Option(help="The score to reach, in percent, for the forecast.")] = None,
    cost: Annotated[float | None, typer.Option(help=COST_HELP)] = None,
    to: Annotated[
        Path, typer.Option(help="The file of the page about several runs; of one, the page is in its folder.")
    ] = Path("comparison.html"),
) -> None:
    """Write report.md and report.html from the results in a run's folder and print the table.

    Several runs are compared in one page. Example: eartune report runs/demo --target 90
    """
    wish = read_wish(target, cost)
    console = terminal()
    if len(folders) > 1:
        write_comparison(folders, to, wish)
        console.print(f"report: {to}")
        return
    page = write_report(folders[0], wish=wish)
    if headline := RunFolder(folders[0]).read_headline():
        console.print(headline)
    console.print(terminal_table(read_results(folders[0])))
    console.print(f"report: {page}")
