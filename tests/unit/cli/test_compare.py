"""What `compare` says of a test set: which difference it detects, or that two systems differ on too few of its rows."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

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


def test_a_path_with_brackets_is_printed_as_it_is(tmp_path: Path) -> None:
    """It ended in a MarkupError of rich."""
    arguments = files(tmp_path / "d[" / "x]", 10, 5)
    printed = CliRunner().invoke(app, ["compare", *arguments], catch_exceptions=False).output
    assert "d[/x]/a.jsonl" in "".join(printed.split())
