"""The processes that work on one model: who they are, their sums, what the first does, and one that is lost."""

import multiprocessing
import os
import socket
import time
from pathlib import Path

import pytest
import torch
from torch.nn import Parameter

import work_of_processes as work
from eartune.errors import InputError
from eartune.experiments.ranks import on_ranks
from eartune.processes import ONE, VARIABLES, Processes

pytestmark = pytest.mark.usefixtures("forks")


def test_one_process_alone_needs_no_other(tmp_path: Path) -> None:
    gradient = Parameter(torch.zeros(2))
    assert Processes.of_environment() == ONE and ONE.is_first and ONE.share_of([1, 2, 3]) == [1, 2, 3]
    assert ONE.of_first(lambda: 5) == 5
    ONE.sum_gradients([gradient])
    ONE.wait_for_all()
    assert gradient.grad is None


def test_one_process_of_torchrun_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """accelerate would read LOCAL_RANK and wrap the model."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "1" if "SIZE" in name else "0")
    assert Processes.of_environment() == ONE
    assert not set(VARIABLES) & set(os.environ)


def test_a_variable_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(InputError, match="WORLD_SIZE must be a number, as torchrun sets it, and not 'two'"):
        Processes.of_environment()


def test_every_process_knows_its_place_and_libraries_see_one_process() -> None:
    first, second = on_ranks(2, work.who_am_i)
    assert first[:5] == (0, 2, True, {}, range(0, 5, 2))
    assert second[:5] == (1, 2, False, {}, range(1, 5, 2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="GPUs of these names may not exist")
def test_every_process_sees_one_gpu() -> None:
    """So "cuda" is the same one for torch, transformers and accelerate; two may share one."""
    assert [found[-1] for found in on_ranks(2, work.who_am_i, devices=["5", "GPU-7"])] == ["5", "GPU-7"]
    assert [found[-1] for found in on_ranks(2, work.who_am_i, devices=["5"])] == ["5", "5"]


@pytest.mark.parametrize("bucket", [4, 1000])
def test_sums_are_of_all_processes_and_what_none_has_stays_none(bucket: int) -> None:
    """Buckets of four numbers end in the middle of a tensor."""
    for found in on_ranks(2, work.sums, bucket):
        assert found["sums"] == [[[3.0, 3.0]] * 3, 3.0, [3.0] * 5]
        assert found["gradients"] == [[[3.0] * 3] * 2, [[5.0] * 3] * 2, None]
        assert found["given"] == [[[1.0] * 2] * 2, [[12.0] * 2] * 2]


def test_all_processes_get_what_the_first_returns_and_raises() -> None:
    first, second = on_ranks(2, work.of_first)
    assert first == ["by 0", "InputError: a.jsonl, row 3: has no text", "ZeroDivisionError: by nothing"]
    assert second == [*first[:2], "RuntimeError: ZeroDivisionError: by nothing"]


def test_processes_wait_for_the_slowest(tmp_path: Path) -> None:
    assert on_ranks(2, work.late_first, tmp_path) == [True, True]


@pytest.mark.parametrize(("lost", "long"), [(1, False), (1, True), (0, False)])
def test_the_others_say_which_process_is_lost(tmp_path: Path, lost: int, long: bool) -> None:
    """Without a launcher that watches them, as in a job of SLURM; the first one keeps what they know of each other."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    context, began = multiprocessing.get_context("forkserver"), time.monotonic()
    several = [context.Process(target=work.lose, args=(rank, 3, port, tmp_path, lost, long)) for rank in range(3)]
    for process in several:
        process.start()
    for process in several:
        process.join(120)
    assert time.monotonic() - began < 120
    said = {int(path.name): path.read_text() for path in tmp_path.iterdir()}
    sentence = (
        f"process {'2' if lost else '1 or another'} of 3 has ended, or was silent for 2 minutes; "
        "run the same command again to go on from the last checkpoint"
    )
    assert said == {rank: sentence for rank in range(3) if rank != lost}
