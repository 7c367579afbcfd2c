"""Read a file or folder of utterances in any format, which is detected from its suffix, its first rows, its files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from eartune.data.audio import AUDIO_SUFFIXES
from eartune.errors import InputError
from eartune.prepare.importers.annotation import is_doccano, is_label_studio, read_doccano, read_label_studio
from eartune.prepare.importers.columns import NAMES, guess
from eartune.prepare.importers.folders import (
    FolderFormat,
    format_of_folder,
    read_label_folders,
    read_unlabelled_recordings,
)
from eartune.prepare.importers.import_result import Imported
from eartune.prepare.importers.json_rows import json_rows, not_rows
from eartune.prepare.importers.kaldi import read_kaldi
from eartune.prepare.importers.lhotse import read_lhotse
from eartune.prepare.importers.messages import ONE_TURN, read_messages
from eartune.prepare.importers.nemo import read_nemo
from eartune.prepare.importers.rasa import read_rasa
from eartune.prepare.importers.right_row import right_row
from eartune.prepare.importers.row import Row
from eartune.prepare.importers.tabular import read_csv, read_dataset, read_jsonl, read_parquet
from eartune.prepare.importers.text import check_readable

FileFormat = Literal["jsonl", "csv", "parquet", "messages", "nemo", "lhotse", "rasa", "label-studio", "doccano"]
_FORMATS = get_args(FileFormat)
_TABLES = ("jsonl", "csv", "parquet", "dataset")
_NOT_JSON = ("csv", "parquet", "rasa", *get_args(FolderFormat))
_MAY_BE_UNLABELLED = (*_TABLES, "kaldi", "recordings", "doccano")
_FORMAT_OF_SUFFIX: Mapping[str, FileFormat | None] = {
    **{".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".yml": "rasa", ".yaml": "rasa"},
    **{".jsonl": None, ".json": None, ".ndjson": None},  # the rows show it
}
_TABLE_OF_PARTS = "write a CSV with a row for each part: audio, start, end, text and intent"
_OTHERS: Mapping[str, str] = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm"), "is an Excel file; save it as CSV UTF-8"),
    **dict.fromkeys((".ods", ".numbers"), "is a spreadsheet; save it as CSV in UTF-8"),
    ".textgrid": f"is a TextGrid of Praat, which is not read; {_TABLE_OF_PARTS}",
    **dict.fromkeys((".srt", ".vtt"), f"has subtitles, which are not read; {_TABLE_OF_PARTS}"),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar"), "is an archive; unpack it and name what is in it"),
    **dict.fromkeys(
        AUDIO_SUFFIXES, "is a recording; name the file that lists the rows, or with --unlabelled its folder"
    ),
}


def read_utterances(
    path: Path, format: FileFormat | None = None, columns: Mapping[str, str] = {}, labelled: bool = True
) -> Imported:
    """Read a file's utterances, and its rows that cannot be used with the reasons, both in the file's order.

    Without a `format` it is detected from the suffix and the first rows. `columns` maps our names (id, text, audio,
    language, speaker, intent, scenario, action, entities, split, ...) to the file's and overrides the guess.
    Recordings are not opened, only searched for: in the file's folder, and there in audio, wav, wavs, clips and
    recordings. One that is not found gets the path that it would have in the file's folder. Lengths that the file does
    not state are nan.
    A folder is a saved dataset, a data directory of Kaldi, or recordings in a folder for each label. Where rows need
    not be `labelled`, one without an intent has no frame, and any folder of recordings is read.
    Raises InputError, one sentence that names the file, if the whole file cannot be used.
    """
    if format not in (None, *_FORMATS):
        raise InputError(f"{path}: {format!r} is not a format; name one of {', '.join(_FORMATS)}")
    if path.is_dir():
        imported = _read_rows(path, format_of_folder(path, labelled), columns, labelled)
    else:
        check_readable(path)
        imported = _read_rows(path, format or _by_suffix(path), columns, labelled)
    if not imported.utterances and not imported.rejected:
        raise InputError(f"{path}: holds no rows")
    return imported


def _read_rows(
    path: Path, format: FileFormat | FolderFormat | None, columns: Mapping[str, str], labelled: bool
) -> Imported:
    """Read a file, with a right row of its kind where some of its rows cannot be used."""
    rows = json_rows(path) if format not in _NOT_JSON else []
    format = format or _by_rows(rows, path, as_table=bool(columns) or not labelled)
    if columns and format not in _TABLES:
        raise InputError(f"{path}: is read as {format}; only {', '.join(_TABLES)} have columns to name")
    if not labelled and format not in _MAY_BE_UNLABELLED:
        raise InputError(f"{path}: is read as {format}; only {', '.join(_MAY_BE_UNLABELLED)} may be unlabelled")
    imported = _read_as(format, path, rows, columns, labelled)
    example = right_row(path, format, imported.columns, labelled) if imported.rejected else ()
    return replace(imported, right_row=example)


def _read_as(
    format: FileFormat | FolderFormat, path: Path, rows: Sequence[Row], columns: Mapping[str, str], labelled: bool
) -> Imported:
    match format:
        case "jsonl":
            return read_jsonl(rows, path, columns, labelled)
        case "csv":
            return read_csv(path, columns, labelled)
        case "parquet":
            return read_parquet(path, columns, labelled)
        case "dataset":
            return read_dataset(path, columns, labelled)
        case "kaldi":
            return read_kaldi(path, labelled)
        case "audiofolder":
            return read_label_folders(path)
        case "recordings":
            return read_unlabelled_recordings(path)
        case "label-studio":
            return read_label_studio(rows, path)
        case "doccano":
            return read_doccano(rows, path, labelled)
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
    if suffix in _OTHERS:
        raise InputError(f"{path}: {_OTHERS[suffix]}")
    if suffix not in _FORMAT_OF_SUFFIX:
        raise InputError(
            f"{path}: has no suffix that shows its format; name one of {', '.join(_FORMATS)} with --format"
        )
    return _FORMAT_OF_SUFFIX[suffix]


def _by_rows(rows: Sequence[Row], path: Path, as_table: bool) -> FileFormat:
    """The format of the first row that shows one; any other JSON is a table, but for an object of other things.

    A manifest of NeMo is a table, too, in which columns may be named, and intents may lack.
    """
    contents = [dict(row.content) for row in rows[:20] if isinstance(row.content, dict)]
    found = next((format for content in contents if (format := _by_keys(content))), None)
    if not found and len(rows) == len(contents) == 1 and _holds_others(contents[0]):
        raise not_rows(path)
    return "jsonl" if not found or (found == "nemo" and as_table) else found


def _holds_others(content: dict[str, Any]) -> bool:
    """Whether an object has none of our names, and holds nothing but objects and lists, as a row never does."""
    named = guess(content, NAMES.keys() - {"split"})
    return bool(content) and not named and all(isinstance(each, dict | list) for each in content.values())


def _by_keys(content: dict[str, Any]) -> FileFormat | None:
    if is_label_studio(content):
        return "label-studio"
    if is_doccano(content):
        return "doccano"
    if isinstance(content.get("messages", content.get("conversations")), list):
        return "messages"
    if any(content.keys() >= set(keys) for keys in ONE_TURN) and not {"intent", "scenario"} & guess(content).keys():
        return "messages"
    recording = content.get("recording")
    has_sources = isinstance(recording, dict) and "sources" in recording
    if "supervisions" in content or isinstance(content.get("tracks"), list) or has_sources:
        return "lhotse"
    if content.keys() >= {"recording_id", "start", "duration"}:
        return "lhotse"
    return "nemo" if "audio_filepath" in content and content.keys() & {"duration", "semantics"} else None
