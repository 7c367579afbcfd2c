"""The options that `score` and `compare` share, and how both read their files."""

from pathlib import Path
from typing import Annotated

import typer

from eartune.evaluation.metrics import Mode
from eartune.evaluation.scoring.match import Matched, match
from eartune.evaluation.scoring.predictions import read_answers
from eartune.evaluation.scoring.reference import Format, Reference

ReferenceFile = Annotated[Path, typer.Option("--reference", help="The file with the right answers.")]
FormatOption = Annotated[Format, typer.Option("--format", help="The format of both files.")]
ModeOption = Annotated[
    Mode, typer.Option(help="strict: a missing or unparsable answer is wrong; official: as in SLURP's scorer.")
]
PartitionOption = Annotated[str, typer.Option(help="Which partition of a MASSIVE file is scored.")]


def matched_answers(path: Path, references: tuple[Reference, ...], format: Format, mode: Mode) -> Matched:
    """Read the predictions of a file and match them with the references."""
    by_id = {reference.id: reference for reference in references}
    return match(references, read_answers(path, format, by_id, mode), path, mode)


def counts_text(matched: Matched) -> str:
    """Return the number of rows and the numbers of each kind of failure, on one line."""
    counts = {
        "missing": matched.missing,
        "unparsable": matched.unparsable,
        "duplicated": matched.duplicated,
        "without a reference": matched.unknown,
    }
    return f"n {len(matched.pairs):,}, " + ", ".join(f"{name} {count:,}" for name, count in counts.items())
