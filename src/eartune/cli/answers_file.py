"""The file that `eartune predict --out` writes: rows are collected beside it, so that the same command resumes.

answers.part.jsonl, whose first row says what it is made of -> answers.jsonl
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from eartune.errors import InputError
from eartune.experiments.progress import Shows
from eartune.files import drop_cut_line, json_line, read_lines, write_lines
from eartune.run_folder import partial

MADE_OF = "made_of"


def check_file(path: Path) -> None:
    """Raise InputError if a folder stands where the file is to be written."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name the file that is to be written, such as {path / 'answers.jsonl'}")


def write_answers(
    path: Path,
    recordings: Sequence[Path],
    answer: Callable[[Sequence[Path]], Iterable[dict[str, Any]]],
    made_of: dict[str, Any],
    batch_size: int,
    progress: Shows,
) -> None:
    """Write the rows that `answer` yields for recordings, in their order; each has the recording as `file`.

    Of what an interrupted call collected with the same `made_of`, whole batches of rows are kept, so that the batches
    that follow are those of a call that was not interrupted. A recording whose last row may be missing is answered
    again; where recordings have several rows, the batches may be others then.
    """
    collected = partial(path)
    rows = _kept(collected, made_of, batch_size)
    earlier = n_done = len({row["file"] for row in rows})
    write_lines(collected, [{MADE_OF: made_of}, *rows])
    with collected.open("a", encoding="utf-8") as file:
        for row in answer(recordings[n_done:]):
            file.write(json_line(row))
            file.flush()
            n_done += not rows or row["file"] != rows[-1]["file"]
            rows.append(row)
            progress.within("answering recordings", 1, n_done / len(recordings), earlier / len(recordings))
    write_lines(path, rows)
    collected.unlink()


def _kept(collected: Path, made_of: dict[str, Any], batch_size: int) -> list[dict[str, Any]]:
    """The rows that need not be made again; none if the file is of other recordings, settings or weights."""
    if not collected.exists():
        return []
    drop_cut_line(collected)
    head, *rows = [row for _, row in read_lines(collected)] or [{}]
    if head.get(MADE_OF) != made_of:
        return []
    n_whole = len(rows) // batch_size * batch_size
    unsure = rows[n_whole - 1]["file"] if made_of["cut_long"] and n_whole else None
    return [row for row in rows[:n_whole] if row["file"] != unsure]
