"""What `compare` says of a test set: which difference it detects, or that two systems differ on too few of its rows."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from builders import sound_file
from eartune.cli.app import app


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def files(folder: Path, rows: int, changed: int) -> list[str]:
    """The arguments: a system that is right everywhere, one that is wrong on `changed` rows, and the references."""
    right = [{"id": f"u{n}", "intent": "stop", "entities": []} for n in range(rows)]
    wrong = [row | {"intent": "go"} if n < changed else row for n, row in enumerate(right)]
    references = write(folder / "references.jsonl", [row | {"text": f"stop {n}"} for n, row in enumerate(right)])
    return [
        *(str(write(folder / name, answers)) for name, answers in (("a.jsonl", wrong), ("b.jsonl", right))),
        *("--reference", str(references)),
    ]


@pytest.mark.parametrize(
    ("rows", "changed", "points"), [(200, 0, None), (200, 1, None), (2, 1, None), (20, 3, None), (200, 20, 6.1)]
)
def test_no_difference_is_promised_where_the_systems_differ_on_too_few_rows(
    tmp_path: Path, rows: int, changed: int, points: float | None
) -> None:
    """Of 200 rows, one of which differs, "a difference of 0.5 points" was said to be found in 80 of 100 comparisons."""
    arguments = files(tmp_path, rows, changed)
    found = json.loads(CliRunner().invoke(app, ["compare", *arguments, "--json"], catch_exceptions=False).output)
    printed = CliRunner().invoke(app, ["compare", *arguments], catch_exceptions=False).output
    if points is None:
        assert found["smallest_difference"] is None and f"right on {changed} of {rows} rows" in " ".join(
            printed.split()
        )
    else:
        assert 100 * found["smallest_difference"] == pytest.approx(points, abs=0.05)
        assert f"detects a difference of {points} points" in printed


@pytest.mark.parametrize("recordings", [1, 2])
def test_ids_alone_are_compared_with_files_where_each_sentence_has_one_recording(
    tmp_path: Path, recordings: int
) -> None:
    """It was refused: "answers by recording and B by sentence, or the reverse"."""
    answer: dict[str, object] = {"id": "u1", "intent": "stop", "entities": []}
    names = [sound_file(tmp_path / f"{n}.wav", 1.0).name for n in range(recordings)]
    reference = answer | {"text": "stop", "language": "en", "recordings": [{"file": name} for name in names]}
    files = (
        write(tmp_path / "ids.jsonl", [answer]),
        write(tmp_path / "files.jsonl", [answer | {"file": name} for name in names]),
        write(tmp_path / "references.jsonl", [reference]),
    )
    for first, second in (files[:2], files[1::-1]):
        arguments = [str(first), str(second), "--reference", str(files[2]), "--cluster", "recording", "--json"]
        result = CliRunner().invoke(app, ["compare", *arguments])
        if recordings == 1:
            assert json.loads(result.output)["n"] == 1
        else:
            assert "ids.jsonl: answers sentences that have several recordings" in str(result.exception)
            assert 'give each of its rows the "file" that it answers' in str(result.exception)


def test_a_path_with_brackets_is_printed_as_it_is(tmp_path: Path) -> None:
    """It ended in a MarkupError of rich."""
    arguments = files(tmp_path / "d[" / "x]", 10, 5)
    printed = CliRunner().invoke(app, ["compare", *arguments], catch_exceptions=False).output
    assert "d[/x]/a.jsonl" in "".join(printed.split())
