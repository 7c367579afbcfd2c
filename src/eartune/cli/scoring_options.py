"""What `score` and `compare` share: their options, and reading predictions against references."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from eartune.evaluation.metrics import Mode
from eartune.evaluation.scoring.match import Matched, match
from eartune.evaluation.scoring.predictions import read_answers
from eartune.evaluation.scoring.reference import Format, Reference

ReferenceFile = Annotated[Path, typer.Option("--reference", help="The file with the right answers.")]
FormatOption = Annotated[Format, typer.Option("--format", help="Whose files they are.")]
ModeOption = Annotated[
    Mode, typer.Option(help="strict: what is missing or unreadable is wrong; official: as SLURP's scorer.")
]
PartitionOption = Annotated[str, typer.Option(help="Which rows of a MASSIVE file are asked.")]


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """A corpus is a million small objects, none of them garbage; looking them through takes longer than a score."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def matched_answers(path: Path, references: tuple[Reference, ...], format: Format, mode: Mode) -> Matched:
    """The predictions of a file, joined with the references."""
    by_id = {reference.id: reference for reference in references}
    return match(references, read_answers(path, format, by_id, mode), path, mode)


def faults_in_words(matched: Matched) -> str:
    """What went wrong, in one line."""
    counts = {
        "missing": matched.missing,
        "unparsable": matched.unparsable,
        "duplicated": matched.duplicated,
        "of no reference": matched.unknown,
    }
    return f"n {len(matched.pairs):,}, " + ", ".join(f"{name} {count:,}" for name, count in counts.items())
