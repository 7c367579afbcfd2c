"""The end of a run: what is removed, and what is reported."""

from concurrent.futures import Future
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from builders import left_half_written
from eartune.errors import ProcessLostError
from eartune.experiments.progress import RunProgress
from eartune.experiments.runner import note_outcome, report
from eartune.run_folder import RunFolder


def test_what_a_lost_worker_left_half_written_goes_at_the_end_of_the_run(tmp_path: Path) -> None:
    """It stayed until the next run, as it was removed at the beginning alone."""
    model = RunFolder(tmp_path).model("untuned-seed0").path
    model.mkdir(parents=True)
    left_half_written(model / "predictions.part.jsonl").write_text("half")
    prepared: Any = SimpleNamespace(folder=RunFolder(tmp_path), keyed={})
    report(prepared)
    assert [path.name for path in model.iterdir()] == ["predictions.part.jsonl"] and not (
        tmp_path / "report.html"
    ).exists()


def test_an_error_with_brackets_is_printed_as_it_is_on_any_console() -> None:
    """As markup of rich it would end the run."""
    console, lost = Console(file=StringIO(), width=200), Future[bool]()
    lost.set_exception(ProcessLostError("process 2 failed (list[/end])"))
    grid: Any = SimpleNamespace(failed_once=lambda name: True)
    model: Any = (SimpleNamespace(cell=SimpleNamespace(name="mine")), None)
    slot: Any = SimpleNamespace(name="a")
    note_outcome(None, grid, model, lost, slot, RunProgress(console, 1))  # type: ignore[arg-type]
    assert "mine: process 2 failed (list[/end]); it goes on in another" in console.file.getvalue()  # type: ignore[attr-defined]
