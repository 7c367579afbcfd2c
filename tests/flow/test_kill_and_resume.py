"""A run whose process is killed goes on, when it is run again, to the same files: results to the last digit."""

import shutil
import sys
import time
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("places of a kill are found by what Linux knows of open files", allow_module_level=True)

from eartune.experiments.experiment import Experiment
from killed_runs import Kill, differences, experiment, run_in_a_fork, run_to_the_end


@pytest.fixture(scope="module")
def settings(data: Path) -> Experiment:
    return experiment(data, "LoRA with dropout, two workers", ("direct-mixing",))


@pytest.fixture(scope="module")
def whole(settings: Experiment, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for runs of one that was not killed."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    run_to_the_end(settings, data, runs)
    return runs


PLACES = {
    "while recordings.jsonl is written": (
        Kill(pattern="open recordings.TEMPORARY.jsonl", most_bytes=100),
        ".recordings.part-*",
        "tiny",
    ),
    "while a checkpoint is written": (
        Kill(pattern="save */checkpoint-3/optimizer-0.pt", most_bytes=5000),
        "tiny/stages/*/checkpoint-3/optimizer-0.pt",
        "tiny/stages/*/checkpoint-3/trainer_state.json",
    ),
    "while the weights of a stage are written": (
        Kill(pattern="rmdir */checkpoint-3", most_bytes=4000),
        "tiny/stages/*/.*",
        "tiny/stages/*/weights.safetensors",
    ),
    "after the weights, before stage.json": (
        Kill(pattern="open */stages/*/stage.TEMPORARY.json"),
        "tiny/stages/*/weights.safetensors",
        "tiny/stages/*/stage.json",
    ),
    "while the checkpoints of a finished stage are removed": (
        Kill(pattern="remove */checkpoint-4/trainer_state.json"),
        "tiny/stages/*/stage.json",
        "tiny/*/predictions.part.jsonl",
    ),
    "while answers are written, in the middle of a row": (
        Kill(pattern="open */predictions.part.jsonl", most_bytes=150),
        "tiny/*/predictions.part.jsonl",
        "tiny/*/predictions.jsonl",
    ),
    "after the answers, before what collected them is removed": (
        Kill(pattern="remove */predictions.TEMPORARY.jsonl"),
        "tiny/*/predictions.part.jsonl",
        "tiny/*/scores.json",
    ),
    "after the scores, before result.json": (
        Kill(pattern="open */result.TEMPORARY.json"),
        "tiny/*/scores.json",
        "tiny/*/result.json",
    ),
}


@pytest.mark.parametrize(("kill", "there", "not_there"), PLACES.values(), ids=PLACES.keys())
def test_a_killed_run_goes_on_to_the_same_files(
    whole: Path, settings: Experiment, data: Path, tmp_path: Path, kill: Kill, there: str, not_there: str
) -> None:
    runs = tmp_path / "runs"
    code, _ = run_in_a_fork(settings, data, runs, kill)
    assert code < 0 and list(runs.glob(there)) and not list(runs.glob(not_there))
    if kill.most_bytes is not None:
        (half,) = runs.glob(there)
        assert half.stat().st_size <= kill.most_bytes and not half.read_bytes().endswith(b"\n")
    run_to_the_end(settings, data, runs)
    assert differences(whole, runs) == []


def test_processes_that_read_ahead_end_with_the_run_that_is_killed(
    settings: Experiment, data: Path, tmp_path: Path
) -> None:
    """Some waited for ever, with all the memory that they had in common with the run."""
    code, _ = run_in_a_fork(settings, data, tmp_path / "runs", Kill(pattern="save */checkpoint-1/optimizer-0.pt"))
    assert code < 0
    for _ in range(20):
        if not (left := processes_with(tmp_path / "runs.log")):
            break
        time.sleep(0.1)
    assert left == []


def processes_with(file: Path) -> list[str]:
    """The numbers of all processes in which a file is open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == file:
                found.append(link.parts[2])
        except OSError:
            continue  # the process has ended, or is another user's
    return found


def test_a_difference_between_two_folders_is_noticed(whole: Path, tmp_path: Path) -> None:
    """Else all of the above would pass."""
    shutil.copytree(whole, tmp_path / "runs")
    assert differences(whole, tmp_path / "runs") == []
    cell = tmp_path / "runs" / "tiny" / "direct-mixing-50pct-seed0"
    (log,) = (tmp_path / "runs").glob("tiny/stages/*/train.jsonl")
    log.write_text(log.read_text() + log.read_text().splitlines()[-1] + "\n")
    (log.parent / "checkpoint-4").mkdir()
    (cell / "predictions.jsonl").unlink()
    result = (cell / "result.json").read_text()
    (cell / "result.json").write_text(result.replace('"status": "finished"', '"status": "failed"'))
    inside = f"tiny/stages/{log.parent.name}"
    assert differences(whole, tmp_path / "runs") == [
        "tiny/direct-mixing-50pct-seed0/predictions.jsonl is missing",
        f"{inside}/checkpoint-4 is left over",
        "tiny/direct-mixing-50pct-seed0/result.json differs",
        f"{inside}/train.jsonl differs",
    ]
