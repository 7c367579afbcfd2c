"""`eartune tune`: train the one model that our tables recommend for what a folder of manifests holds."""

from pathlib import Path
from typing import Annotated

import typer

from eartune.cli.console import console as terminal
from eartune.cli.options import RunsRoot
from eartune.cli.run import run
from eartune.prepare.recipes import WHAT_SELF_TRAINING_NEEDS, read_contents, tuning_of, what_there_is
from eartune.prepare.starting_model import starting_model


def tune(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of manifests, as prepare writes it.")],
    unlabelled: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A folder of manifests as prepare --unlabelled writes it.")
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, max=2**32 - 1, help="The seed of training, and of the part on which epochs are chosen."),
    ] = 0,
    only_write: Annotated[bool, typer.Option("--only-write", help="Write the experiment, and do not run it.")] = False,
    runs: RunsRoot = Path("runs"),
) -> None:
    """Train the model that our results recommend for a folder of manifests, and report how good it is.

    It writes an experiment with one scheme, says why it is that one, and runs it; the same command resumes it.

    Example: eartune tune data/calls
    """
    console = terminal()
    contents = read_contents(folder, unlabelled)
    tuning = tuning_of(contents, folder, starting_model(), seed)
    tuning.write()
    not_used = list(contents.not_used)
    if contents.unlabelled and not tuning.recipe.uses_unlabelled:
        not_used += [f"{unlabelled}: is not used; {WHAT_SELF_TRAINING_NEEDS}"]
    chosen = f"recipe: {tuning.recipe.name}", tuning.recipe.why
    for line in (f"{folder}: {what_there_is(contents)}", *chosen, *not_used):
        console.print(line, soft_wrap=True)
    console.print(f"\n{tuning.text}", soft_wrap=True)
    if only_write:
        console.print(f"written: {tuning.path}. Next: eartune run {tuning.path}", soft_wrap=True)
        return
    run(tuning.path, runs=runs)
    console.print(f"the experiment that was run: {tuning.path}", soft_wrap=True)
