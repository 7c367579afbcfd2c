"""Datasets as `save_to_disk` of Hugging Face's datasets 5.2 leaves them, and Parquet files with the same schema."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders import frame, sound_file
from eartune.errors import InputError
from eartune.prepare.importers.detect_format import read_utterances
from eartune.prepare.importers.folders import inputs_in

pyarrow = pytest.importorskip("pyarrow")

FEATURES = {
    "sentence": {"dtype": "string", "_type": "Value"},
    "intent": {"names": ["cancel", "order"], "_type": "ClassLabel"},
    "slots": {"feature": {"type": {}, "filler": {}}, "_type": "List"},
    "audio": {"_type": "Audio"},
}


def table(rows: list[dict[str, Any]]) -> Any:
    text = pyarrow.string()
    types = {
        "sentence": text,
        "intent": pyarrow.int64(),
        "slots": pyarrow.list_(pyarrow.struct({"type": text, "filler": text})),
        "audio": pyarrow.struct({"bytes": pyarrow.binary(), "path": text}),
    }
    metadata = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    return pyarrow.Table.from_pylist(rows, schema=pyarrow.schema(types, metadata=metadata))


def rows(folder: Path) -> list[dict[str, Any]]:
    stored = sound_file(folder / "a.wav").read_bytes()
    slots = [{"type": "size", "filler": "small"}]
    return [
        {"sentence": "a small latte", "intent": 1, "slots": slots, "audio": {"bytes": stored, "path": "a.wav"}},
        {"sentence": "stop", "intent": 0, "slots": [], "audio": {"bytes": None, "path": str(folder / "a.wav")}},
        {"sentence": "no label", "intent": -1, "slots": None, "audio": None},
    ]


def saved(folder: Path, *shards: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True)
    names = [f"data-{n:05}-of-{len(shards):05}.arrow" for n in range(len(shards))]
    for name, content in zip(names, shards, strict=True):
        with pyarrow.ipc.new_stream(str(folder / name), table([]).schema) as stream:
            stream.write_table(table(content))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return folder


def test_labels_that_stand_as_numbers_have_their_names(tmp_path: Path) -> None:
    first, second, third = rows(tmp_path)
    imported = read_utterances(saved(tmp_path / "calls", [first], [second, third]))
    assert [row.frame for row in imported.utterances] == [frame("order", "size:small"), frame("cancel")]
    assert [row.text for row in imported.utterances] == ["a small latte", "stop"]
    assert imported.utterances[1].recordings[0].path == tmp_path / "a.wav"
    (aside,) = imported.rejected
    assert aside.place.endswith("calls, row 3") and aside.reason.startswith('needs an "intent"')


def test_so_it_is_in_a_parquet_file_of_the_hub(tmp_path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(table(rows(tmp_path)), tmp_path / "train.parquet")
    imported = read_utterances(tmp_path / "train.parquet")
    assert [row.frame for row in imported.utterances] == [frame("order", "size:small"), frame("cancel")]


LABEL = {"names": ["size", "drink"], "_type": "ClassLabel"}
SPAN = {"start": {"_type": "Value"}, "end": {"_type": "Value"}, "label": LABEL}


@pytest.mark.parametrize(
    ("feature", "spans"),
    [
        ([SPAN], [{"start": 2, "end": 7, "label": 0}, {"start": 8, "end": 13, "label": 1}]),
        ({"feature": SPAN, "_type": "List"}, [{"start": 2, "end": 7, "label": 0}, {"start": 8, "end": 13, "label": 1}]),
        ({"feature": SPAN, "_type": "Sequence"}, {"start": [2, 8], "end": [7, 13], "label": [0, 1]}),
        (
            SPAN | {"label": {"feature": LABEL, "_type": "Sequence"}},
            {"start": [2, 8], "end": [7, 13], "label": [0, 1]},
        ),
    ],
)
def test_labels_within_lists_and_objects_have_their_names(tmp_path: Path, feature: Any, spans: Any) -> None:
    """The types of entities were 0 and 1."""
    from pyarrow import parquet

    metadata = {"huggingface": json.dumps({"info": {"features": {"entities": feature}}})}
    content = pyarrow.Table.from_pylist([{"text": "a small latte", "intent": "order", "entities": spans}])
    parquet.write_table(content.replace_schema_metadata(metadata), tmp_path / "train.parquet")
    imported = read_utterances(tmp_path / "train.parquet")
    assert [row.frame for row in imported.utterances] == [frame("order", "size:small", "drink:latte")]


def test_a_dataset_of_several_splits_is_its_splits(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        saved(tmp_path / "calls" / split, rows(tmp_path))
    (tmp_path / "calls" / "dataset_dict.json").write_text('{"splits": ["train", "validation"]}')
    found = inputs_in(tmp_path / "calls")
    assert found == [("train", tmp_path / "calls" / "train"), ("valid", tmp_path / "calls" / "validation")]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = saved(tmp_path / "calls", rows(tmp_path))
    (folder / "data-00000-of-00001.arrow").write_bytes(b"no arrow")
    with pytest.raises(InputError, match=r"data-00000-of-00001\.arrow: cannot be read as Arrow"):
        read_utterances(folder)
    (folder / "state.json").write_text("{}")
    with pytest.raises(InputError, match=r"state\.json: names no data files"):
        read_utterances(folder)
    (folder / "dataset_dict.json").write_text("{}")
    with pytest.raises(InputError, match=r'dataset_dict\.json: must hold \{"splits"'):
        inputs_in(folder)
