"""Decode examples in batches sorted by length; every answer is saved at once, so that an interrupted run resumes.

Batches are the same after a resume, and for any number of processes, which deal them out: the other rows of a batch may
change the last digits of an example's scores, and so its answer.

answers.part.jsonl  answers.part-1.jsonl  answers.part-2.jsonl -> answers.jsonl
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eartune.data.example import Example
from eartune.files import drop_cut_line, json_line, read_lines, write_lines
from eartune.processes import ONE, Processes
from eartune.progress import Progress
from eartune.run_folder import partial
from eartune.tasks.prediction import Written

Key = tuple[str, str | None]
"""The key of an answer in its file: the utterance's id, and the name of its recording."""


def answer_all(
    examples: Sequence[Example],
    ask: Callable[[Sequence[Example]], Sequence[Written]],
    row_of: Callable[[Example, Written], dict[str, Any]],
    path: Path,
    batch_size: int,
    progress: Progress,
    processes: Processes = ONE,
) -> list[Written]:
    """Return what `ask` answers to each example, in the order of the examples.

    `row_of` converts an answer to a row of the file `path`, with the keys id, file and text, and with those of
    `Written` that are to be known again. Each process collects its
    rows in a file beside it until all are written; a batch that an interrupted call finished is not decoded again,
    whatever number of processes that had. The first process calls `progress`, which is exact for one process.
    """
    keys = [_key(row_of(example, Written(""))) for example in examples]
    known = processes.of_first(lambda: _begin(path))
    keyed = sorted(zip(keys, examples, strict=True), key=lambda pair: pair[1].length)
    batches = [keyed[start : start + batch_size] for start in range(0, len(keyed), batch_size)]
    unknown = [batch for batch in batches if not all(key in known for key, _ in batch)]
    if unknown:
        n_done = len(examples) - sum(len(batch) for batch in unknown)
        with part_of(path, processes.rank).open("a", encoding="utf-8") as file:
            for batch in processes.share_of(unknown):
                asked = [example for _, example in batch]
                for row in map(row_of, asked, ask(asked)):
                    file.write(json_line(row))
                file.flush()
                n_done += len(batch) * processes.size
                if processes.is_first:
                    progress(min(n_done, len(examples)), len(examples))
    processes.wait_for_all()
    written = processes.of_first(lambda: _finish(path, keys))
    return [written[key] for key in keys]


def part_of(path: Path, rank: int) -> Path:
    """Return the file in which a process collects its rows; the first one's is the one that other modules know."""
    return path.with_suffix(f".part-{rank}.jsonl") if rank else partial(path)


def _begin(path: Path) -> set[Key]:
    """The keys of the answers that are known; whole rows of all parts are put together, to be dealt out anew.

    Parts of other processes belong to that of the first one: where this was removed, they are of other settings.
    """
    collected = partial(path)
    if path.exists():
        _remove_parts(path)
        return set(_written(path))
    rows = [row for part in (collected, *_parts_of_others(path)) for row in _whole_rows(part)]
    if not collected.exists():
        _remove_parts(path)
        rows = []
    write_lines(collected, rows)
    for part in _parts_of_others(path):
        part.unlink()
    return {_key(row) for row in rows}


def _finish(path: Path, keys: Sequence[Key]) -> dict[Key, Written]:
    """Write the rows of all parts in the order of the keys, each once, and return what they hold."""
    if not path.exists():
        parts = (partial(path), *_parts_of_others(path))
        rows = {_key(row): row for part in parts for row in _whole_rows(part)}
        write_lines(path, (rows[key] for key in keys))
    _remove_parts(path)
    return _written(path)


def _parts_of_others(path: Path) -> list[Path]:
    return sorted(path.parent.glob(part_of(path, 1).name.replace("-1.", "-*.")))


def _remove_parts(path: Path) -> None:
    for part in (*_parts_of_others(path), partial(path)):
        part.unlink(missing_ok=True)


def _key(row: dict[str, Any]) -> Key:
    return row["id"], row["file"]


def _written(path: Path) -> dict[Key, Written]:
    return {_key(row): Written.from_json(row) for _, row in read_lines(path)}


def _whole_rows(collected: Path) -> list[dict[str, Any]]:
    if not collected.exists():
        return []
    drop_cut_line(collected)
    return [row for _, row in read_lines(collected)]
