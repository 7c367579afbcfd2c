"""The end of a run: what is removed, and what is reported."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from builders import left_half_written
from eartune.experiments.runner import report
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
