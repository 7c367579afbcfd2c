"""Somebody's own file, whatever its shape, as utterances."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from eartune.errors import InputError
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.json_rows import json_rows
from eartune.prepare.importers.lhotse import read_lhotse
from eartune.prepare.importers.messages import read_messages
from eartune.prepare.importers.nemo import read_nemo
from eartune.prepare.importers.rasa import read_rasa
from eartune.prepare.importers.row import Row
from eartune.prepare.importers.tabular import read_csv, read_jsonl, read_parquet
from eartune.prepare.importers.text import refuse_unusable

Shape = Literal["jsonl", "csv", "parquet", "messages", "nemo", "lhotse", "rasa"]
_SHAPES = get_args(Shape)
_TABLES = ("jsonl", "csv", "parquet")
_SUFFIXES: Mapping[str, Shape | None] = {
    **{".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".yml": "rasa", ".yaml": "rasa"},
    **{".jsonl": None, ".json": None, ".ndjson": None},  # the rows tell
}


def read_utterances(path: Path, shape: Shape | None = None, columns: Mapping[str, str] = {}) -> Imported:
    """The utterances of a file, and the rows that are none with the reason, both in the file's order.

    Without a `shape` it is recognised from the suffix and the first rows. `columns` maps our names (id, text, audio,
    language, speaker, intent, scenario, action, entities) to the file's and overrides the guess. Recordings are looked
    for, not opened: in the file's folder, and there in audio, wav, wavs, clips and recordings. Those found nowhere are
    named as missing from the folder, and lengths that the file does not state are nan. Raises InputError, one sentence
    that names the file, when it cannot be used at all.
    """
    refuse_unusable(path)
    if shape not in (None, *_SHAPES):
        raise InputError(f"{path}: {shape!r} is no shape; say one of {', '.join(_SHAPES)}")
    imported = _read(path, shape or _by_suffix(path), columns)
    if not imported.utterances and not imported.rejected:
        raise InputError(f"{path}: holds no rows")
    return imported


def _read(path: Path, shape: Shape | None, columns: Mapping[str, str]) -> Imported:
    rows = json_rows(path) if shape not in ("csv", "parquet", "rasa") else []
    shape = shape or _by_rows(rows)
    if columns and shape not in _TABLES:
        raise InputError(f"{path}: is read as {shape}; only {', '.join(_TABLES)} have columns to name")
    match shape:
        case "jsonl":
            return read_jsonl(rows, path, columns)
        case "csv":
            return read_csv(path, columns)
        case "parquet":
            return read_parquet(path, columns)
        case "messages":
            return read_messages(rows, path)
        case "nemo":
            return read_nemo(rows, path)
        case "lhotse":
            return read_lhotse(rows, path)
        case "rasa":
            return read_rasa(path)


def _by_suffix(path: Path) -> Shape | None:
    """None for JSON, which may be of several shapes."""
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in _SUFFIXES:
        raise InputError(f"{path}: of what shape is it? Say one of {', '.join(_SHAPES)}")
    return _SUFFIXES[suffix]


def _by_rows(rows: Sequence[Row]) -> Shape:
    """The shape of the first row that has one; any other JSON is a table."""
    contents = [row.content for row in rows[:20] if isinstance(row.content, dict)]
    return next((shape for content in contents if (shape := _by_keys(content))), "jsonl")


def _by_keys(content: dict[str, Any]) -> Shape | None:
    if isinstance(content.get("messages", content.get("conversations")), list):
        return "messages"
    if "supervisions" in content or isinstance(content.get("recording"), dict):
        return "lhotse"
    if content.keys() >= {"recording_id", "start", "duration"}:
        return "lhotse"
    return "nemo" if "audio_filepath" in content and content.keys() & {"duration", "semantics"} else None
