"""`eartune score`: predictions against references, without a model."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from eartune.cli.console import console as terminal
from eartune.faults import InputError
from eartune.metrics import DEFINITIONS, Answered, Score, evaluate
from eartune.semantics import SemanticFrame
from eartune.tasks.prediction import Prediction, read_predictions
from eartune.utterance import Utterance, read_manifest


def score(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="JSON lines, as run and predict write them.")
    ],
    reference: Annotated[Path, typer.Option(help="The manifest with the right answers.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Score predictions, strictly: what is missing or does not parse counts as wrong.

    Example: eartune score predictions.jsonl --reference manifest.jsonl --json
    """
    references = read_manifest(reference)
    check_references(references, reference)
    answered, missing, unparsable = join(references, read_predictions(predictions), predictions)
    scores = evaluate(answered)
    if as_json:
        print(
            json.dumps(summary(scores) | {"missing": missing, "unparsable": unparsable, "n": len(answered)}, indent=1)
        )
        return
    table = Table(box=None, pad_edge=False)
    for title in ("metric", "score", "95 % interval", "definition"):
        table.add_column(title)
    for name, value in scores.items():
        table.add_row(name, f"{value.value:.4f}", f"{value.low:.4f} to {value.high:.4f}", DEFINITIONS[name])
    console = terminal()
    console.print(table)
    console.print(f"n {len(answered)}, missing {missing}, unparsable {unparsable}")


def summary(scores: dict[str, Score]) -> dict[str, object]:
    """Metric names to values, and their intervals under `intervals`."""
    intervals = {name: {"low": value.low, "high": value.high} for name, value in scores.items()}
    return {name: value.value for name, value in scores.items()} | {"intervals": intervals}


def check_references(references: tuple[Utterance, ...], path: Path) -> None:
    """Raise InputError for rows of two kinds, and for two recordings of one name, by which answers are found."""
    if len({utterance.frame.scenario is None for utterance in references}) > 1:
        raise InputError(f"{path}: some rows have scenario and action, some an intent alone; score them apart")
    names = Counter(recording.path.name for utterance in references for recording in utterance.recordings)
    for name, times in names.items():
        if times > 1:
            raise InputError(f"{path}: two recordings are called {name!r}, so that an answer could be to either")


def join(
    references: tuple[Utterance, ...], predictions: tuple[Prediction, ...], path: Path
) -> tuple[list[Answered], int, int]:
    """References with their predictions, by file where a row names one and by id otherwise.

    Raises InputError when a prediction fits no reference or two fit the same.
    """
    expected: dict[str, tuple[str, SemanticFrame]] = {}
    aliases: dict[str, str] = {}
    for utterance in references:
        for key in [recording.path.name for recording in utterance.recordings] or [utterance.id]:
            expected[key] = (utterance.id, utterance.frame)
        if len(utterance.recordings) == 1:
            aliases[utterance.id] = utterance.recordings[0].path.name
    found: dict[str, Prediction] = {}
    for prediction in predictions:
        key = Path(prediction.file).name if prediction.file else aliases.get(prediction.id, prediction.id)
        if key not in expected:
            raise InputError(f"{path}: {key!r} is not in the reference; is it of another corpus or split?")
        if key in found:
            raise InputError(f"{path}: {key!r} is predicted twice")
        found[key] = prediction
    answered = [
        Answered(frame, found[key].frame if key in found else None, cluster)
        for key, (cluster, frame) in expected.items()
    ]
    unparsable = sum(prediction.frame is None for prediction in found.values())
    return answered, len(expected) - len(found), unparsable
