"""Show what a right row looks like in the kind of file that was read, with the names of its own columns."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eartune.prepare.importers.columns import is_in_ms

VALUES: Mapping[str, str | int | float] = {
    **{"id": "r1", "text": "a small latte", "audio": "r1.wav", "language": "en", "speaker": "s1"},
    **{"intent": "order", "scenario": "coffee", "action": "order", "entities": "size=small; drink=latte"},
    **{"semantics": "{'scenario': 'coffee', 'action': 'order', 'entities': []}"},
    **{"start": 0.5, "end": 2.5, "duration": 2.0, "channel": 0, "split": "train"},
}
_MARKED = "a [size : small] latte"
_FRAME = {"intent": "order", "entities": [{"type": "size", "filler": "small"}]}
_ROWS: Mapping[str, Any] = {
    "messages": {
        "messages": [
            {"role": "user", "content": [{"type": "audio", "audio": "r1.wav"}]},
            {"role": "assistant", "content": [{"type": "text", "text": json.dumps(_FRAME)}]},
        ]
    },
    "nemo": {"audio_filepath": "r1.wav", "duration": 2.0, "text": "a small latte", "semantics": str(_FRAME)},
    "label-studio": {
        "data": {"audio": "r1.wav", "text": "a small latte"},
        "annotations": [{"result": [{"from_name": "intent", "type": "choices", "value": {"choices": ["order"]}}]}],
    },
    "doccano": {"text": "a small latte", "cats": ["order"], "entities": [[2, 7, "size"]]},
    "lhotse": {
        "id": "r1",
        "start": 0,
        "duration": 2.0,
        "recording": {"id": "r1", "sources": [{"type": "file", "source": "r1.wav"}], "duration": 2.0},
        "supervisions": [{"text": "a small latte", "speaker": "s1", "custom": _FRAME}],
    },
}
_FOLDERS = {
    "kaldi": "wav.scp: r1 r1.wav; text: r1 a small latte; " + f"utt2semantics: r1 {json.dumps(_FRAME)}",
    "audiofolder": "order/r1.wav",
}
_RASA = '{"nlu": [{"intent": "order", "examples": "- a [small](size) latte"}]}  # or the same as YAML in several lines'


def right_row(path: Path, format: str, columns: Mapping[str, str], labelled: bool = True) -> tuple[str, ...]:
    """Return sentences that show a right row for a file of this format; of a table, its header and the row.

    What no row of JSON has a key for, and every row needs, is in it too.
    """
    said = f"A right row of {path.name}:"
    if format == "jsonl":
        columns = {**_missing(columns, labelled), **columns}
    values: dict[str, Any] = {theirs: _value(ours, theirs) for ours, theirs in columns.items()}
    if columns.get("entities") is not None and columns["entities"] == columns.get("text"):
        values[columns["entities"]] = _MARKED
    if format in _FOLDERS:
        return said, _FOLDERS[format]
    if format in ("csv", "parquet", "dataset"):
        return said, _as_csv(list(values)), _as_csv(list(values.values()))
    if format == "rasa":
        return said, _RASA
    if "entities" in columns and columns["entities"] != columns.get("text"):
        values |= {columns["entities"]: _FRAME["entities"]}
    return said, json.dumps(_ROWS.get(format, values))


def _value(ours: str, theirs: str) -> str | int | float:
    value = VALUES[ours]
    is_time = ours in ("start", "end", "duration")
    return round(value * 1000) if is_time and is_in_ms(theirs) and isinstance(value, float) else value


def _missing(columns: Mapping[str, str], labelled: bool) -> dict[str, str]:
    """The names that a row of JSON lacks: its words or a recording, and its label if it needs one."""
    words, labels = ("text", "audio"), ("intent", "scenario", "semantics")
    return {names[0]: names[0] for names in (words, labels if labelled else words) if not columns.keys() & {*names}}


def _as_csv(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
