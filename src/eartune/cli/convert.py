"""`eartune convert`: write the rows of a manifest as other tools read them."""

from pathlib import Path
from typing import Annotated

import typer

from eartune.cli.console import console as terminal
from eartune.data.utterance import read_manifest
from eartune.errors import InputError
from eartune.prepare.convert import FOLDERS, Target, convert


def convert_manifest(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="A manifest, as prepare writes it.")],
    to: Annotated[Target, typer.Option("--to", help="The format.")],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="Where it is written; kaldi and hf are folders.")],
) -> None:
    """Write a manifest as other tools read it: NeMo, Lhotse, Kaldi, Hugging Face's datasets, or chats.

    Example: eartune convert data/calls/train.jsonl --to nemo --out nemo/train.json
    """
    if out.resolve() == manifest.resolve():
        raise InputError(f"{out}: is the manifest itself; name another file")
    if out.exists() and out.is_dir() != (to in FOLDERS):
        raise InputError(f"{out}: is a {'folder' if out.is_dir() else 'file'}, but {to} is not; name another path")
    rows = read_manifest(manifest)
    try:
        notes = convert(rows, to, out)
    except InputError as error:
        raise InputError(f"{manifest}: {error}") from error
    for line in (*notes, f"written: {out}"):
        terminal().print(line, soft_wrap=True)
