"""`eartune predict`: recordings in, one JSON line each out."""

from pathlib import Path
from typing import Annotated

import typer

from eartune.files import json_line, write_text


def predict(
    run_dir: Annotated[
        Path, typer.Argument(metavar="RUN_DIR", help="A model's folder, such as runs/demo/text-only-seed0.")
    ],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Recordings, or folders of them.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; the terminal if left out.")] = None,
) -> None:
    """Answer recordings (wav, flac, ogg, mp3; any rate and channels) with a model that `run` made.

    Example: eartune predict runs/demo/text-only-seed0 order.wav --out predictions.jsonl
    """
    from eartune.experiments.predict import predict_files

    lines = "".join(json_line(row) for row in predict_files(run_dir, paths))
    if out is None:
        print(lines, end="")
    else:
        write_text(out, lines)
