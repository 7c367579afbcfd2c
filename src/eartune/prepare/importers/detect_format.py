"""Read a file of utterances in any format, which is detected from its suffix and its first rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from eartune.errors import InputError
from eartune.prepare.importers.columns import guess
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.json_rows import json_rows
from eartune.prepare.importers.lhotse import read_lhotse
from eartune.prepare.importers.messages import ONE_TURN, read_messages
from eartune.prepare.importers.nemo import read_nemo
from eartune.prepare.importers.rasa import read_rasa
from eartune.prepare.importers.right_row import right_row
from eartune.prepare.importers.row import Row
from eartune.prepare.importers.tabular import read_csv, read_jsonl, read_parquet
from eartune.prepare.importers.text import check_readable

FileFormat = Literal["jsonl", "csv", "parquet", "messages", "nemo", "lhotse", "rasa"]
_FORMATS = get_args(FileFormat)
_TABLES = ("jsonl", "csv", "parquet")
_FORMAT_OF_SUFFIX: Mapping[str, FileFormat | None] = {
    **{".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".yml": "rasa", ".yaml": "rasa"},
    **{".jsonl": None, ".json": None, ".ndjson": None},  # the rows show it
}


def read_utterances(path: Path, format: FileFormat | None = None, columns: Mapping[str, str] = {}) -> Imported:
    """Read a file's utterances, and its rows that cannot be used with the reasons, both in the file's order.

    Without a `format` it is detected from the suffix and the first rows. `columns` maps our names (id, text, audio,
    language, speaker, intent, scenario, action, entities) to the file's and overrides the guess. Recordings are not
    opened, only searched for: in the file's folder, and there in audio, wav, wavs, clips and recordings. One that is
    not found gets the path that it would have in the file's folder. Lengths that the file does not state are nan.
    Raises InputError, one sentence that names the file, if the whole file cannot be used.
    """
    check_readable(path)
    if format not in (None, *_FORMATS):
        raise InputError(f"{path}: {format!r} is not a format; name one of {', '.join(_FORMATS)}")
    imported = _read_rows(path, format or _by_suffix(path), columns)
    if not imported.utterances and not imported.rejected:
        raise InputError(f"{path}: holds no rows")
    return imported


def _read_rows(path: Path, format: FileFormat | None, columns: Mapping[str, str]) -> Imported:
    """Read a file, with a right row of its kind where some of its rows cannot be used."""
    rows = json_rows(path) if format not in ("csv", "parquet", "rasa") else []
    format = format or _by_rows(rows)
    if columns and format not in _TABLES:
        raise InputError(f"{path}: is read as {format}; only {', '.join(_TABLES)} have columns to name")
    imported = _read_as(format, path, rows, columns)
    example = right_row(path, format, imported.columns) if imported.rejected else ()
    return replace(imported, right_row=example)


def _read_as(format: FileFormat, path: Path, rows: Sequence[Row], columns: Mapping[str, str]) -> Imported:
    match format:
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


def _by_suffix(path: Path) -> FileFormat | None:
    """The format that a suffix shows; None for JSON, in which several formats are written."""
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in _FORMAT_OF_SUFFIX:
        raise InputError(
            f"{path}: has no suffix that shows its format; name one of {', '.join(_FORMATS)} with --format"
        )
    return _FORMAT_OF_SUFFIX[suffix]


def _by_rows(rows: Sequence[Row]) -> FileFormat:
    """The format of the first row that shows one; any other JSON is a table."""
    contents = [dict(row.content) for row in rows[:20] if isinstance(row.content, dict)]
    return next((format for content in contents if (format := _by_keys(content))), "jsonl")


def _by_keys(content: dict[str, Any]) -> FileFormat | None:
    if isinstance(content.get("messages", content.get("conversations")), list):
        return "messages"
    if any(content.keys() >= set(keys) for keys in ONE_TURN) and not {"intent", "scenario"} & guess(content).keys():
        return "messages"
    if (
        "supervisions" in content
        or isinstance(content.get("tracks"), list)
        or isinstance(content.get("recording"), dict)
    ):
        return "lhotse"
    if content.keys() >= {"recording_id", "start", "duration"}:
        return "lhotse"
    return "nemo" if "audio_filepath" in content and content.keys() & {"duration", "semantics"} else None
