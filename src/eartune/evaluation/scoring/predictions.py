"""Reads predictions in the formats of eartune, of SLURP's systems and of MASSIVE's systems."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eartune.data.corpora.massive import token_labels
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import read_frame
from eartune.errors import InputError
from eartune.evaluation.metrics import Mode
from eartune.evaluation.scoring.positions import entities_by_position, fit_labels, locate_entities
from eartune.evaluation.scoring.reference import Format, Reference
from eartune.tasks.prediction import Prediction, prediction_rows, read_predictions, read_status
from eartune.tasks.slu import Schema, SluTask


@dataclass(frozen=True)
class EntityWithMore(Entity):
    """An entity with keys besides type and filler; in the official scorer it equals no entity of a reference."""


def read_answers(path: Path, format: Format, references: Mapping[str, Reference], mode: Mode) -> tuple[Prediction, ...]:
    """Read the predictions in a file; raises InputError that names the file and the row of the first fault."""
    task, labels = SluTask(), Schema.of(reference.frame for reference in references.values())
    if format == "manifest":
        return read_predictions(path, task, labels)
    if format == "slurp":
        rows = prediction_rows(path, task, labels, keys=("entities",))
        return tuple(_slurp(row, place, mode) for place, row in rows)
    rows = prediction_rows(path, task, labels, keys=("pred_intent",))
    return tuple(_massive(row, place, references) for place, row in rows)


def _slurp(row: dict[str, Any], place: str, mode: Mode) -> Prediction:
    """A row with a `file`, or with a `slurp_id` if gold transcripts were answered; or a row of eartune's own format."""
    file, key = row.get("file"), row.get("slurp_id", row.get("id"))
    if not isinstance(file, str) and not isinstance(key, str | int):
        raise InputError(f'{place}: needs a "file" or a "slurp_id"')
    is_unread = (
        not {"scenario", "intent"} & row.keys() and "status" in row
    )  # an answer in eartune's format that could not be parsed
    frame = None if is_unread else read_frame(row, place)
    if mode == "official":
        if frame is not None:
            frame = _as_official(frame, row, place)
        key = key if isinstance(key, str) else f"{key} as a number"  # the official scorer matches no number
    status = read_status(row, place, has_answer=frame is not None)
    return Prediction(str(key), file if isinstance(file, str) else None, str(row.get("text", "")), status, frame)


def _as_official(frame: SemanticFrame, row: dict[str, Any], place: str) -> SemanticFrame:
    """The frame with those entities marked that have more than two keys."""
    if "entities" not in row:
        raise InputError(f'{place}: needs "entities", a list, which may be empty')
    written = row["entities"]
    if all(len(entity) == 2 for entity in written):
        return frame
    pairs = zip(frame.entities, written, strict=True)
    return replace(frame, entities=tuple(EntityWithMore(e.type, e.filler) if len(row) > 2 else e for e, row in pairs))


def _massive(row: dict[str, Any], place: str, references: Mapping[str, Reference]) -> Prediction:
    """A row with `pred_intent` and `pred_annot_utt`, as MASSIVE's systems write it, or a row of eartune's format."""
    key = row.get("id")
    if not isinstance(key, str | int):
        raise InputError(f'{place}: needs an "id"')
    reference = references.get(str(key))
    has_frame = any(name in row for name in ("pred_intent", "intent", "scenario"))
    text, status = str(row.get("text", "")), read_status(row, place, has_frame)
    if reference is None:
        return Prediction(str(key), None, text, status, None)
    if "pred_intent" in row:
        labels = token_labels(str(row.get("pred_annot_utt", "")), reference.language)[1]
        entities = entities_by_position(fit_labels(labels, len(reference.tokens)), reference.tokens)
        return Prediction(str(key), None, text, status, SemanticFrame(str(row["pred_intent"]), entities))
    if not has_frame:
        return Prediction(str(key), None, text, status, None)
    frame = read_frame(row, place)
    located = locate_entities(frame.entities, reference.tokens, reference.language)
    return Prediction(str(key), None, text, status, SemanticFrame(frame.intent, located))
