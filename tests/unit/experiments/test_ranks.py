"""Processes that are started together: the first one's result, and one sentence where one of them fails."""

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import work_of_processes as work
from eartune.errors import InputError, ProcessLostError
from eartune.experiments.ranks import on_ranks

pytestmark = pytest.mark.usefixtures("forks")


@pytest.mark.parametrize(
    ("how", "error", "sentence"),
    [
        ("input", InputError, "a.jsonl, row 3: has no text"),
        (
            "error",
            ProcessLostError,
            "process 2 of 3 failed (ZeroDivisionError: by nothing); "
            "run the same command again to go on from the last checkpoint",
        ),
        (
            "kill",
            ProcessLostError,
            "process 2 of 3 was killed (signal 9; the system kills a process that takes too much memory); "
            "run the same command again to go on from the last checkpoint",
        ),
    ],
)
def test_a_process_that_fails_ends_the_others_with_one_sentence(
    capfd: pytest.CaptureFixture[str], how: str, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as found:
        on_ranks(3, work.fail, 1, how)
    assert str(found.value) == sentence
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("kill", ["kill", "terminate"])
def test_processes_end_with_the_one_that_started_them(tmp_path: Path, kill: str) -> None:
    """They would go on writing into a folder that a second run locks."""
    starter = multiprocessing.get_context("forkserver").Process(target=work.start_sleepers, args=(tmp_path,))
    starter.start()
    assert within_seconds(30, lambda: len([path for path in tmp_path.iterdir() if path.read_text()]) == 2)
    sleepers = [int(path.read_text()) for path in tmp_path.iterdir()]
    getattr(starter, kill)()
    starter.join()
    assert within_seconds(30, lambda: not any(map(is_running, sleepers)))


def within_seconds(seconds: float, happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not happens() and time.monotonic() < end:
        time.sleep(0.05)
    return happens()


def is_running(process: int) -> bool:
    """Whether there is a process of this number, and not only its exit code."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
