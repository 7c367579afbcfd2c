"""Read and write a dataset of Hugging Face's `datasets`, as `save_to_disk` leaves it: a folder of Arrow files.

    calls/dataset_dict.json            {"splits": ["train", "test"]}, for a dataset of several splits
    calls/train/state.json             {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], ...}
    calls/train/data-00000-of-00001.arrow

The schema of an Arrow file says which columns are labels that stand as numbers, and how they are called:

    {"info": {"features": {"intent": {"names": ["cancel", "order"], "_type": "ClassLabel"}, "text": {...}, ...}}}
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.files import atomic, read_json, write_json
from eartune.prepare.importers.named_recordings import each_recording
from eartune.prepare.importers.row import Row

STATE, SPLITS = "state.json", "dataset_dict.json"
_INFO = b"huggingface"
_DATA = "data-00000-of-00001.arrow"
_ROWS_AT_ONCE = 1000
_TEXT = {"dtype": "string", "_type": "Value"}
_FEATURES = {
    **dict.fromkeys(("id", "text", "language", "intent", "scenario", "action"), _TEXT),
    "entities": [{"type": _TEXT, "filler": _TEXT}],
    "audio": {"_type": "Audio"},
    "speaker": _TEXT,
}


def splits_of_dataset(folder: Path) -> list[str]:
    """Return the names of the splits of a saved dataset that has several; raises InputError for another file."""
    splits = read_json(folder / SPLITS).get("splits")
    if not isinstance(splits, list) or not all(isinstance(split, str) for split in splits):
        raise InputError(f'{folder / SPLITS}: must hold {{"splits": ["train", ...]}}')
    return splits


def open_dataset(folder: Path) -> tuple[list[str], Iterator[Row]]:
    """Return the columns and the rows of a saved dataset; raises InputError if it cannot be read."""
    try:
        from pyarrow import ArrowException, ipc, memory_map
    except ImportError as error:
        raise InputError(f"{folder}: Arrow files need pyarrow; pip install 'eartune[data]'") from error
    files = _data_files(folder)

    def rows() -> Iterator[Row]:
        numbers = count(1)
        for file in files:
            try:
                with memory_map(str(file)) as stored, ipc.open_stream(stored) as stream:
                    named = labels_of(stream.schema)
                    for batch in stream:
                        for start in range(0, batch.num_rows, _ROWS_AT_ONCE):  # a batch may hold its recordings
                            for content in batch.slice(start, _ROWS_AT_ONCE).to_pylist():
                                yield Row(f"{folder}, row {next(numbers)}", named(content))
            except (OSError, ArrowException) as error:
                raise InputError(f"{file}: cannot be read as Arrow ({error})") from error

    try:
        with memory_map(str(files[0])) as stored, ipc.open_stream(stored) as stream:
            return list(stream.schema.names), rows()
    except (OSError, ArrowException) as error:
        raise InputError(f"{files[0]}: cannot be read as Arrow ({error})") from error


def labels_of(schema: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what puts names in place of the numbers of labels, as the schema of an Arrow or Parquet file has them."""
    try:
        features = json.loads((schema.metadata or {}).get(_INFO, b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        features = {}
    return lambda content: _named(content, features)


def _named(value: Any, feature: Any) -> Any:
    """A value with names for the numbers of labels in it, at any depth; `feature` describes it, or what a list holds.

    A sequence of objects is described as a list of them, and may be stored as an object of lists.
    """
    while isinstance(feature, list) or _is_list(feature):
        feature = next(iter(feature), None) if isinstance(feature, list) else feature["feature"]
    if value is None or not isinstance(feature, dict) or feature.get("_type") == "Value":
        return value
    if isinstance(value, list):
        return [_named(each, feature) for each in value]
    if isinstance(feature.get("names"), list):
        return _name(value, feature["names"])
    return {key: _named(each, feature.get(key)) for key, each in value.items()} if isinstance(value, dict) else value


def _is_list(feature: Any) -> bool:
    return isinstance(feature, dict) and isinstance(feature.get("_type"), str) and "feature" in feature


def _name(number: Any, names: Sequence[str]) -> Any:
    """The name of a label; -1 stands for none, as in tests without answers."""
    return names[number] if isinstance(number, int) and 0 <= number < len(names) else None


def _data_files(folder: Path) -> list[Path]:
    listed = read_json(folder / STATE).get("_data_files")
    named = [each.get("filename") for each in listed or () if isinstance(each, dict)]
    if not named or not all(isinstance(name, str) for name in named):
        raise InputError(f"{folder / STATE}: names no data files; save the dataset with save_to_disk")
    return [folder / str(name) for name in named]


def write_dataset(
    folder: Path, utterances: Sequence[Utterance], fields: Callable[[Utterance], Mapping[str, Any]]
) -> None:
    """Write a dataset that `datasets.load_from_disk` reads: a row for each recording, which is in it, or a text.

    `fields` gives the labels of an utterance. Raises InputError without pyarrow.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise InputError(f"{folder}: Arrow files need pyarrow; pip install 'eartune[data]'") from error
    rows = list(_rows(utterances, fields))
    features = {name: feature for name, feature in _FEATURES.items() if any(row.get(name) is not None for row in rows)}
    text = pyarrow.string()
    entity = pyarrow.struct({"type": text, "filler": text})
    audio = pyarrow.struct({"bytes": pyarrow.binary(), "path": text})
    types = {name: text for name in features} | {"entities": pyarrow.list_(entity), "audio": audio}
    metadata = {_INFO: json.dumps({"info": {"features": features}}).encode()}
    schema = pyarrow.schema({name: types[name] for name in features}, metadata=metadata)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / _DATA) as half_written, pyarrow.ipc.new_stream(str(half_written), schema) as stream:
        for row in rows:
            content = row | ({"audio": _stored(row["audio"])} if row.get("audio") else {})
            stream.write_batch(pyarrow.RecordBatch.from_pylist([content], schema=schema))
    write_json(folder / "dataset_info.json", {"features": features, "citation": "", "description": "", "license": ""})
    state = {"_data_files": [{"filename": _DATA}], "_fingerprint": folder.name, "_format_columns": None}
    write_json(
        folder / STATE,
        state | {"_format_kwargs": {}, "_format_type": None, "_output_all_columns": False, "_split": None},
    )


def _rows(
    utterances: Sequence[Utterance], fields: Callable[[Utterance], Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    for name, utterance, recording in each_recording(utterances):
        row: dict[str, Any] = {"id": name, "text": utterance.text, "language": utterance.language}
        row |= fields(utterance)
        if recording is not None:
            row |= {"audio": recording.path, "speaker": recording.speaker}
        yield row


def _stored(path: Path) -> dict[str, Any]:
    return {"bytes": path.read_bytes(), "path": path.name}
