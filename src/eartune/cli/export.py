"""`eartune export`: write a model that `run` made for use without eartune."""

from pathlib import Path
from typing import Annotated

import typer

from eartune.before_torch import before_torch
from eartune.cli.console import console as terminal


def export(
    run_dir: Annotated[
        Path, typer.Argument(metavar="RUN_DIR", help="A model's folder, such as runs/demo/text-only-seed0.")
    ],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="The folder to write, new or empty.")],
    adapter: Annotated[bool, typer.Option("--adapter", help="Write only its LoRA, for peft.")] = False,
) -> None:
    """Export a merged model in the hub's layout with a card, after plain transformers computed the same logits.

    Example: eartune export runs/demo/curriculum-100pct-seed0 --to my-model
    """
    before_torch()
    from eartune.export.exporting import export_run

    console = terminal()
    export_run(run_dir, to, lambda line: console.print(line, markup=False, soft_wrap=True), adapter)
    console.print(f"done: {to}. To share it: hf upload OWNER/NAME {to}", markup=False, soft_wrap=True)
