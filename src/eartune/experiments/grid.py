"""The models of a run that are not finished: which one is made next, and how often one may fail.

waiting models -> next_task -> a slot makes it -> finished, or failed once, or taken by another process -> ...
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from eartune.claims import Claims, TakenError
from eartune.experiments.keys import CellKeys
from eartune.experiments.model_run import decode_units, stage_folders, train_units
from eartune.experiments.plan import CellPlan, Pools
from eartune.experiments.schedule import Task, next_task
from eartune.run_folder import RunFolder, StageFolder

KeyedPlan = tuple[CellPlan, CellKeys]
TRIES = 2
"""How often a model is tried in one run; what is finished of it is not done again."""
RETRY_SECONDS = 5.0
"""How long a model waits that could not be made because another process has claimed it or a stage of it."""


def grid_of(models: Sequence[KeyedPlan], pools: Pools, folder: RunFolder, claims: Claims) -> "Grid":
    """Return the grid of some models, whose work is counted in units of `train_units`."""
    tasks: list[Task] = []
    stages: dict[str, StageFolder] = {}
    for plan, keys in models:
        folders = stage_folders(folder, plan, keys)
        stages |= {stored.path.name: stored for stored in folders}
        units = zip((stored.path.name for stored in folders), map(train_units, plan.stages), strict=True)
        tasks.append(Task(plan.cell.name, dict(units), decode_units(pools)))
    return Grid(tasks, stages, claims.is_free)


class Grid:
    """The work that is left of a run, shared out among slots here and, by claims, with other processes."""

    def __init__(
        self,
        tasks: Iterable[Task],
        stages: Mapping[str, StageFolder],
        is_free: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Share out tasks, whose stages have the keys of `stages`.

        `is_free` says whether nobody has a claim of this name, and the clock returns seconds.
        """
        self.tasks = {task.name: task for task in tasks}
        self.clock = clock
        self.is_free = is_free
        self.failed: list[str] = []
        """The names of the models that failed too often."""
        self._stages = stages
        self._finished: set[str] = set()
        self._look_at(self._stages)
        self._waiting = list(self.tasks)
        self._at_work: list[str] = []
        self._tries: Counter[str] = Counter()
        self._taken: dict[str, str] = {}  # by model: what another process had claimed
        self._not_before: dict[str, float] = {}

    def take(self, longest_first: bool) -> str | None:
        """Return the name of the model to make next, None if there is none now.

        Longest work first keeps several workers busy to the end; one alone goes in the order of the experiment.
        """
        ready = [name for name in self._waiting if self._is_ready(name)]
        untried = [name for name in ready if not self._tries[name]]
        tasks = [self.tasks[name] for name in untried or ready]
        self._look_at(key for name in self._at_work for key in self.tasks[name].stages)
        training = {key for name in self._at_work for key in self.tasks[name].unfinished(self._finished)}
        task = next_task(tasks if longest_first else tasks[:1], self._finished, training)
        if task is None:
            return None
        self._waiting.remove(task.name)
        self._at_work.append(task.name)
        return task.name

    def finished(self, name: str) -> None:
        """Note that a model is finished."""
        self._at_work.remove(name)
        self._taken.pop(name, None)
        self._finished |= self.tasks[name].stages.keys()

    def failed_once(self, name: str) -> bool:
        """Note that a model failed, and return whether it will be tried again, after all others."""
        self._at_work.remove(name)
        self._tries[name] += 1
        tries_again = self._tries[name] < TRIES
        (self._waiting if tries_again else self.failed).append(name)
        return tries_again

    def taken(self, name: str, error: TakenError) -> None:
        """Note that a model has to wait, as another process has claimed it or one of its stages."""
        self._at_work.remove(name)
        self._waiting.append(name)
        self._taken[name] = error.name
        self._not_before[name] = self.clock() + RETRY_SECONDS

    def pause(self) -> float | None:
        """Return for how many seconds to wait, where nothing is to be taken or at work; None if nothing will be.

        A model that another process makes is not waited for. A model that needs a stage of another process is, and so
        is one of a worker that died here, whose claim may hold a little longer than its holder.
        """
        if all(self._taken.get(name) == name and not self._tries[name] for name in self._waiting):
            return None
        return max(0.0, min(self._not_before.get(name, 0.0) for name in self._waiting) - self.clock())

    def _is_ready(self, name: str) -> bool:
        """Whether nobody else is known to work on what a waiting model needs; from time to time that is looked up."""
        if name not in self._taken:
            return True
        if self.clock() < self._not_before[name]:
            return False
        self._not_before[name] = self.clock() + RETRY_SECONDS
        if self.is_free(self._taken[name]):
            del self._taken[name]
            self._look_at(self.tasks[name].stages)
        return name not in self._taken

    def _look_at(self, stages: Iterable[str]) -> None:
        """Find out which of some stages are finished by now; to look at all of them each time would be slow."""
        self._finished |= {key for key in stages if key not in self._finished and self._stages[key].is_finished}

    @property
    def made_by_others(self) -> tuple[str, ...]:
        """The names of models that were left to other processes."""
        return tuple(self._waiting)
