"""Several workers, and several processes, make one grid: the same files as one process, whoever dies meanwhile."""

import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

if sys.platform != "linux":
    pytest.skip("runs that are killed are compared on Linux alone", allow_module_level=True)

from deadly_task import DeadlyTask
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.resources import Resources
from eartune.experiments.runner import RunOutcome, run
from eartune.report import read_results
from killed_runs import differences, experiment, start_with_workers

TWO = Resources(workers=2)
pytestmark = pytest.mark.usefixtures("forks")


@pytest.fixture(scope="module")
def settings(data: Path) -> Experiment:
    return experiment(data)


def run_deadly(settings: Experiment, data: Path, runs: Path, **deadly: Any) -> tuple[RunOutcome, str]:
    """A run with two workers of a task that kills them; its outcome, and what was printed."""
    console = Console(file=StringIO(), width=200)
    task = DeadlyTask(deaths=runs.parent / "deaths", **deadly)
    outcome = run(settings.model_copy(update={"task": task}), data, runs, console, TWO)
    assert isinstance(console.file, StringIO)
    return outcome, console.file.getvalue()


def test_two_workers_make_what_one_process_makes_and_train_no_stage_twice(
    settings: Experiment, data: Path, whole: Path, tmp_path: Path
) -> None:
    console = Console(file=StringIO(), width=200)
    outcome = run(settings, data, tmp_path / "runs", console, TWO)
    assert outcome.failed == () and differences(whole, tmp_path / "runs") == []
    assert isinstance(console.file, StringIO)
    printed = console.file.getvalue()
    assert printed.count("text stage\n") == 1 and "worker 1: " in printed and "worker 2: " in printed


@pytest.mark.parametrize("place", ["learning", "answering"])
def test_a_worker_that_dies_is_replaced_and_its_work_goes_on(
    settings: Experiment, data: Path, whole: Path, tmp_path: Path, place: str
) -> None:
    outcome, printed = run_deadly(settings, data, tmp_path / "runs", **{place: 7})
    assert "the process that made it died; it goes on in another" in printed
    assert outcome.failed == () and list((tmp_path / "deaths").iterdir())
    assert [name for name in differences(whole, tmp_path / "runs") if "settings.json" not in name] == []


def test_a_model_whose_workers_die_twice_is_reported_and_the_rest_goes_on(
    settings: Experiment, data: Path, tmp_path: Path
) -> None:
    untuned, text_only = settings.grid.schemes[:2]
    longer = text_only.model_copy(update={"epochs": 4})  # training calls `target` oftener than the listening check does
    only = settings.grid.model_copy(update={"schemes": (untuned, longer)})
    few = settings.model_copy(update={"grid": only})
    outcome, printed = run_deadly(few, data, tmp_path / "runs", learning=17, times=2)
    assert outcome.failed == ("text-only-seed0",) and "failed twice: the process that made it died" in printed
    found = {result.name: (result.status, result.error) for result in outcome.results}
    assert found["untuned-seed0"] == ("finished", None)
    assert found["text-only-seed0"][0] == "failed" and "twice: the process" in str(found["text-only-seed0"][1])
    assert "twice: the process" in outcome.folder.markdown.read_text()


def test_a_fault_of_the_input_ends_all_workers(settings: Experiment, data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"test3\.wav: is wrong"):
        run_deadly(settings, data, tmp_path / "runs", answering=2, wrong=True)


def test_two_processes_in_one_folder_share_its_models(
    settings: Experiment, data: Path, whole: Path, tmp_path: Path
) -> None:
    both = [start_with_workers(settings, data, tmp_path / "runs", 1) for _ in range(2)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert all(result.finished for result in read_results(tmp_path / "runs" / "tiny"))
    assert differences(whole, tmp_path / "runs") == []


def test_workers_end_with_the_process_that_started_them(settings: Experiment, data: Path, tmp_path: Path) -> None:
    process = start_with_workers(settings, data, tmp_path / "runs", 2)
    while not list((tmp_path / "runs").glob("tiny/stages/*/train.jsonl")):
        assert process.is_alive()
        time.sleep(0.05)
    children = children_of(process.pid)
    process.kill()
    process.join()
    deadline = time.monotonic() + 20
    while any(map(runs_still, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(runs_still, children))


def children_of(process: int | None) -> list[int]:
    """The numbers of the processes that a process started, and that these did."""
    own = [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return own + [child for number in own for child in children_of(number)]


def runs_still(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False
