"""The work that is left of a run: what is taken next, what waits for others, and what fails too often."""

from pathlib import Path

import pytest

from eartune.claims import TakenError
from eartune.experiments.grid import RETRY_SECONDS, Grid
from eartune.experiments.schedule import Task
from eartune.run_folder import RunFolder, StageFolder


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


TEXT = Task("text-only", {"text": 4}, 1)
CURRICULUM = Task("curriculum", {"text": 4, "speech": 5}, 1)
UNTUNED = Task("untuned", {}, 1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stages(tmp_path: Path) -> dict[str, StageFolder]:
    return {key: RunFolder(tmp_path).stage(key, "k1") for key in ("text", "speech")}


@pytest.fixture
def claimed() -> set[str]:
    """What other processes have claimed."""
    return set()


@pytest.fixture
def grid(stages: dict[str, StageFolder], claimed: set[str], clock: Clock) -> Grid:
    return Grid([UNTUNED, TEXT, CURRICULUM], stages, lambda name: name not in claimed, clock)


def finish(stage: StageFolder) -> None:
    stage.path.mkdir(parents=True)
    stage.weights.write_bytes(b"")
    stage.finish(1.0, {})


def test_one_worker_alone_goes_in_the_order_of_the_experiment(grid: Grid) -> None:
    taken = []
    while (name := grid.take(longest_first=False)) is not None:
        taken.append(name)
        grid.finished(name)
    assert taken == ["untuned", "text-only", "curriculum"] and grid.pause() is None


def test_several_take_the_longest_and_wait_for_a_stage_in_training(grid: Grid, stages: dict[str, StageFolder]) -> None:
    assert [grid.take(longest_first=True) for _ in range(3)] == ["curriculum", "untuned", None]
    finish(stages["text"])  # while the curriculum goes on
    assert grid.take(longest_first=True) == "text-only"


def test_a_model_that_fails_is_tried_once_more_after_all_others(grid: Grid) -> None:
    assert grid.take(longest_first=True) == "curriculum" and grid.failed_once("curriculum")
    for name in ("text-only", "untuned"):
        assert grid.take(longest_first=True) == name
        grid.finished(name)
    assert grid.take(longest_first=True) == "curriculum" and not grid.failed_once("curriculum")
    assert grid.take(longest_first=True) is None and grid.pause() is None and grid.failed == ["curriculum"]


def test_a_model_whose_stage_another_process_trains_waits_until_it_is_free(
    grid: Grid, clock: Clock, claimed: set[str]
) -> None:
    claimed.add("text")
    for expected in ("curriculum", "text-only"):
        assert grid.take(longest_first=True) == expected
        grid.taken(expected, TakenError("text"))
    assert grid.take(longest_first=True) == "untuned"
    grid.finished("untuned")
    assert grid.take(longest_first=True) is None and grid.pause() == RETRY_SECONDS
    clock.now = RETRY_SECONDS
    assert grid.take(longest_first=True) is None and grid.pause() == RETRY_SECONDS
    claimed.clear()
    clock.now = 2 * RETRY_SECONDS
    assert grid.take(longest_first=True) == "curriculum"


def test_models_that_another_process_makes_are_left_to_it(grid: Grid, claimed: set[str]) -> None:
    for _ in range(3):
        name = str(grid.take(longest_first=True))
        claimed.add(name)
        grid.taken(name, TakenError(name))
    assert grid.pause() is None and set(grid.made_by_others) == {"untuned", "text-only", "curriculum"}


def test_a_model_whose_worker_died_is_not_left_to_the_claim_of_the_dead(grid: Grid, claimed: set[str]) -> None:
    """On another machine that claim holds for two minutes."""
    assert grid.take(longest_first=True) == "curriculum" and grid.failed_once("curriculum")
    claimed.add("curriculum")
    for name in ("text-only", "untuned"):
        assert grid.take(longest_first=True) == name
        grid.finished(name)
    assert grid.take(longest_first=True) == "curriculum"
    grid.taken("curriculum", TakenError("curriculum"))
    assert grid.take(longest_first=True) is None and grid.pause() == RETRY_SECONDS


def test_a_stage_that_another_process_finished_is_no_work_any_more(
    grid: Grid, stages: dict[str, StageFolder], clock: Clock
) -> None:
    assert grid.take(longest_first=True) == "curriculum"
    grid.taken("curriculum", TakenError("text"))
    finish(stages["text"])
    clock.now = RETRY_SECONDS
    assert [grid.take(longest_first=True) for _ in range(3)] == ["curriculum", "untuned", "text-only"]
