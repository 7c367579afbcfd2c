"""`eartune export`: write a model that `run` made for use without eartune, and upload it."""

from pathlib import Path
from typing import Annotated

import typer

from eartune.before_torch import before_torch
from eartune.cli.console import console as terminal
from eartune.errors import InputError


def export(
    run_dir: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_DIR",
            help="A model's folder, such as runs/demo/text-only-seed0; with --push alone, an exported folder.",
        ),
    ],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="The folder to write, new or empty.")
    ] = None,
    adapter: Annotated[bool, typer.Option("--adapter", help="Write only its LoRA, for peft.")] = False,
    push: Annotated[
        str | None, typer.Option("--push", metavar="ORG/NAME", help="Upload the exported folder to the hub.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --push: only print what would be uploaded.")] = False,
) -> None:
    """Export a merged model in the hub's layout with a card, after plain transformers computed the same logits.

    Example: eartune export runs/demo/curriculum-100pct-seed0 --to my-model

    Example: eartune export my-model --push my-team/orders --dry-run
    """
    if to is None and push is None:
        raise InputError("name the folder to write: --to FOLDER")
    if push is None and dry_run:
        raise InputError("--dry-run: is for --push ORG/NAME")
    if to is None and adapter:
        raise InputError("--adapter: is for an export, with --to FOLDER")
    before_torch()
    from eartune.export.push import check_repository

    if push is not None:
        check_repository(push)
    if to is not None:
        _write(run_dir, to, adapter)
    if push is not None:
        _push(run_dir if to is None else to, push, dry_run)


def _write(run_dir: Path, to: Path, adapter: bool) -> None:
    from eartune.export.exporting import export_run

    export_run(run_dir, to, _print, adapter)
    _print(f"done: {to}. To share it: eartune export {to} --push ORG/NAME --dry-run")


def _push(folder: Path, repository: str, dry_run: bool) -> None:
    from eartune.export.push import plan_upload, push

    upload = plan_upload(folder, repository)
    for line in upload.lines():
        _print(line)
    if dry_run:
        _print("nothing was uploaded; without --dry-run it is")
        return
    push(upload)
    _print(f"done: https://huggingface.co/{repository}")


def _print(line: str) -> None:
    terminal().print(line, soft_wrap=True)
