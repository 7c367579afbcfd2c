"""The order in which workers make the models of a grid, and a simulation of who does what when.

tasks -> order_of_work -> next_task, which a worker takes -> simulate -> Schedule
"""

import heapq
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """The work for one model: its stages, one after another, and then the decoding of the test."""

    name: str
    stages: dict[str, float]
    """The seconds of each stage by its key, in their order. Models that name the same key share the stage."""
    decode_seconds: float
    """The seconds after the stages: decoding, and all else that no other model shares."""

    def unfinished(self, finished: Collection[str]) -> list[str]:
        """Return the keys of the stages that are still to be trained, in their order."""
        return [key for key in self.stages if key not in finished]

    def seconds(self, finished: Collection[str]) -> float:
        """Return the seconds of the work that is left, if nobody else trained any of its stages."""
        return sum(self.stages[key] for key in self.unfinished(finished)) + self.decode_seconds


@dataclass(frozen=True)
class Piece:
    """One piece of work: a stage, or the decoding of a model; times are in seconds from the start."""

    worker: int
    task: str
    """The name of the model for which the worker does it."""
    stage: str | None
    """The key of the stage; None for decoding."""
    start: float
    end: float


@dataclass(frozen=True)
class Schedule:
    """All pieces of work, in the order in which they begin."""

    pieces: tuple[Piece, ...]

    @property
    def seconds(self) -> float:
        """Return the seconds until the last model is there."""
        return max((piece.end for piece in self.pieces), default=0.0)

    @property
    def worker_seconds(self) -> float:
        """Return the seconds of work of all workers together, without those in which they have nothing to do."""
        return sum(piece.end - piece.start for piece in self.pieces)


def order_of_work(tasks: Iterable[Task], finished: Collection[str] = ()) -> list[Task]:
    """Return the tasks with the longest work that is left first; equal ones keep their order.

    What is long begins early, so that at the end no worker is alone with a long task. `finished` are keys of stages.
    """
    return sorted(tasks, key=lambda task: -task.seconds(finished))


def next_task(tasks: Iterable[Task], finished: Collection[str], in_training: Collection[str]) -> Task | None:
    """Return the task that a free worker takes; None if it has to wait.

    It is the longest of those that nobody has taken (`tasks`) whose first unfinished stage no other worker trains
    (`in_training`): a stage that several models share is trained once, and they wait for it.
    """
    for task in order_of_work(tasks, finished):
        if not any(key in in_training for key in task.unfinished(finished)[:1]):
            return task
    return None


def simulate(tasks: Sequence[Task], n_workers: int, finished: Collection[str] = ()) -> Schedule:
    """Return who does what when if `n_workers` equal workers make all models; `finished` are keys of stages.

    A worker goes on with its model until that is decoded. Free workers take what `next_task` says, those with lower
    numbers first; one alone takes the tasks as they come, as it ends at the same time in any order.
    """
    waiting, done, free = list(tasks), set(finished), list(range(n_workers))
    running: list[tuple[float, int, Task, str | None]] = []  # when a worker ends which piece of which task
    pieces: list[Piece] = []

    def begin(worker: int, task: Task, now: float) -> None:
        stage = next(iter(task.unfinished(done)), None)
        end = now + (task.decode_seconds if stage is None else task.stages[stage])
        pieces.append(Piece(worker, task.name, stage, now, end))
        heapq.heappush(running, (end, worker, task, stage))

    def take() -> Task | None:
        in_training = {stage for *_, stage in running if stage is not None}
        return next_task(waiting if n_workers > 1 else waiting[:1], done, in_training)

    now = 0.0
    while waiting or running:
        while free and (task := take()):
            waiting.remove(task)
            begin(heapq.heappop(free), task, now)
        now, worker, task, stage = heapq.heappop(running)
        if stage is None:
            heapq.heappush(free, worker)
        else:
            done.add(stage)
            begin(worker, task, now)
    return Schedule(tuple(pieces))
