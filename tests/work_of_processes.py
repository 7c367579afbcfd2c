"""What several processes are given to do in tests; a process of its own can import it, but not a file of tests."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch.nn import Parameter

from builders import pool
from eartune import processes as module
from eartune.cli.app import app
from eartune.data.example import Example
from eartune.data.utterance import Utterance
from eartune.errors import InputError, ProcessLostError
from eartune.experiments.ranks import on_ranks
from eartune.inference.answers import answer_all
from eartune.processes import Processes
from eartune.tasks.prediction import Written

LENGTHS = (5, 1, 4, 2, 3, 7, 6, 9, 8, 11, 12, 10)
EXAMPLES = [
    Example(Utterance(f"u{length}", "x" * length, "en", utterance.frame))
    for length, utterance in zip(LENGTHS, pool(len(LENGTHS)), strict=True)
]


def everyones(value: Any) -> list[Any]:
    """What each process has, in the order of their ranks."""
    processes = Processes.of_environment()
    found: list[Any] = [None] * processes.size
    torch.distributed.all_gather_object(found, value, group=processes.waiting)
    return found


def who_am_i() -> list[tuple[int, int, bool, dict[str, str], Sequence[int], str | None]]:
    """Rank, size, whether it is the first, what is left of torchrun's variables, its share of five items, its GPU."""
    p = Processes.of_environment()
    left = {name: os.environ[name] for name in module.VARIABLES if name in os.environ}
    return everyones((p.rank, p.size, p.is_first, left, p.share_of(range(5)), os.environ.get("CUDA_VISIBLE_DEVICES")))


def sums(bucket: int) -> list[dict[str, Any]]:
    """Sums of tensors of several shapes and precisions, and of gradients that some or all processes lack."""
    module.BUCKET = bucket
    processes = Processes.of_environment()
    own = float(processes.rank + 1)
    tensors = [torch.full((3, 2), own), torch.tensor(own), torch.full((5,), own, dtype=torch.bfloat16)]
    processes.add_up(tensors)
    shared, of_last, of_none = (Parameter(torch.zeros(2, 3)) for _ in range(3))
    shared.grad = torch.full((3, 2), own).t()  # not contiguous
    if processes.rank == processes.size - 1:
        of_last.grad = torch.full((2, 3), 5.0)
    processes.sum_gradients([shared, of_last, of_none])
    given = [[torch.full((2, 2), own + 10 * rank)] for rank in range(processes.size)]
    processes.give_out(given)
    gradients = [None if p.grad is None else p.grad.tolist() for p in (shared, of_last, of_none)]
    return everyones(
        {"sums": [t.tolist() for t in tensors], "gradients": gradients, "given": [g[0].tolist() for g in given]}
    )


def of_first() -> list[list[str]]:
    """What the first process returns and raises, as all of them see it."""
    processes = Processes.of_environment()
    found = [processes.of_first(lambda: f"by {processes.rank}")]
    for error in (InputError("a.jsonl, row 3: has no text"), ZeroDivisionError("by nothing")):
        try:
            processes.of_first(lambda error=error: _raise(error))
        except (InputError, RuntimeError, ZeroDivisionError) as raised:
            found.append(f"{type(raised).__name__}: {raised}")
    return everyones(found)


def _raise(error: Exception) -> None:
    raise error


def late_first(folder: Path) -> list[bool]:
    """Whether each process sees, after waiting for all, a file that the first one writes late."""
    processes = Processes.of_environment()
    if processes.is_first:
        time.sleep(0.3)
        (folder / "late").write_text("here")
    processes.wait_for_all()
    return everyones((folder / "late").exists())


def fail(rank: int, how: str) -> None:
    """End one process in some way, while the others wait for it."""
    processes = Processes.of_environment()
    if processes.rank == rank:
        if how == "input":
            raise InputError("a.jsonl, row 3: has no text")
        if how == "error":
            raise ZeroDivisionError("by nothing")
        os.kill(os.getpid(), signal.SIGKILL)
    processes.add_up([torch.zeros(1)])


def command(argv: Sequence[str], to: Path) -> None:
    """In each of several processes of torchrun's launcher: run a command, and write down what it prints."""
    torch.set_num_threads(1)
    with (to / f"printed-by-{os.environ['RANK']}").open("w") as printed, redirect_stdout(printed):
        app(list(argv), standalone_mode=False)


def note_and_sleep(folder: Path) -> None:
    """Write down the number of this process, and sleep."""
    (folder / str(Processes.of_environment().rank)).write_text(str(os.getpid()))
    time.sleep(60)


def start_sleepers(folder: Path) -> None:
    """In a process that is to be killed: start two that sleep."""
    on_ranks(2, note_and_sleep, folder)


def lose(rank: int, size: int, port: int, to: Path, lost: int, long: bool) -> None:
    """In a process that no launcher watches: say which process is lost, after that one is killed."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(size)}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    processes = Processes.of_environment()
    processes.wait_for_all()
    if rank == lost:
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        processes.wait_for_all() if long else processes.add_up([torch.zeros(1)])
    except ProcessLostError as error:
        (to / str(rank)).write_text(str(error))
    os._exit(0)


def answer(path: Path, cut_after: int | None = None) -> list[list[str]]:
    """Answer all examples; return the batches that each process asked, and what it returned as its last list.

    With `cut_after`, each process ends after so many batches; all must have more.
    """
    processes = Processes.of_environment()
    asked: list[str] = []

    def ask(batch: Sequence[Example]) -> list[Written]:
        if len(asked) == cut_after:
            raise InterruptedError
        asked.append(" ".join(example.utterance.id for example in batch))
        return [Written(f"{example.utterance.id} of {asked[-1]}") for example in batch]

    def row_of(example: Example, written: Written) -> dict[str, Any]:
        return {"id": example.utterance.id, "file": None} | written.to_json()

    try:
        texts = [one.text for one in answer_all(EXAMPLES, ask, row_of, path, 2, lambda *_: None, processes)]
    except InterruptedError:
        texts = []
    found = everyones((asked, texts)) if processes.size > 1 else [(asked, texts)]
    return [[*asked, *texts] for asked, texts in found] if cut_after is None else [asked for asked, _ in found]
