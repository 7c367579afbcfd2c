"""Decode examples in batches sorted by length; every answer is saved at once, so that an interrupted run resumes.

Batches are the same after a resume: the other rows of a batch may change the last digits of an example's scores, and
so its answer.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eartune.data.example import Example
from eartune.files import json_line, read_lines, write_lines
from eartune.progress import Progress
from eartune.run_folder import partial

Key = tuple[str, str | None]
"""The key of an answer in its file: the utterance's id, and the name of its recording."""


def answer_all(
    examples: Sequence[Example],
    ask: Callable[[Sequence[Example]], Sequence[str]],
    row_of: Callable[[Example, str], dict[str, Any]],
    path: Path,
    batch_size: int,
    progress: Progress,
) -> list[str]:
    """Return the text with which `ask` answers each example, in the order of the examples.

    `row_of` converts an answer to a row of the file `path`, with the keys id, file and text. Rows are collected in
    a file beside it until all are written; a batch that an interrupted call finished is not decoded again.
    """
    keys = [_key(row_of(example, "")) for example in examples]
    collected = partial(path)
    if path.exists():
        collected.unlink(missing_ok=True)
        return _in_order(keys, _texts(path))
    rows = {_key(row): row for row in _whole_rows(collected)}
    keyed = sorted(zip(keys, examples, strict=True), key=lambda pair: _length(pair[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    with collected.open("a", encoding="utf-8") as file:
        for start in range(0, len(keyed), batch_size):
            if all(key in rows for key, _ in keyed[start : start + batch_size]):
                continue
            batch = [example for _, example in keyed[start : start + batch_size]]
            for row in map(row_of, batch, ask(batch)):
                rows[_key(row)] = row
                file.write(json_line(row))
            file.flush()
            progress(len(rows), len(examples))
    write_lines(path, (rows[key] for key in keys))
    collected.unlink()
    return _in_order(keys, {key: str(row["text"]) for key, row in rows.items()})


def _key(row: dict[str, Any]) -> Key:
    return row["id"], row["file"]


def _in_order(keys: Sequence[Key], texts: dict[Key, str]) -> list[str]:
    return [texts[key] for key in keys]


def _texts(path: Path) -> dict[Key, str]:
    return {_key(row): str(row["text"]) for _, row in read_lines(path)}


def _whole_rows(collected: Path) -> list[dict[str, Any]]:
    """The rows of a file that may have been cut while its last row was written; such a row is dropped from it."""
    if not collected.exists():
        return []
    text = collected.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        with collected.open("r+b") as file:
            file.truncate(len(whole))
    return [row for _, row in read_lines(collected)]


def _length(example: Example) -> float:
    return len(example.utterance.text or "") if example.recording is None else example.recording.seconds
