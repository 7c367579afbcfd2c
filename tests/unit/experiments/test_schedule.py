"""Who does what when: the longest work first, shared stages once, and models that wait; all cases counted by hand."""

import pytest

from eartune.experiments.schedule import Piece, Schedule, Task, next_task, order_of_work, simulate

TEXT = Task("text", {"text": 4}, 1)
CURRICULUM = Task("curriculum", {"text": 4, "speech": 5}, 1)
MIXING = Task("mixing", {"mixed": 7}, 1)
UNTUNED = Task("untuned", {}, 1)


def names(tasks: list[Task]) -> list[str]:
    return [task.name for task in tasks]


def test_the_longest_work_comes_first() -> None:
    assert names(order_of_work([UNTUNED, TEXT, MIXING, CURRICULUM])) == ["curriculum", "mixing", "text", "untuned"]


def test_finished_stages_are_no_work() -> None:
    """Without its text stage the curriculum has 6 seconds left, and mixing 8."""
    assert names(order_of_work([CURRICULUM, MIXING, TEXT], {"text"})) == ["mixing", "curriculum", "text"]


def test_equal_work_keeps_its_order() -> None:
    tasks = [Task(name, {name: 3}, 1) for name in "bca"]
    assert names(order_of_work(tasks)) == ["b", "c", "a"]


def test_a_stage_that_another_worker_trains_is_waited_for() -> None:
    assert next_task([TEXT, CURRICULUM, MIXING], (), {"text"}) is MIXING
    assert next_task([TEXT, CURRICULUM], (), {"text"}) is None
    assert next_task([TEXT, CURRICULUM], {"text"}, {"text"}) is CURRICULUM


def test_only_the_next_stage_makes_a_model_wait() -> None:
    """That a later stage is being trained is no reason to leave the first one undone."""
    assert next_task([CURRICULUM], (), {"speech"}) is CURRICULUM


def test_two_workers_a_shared_stage_and_a_model_that_waits() -> None:
    """The second worker takes the untuned model, as the stage of the text model is being trained."""
    schedule = simulate([UNTUNED, TEXT, CURRICULUM], 2)
    assert schedule == Schedule(
        (
            Piece(0, "curriculum", "text", 0, 4),
            Piece(1, "untuned", None, 0, 1),
            Piece(0, "curriculum", "speech", 4, 9),
            Piece(1, "text", None, 4, 5),
            Piece(0, "curriculum", None, 9, 10),
        )
    )
    assert (schedule.seconds, schedule.worker_seconds) == (10, 12)


def test_what_is_left_for_the_second_worker() -> None:
    """When mixing is done, so is the text stage, and the text and the untuned model have a second left each."""
    schedule = simulate([UNTUNED, TEXT, CURRICULUM, MIXING], 2)
    second = [(piece.task, piece.start, piece.end) for piece in schedule.pieces if piece.worker == 1]
    assert second == [("mixing", 0, 7), ("mixing", 7, 8), ("untuned", 8, 9), ("text", 9, 10)]


def test_one_worker_does_everything_in_the_order_given_and_shared_stages_once() -> None:
    schedule = simulate([UNTUNED, TEXT, CURRICULUM, MIXING], 1)
    assert schedule.seconds == schedule.worker_seconds == 4 + 5 + 7 + 4 * 1
    assert [piece.task for piece in schedule.pieces if piece.stage is None] == [
        "untuned",
        "text",
        "curriculum",
        "mixing",
    ]


def test_two_curricula_part_after_their_shared_stage() -> None:
    """Both worker 1 and worker 2 wait for the text stage; then each trains a speech stage of its own."""
    curricula = [Task(f"c{n}", {"text": 4, f"speech{n}": n}, 1) for n in (3, 2)]
    schedule = simulate(curricula, 3)
    assert [(piece.worker, piece.stage, piece.start, piece.end) for piece in schedule.pieces] == [
        (0, "text", 0, 4),
        (0, "speech3", 4, 7),
        (1, "speech2", 4, 6),
        (1, None, 6, 7),
        (0, None, 7, 8),
    ]


def test_what_is_finished_is_not_done_again() -> None:
    schedule = simulate([TEXT, CURRICULUM], 1, finished={"text"})
    assert [piece.stage for piece in schedule.pieces] == [None, "speech", None]


@pytest.mark.parametrize("n_workers", [1, 2, 3, 50])
def test_every_stage_is_trained_once_and_every_model_decoded_once(n_workers: int) -> None:
    tasks = [Task(f"m{n}{k}", {f"a{n}": 3, f"b{n}": 2, f"c{n}{k}": 1 + k}, 1) for n in range(4) for k in range(3)]
    pieces = simulate(tasks, n_workers).pieces
    trained = [piece.stage for piece in pieces if piece.stage is not None]
    assert sorted(trained) == sorted({key for task in tasks for key in task.stages})
    assert sorted(piece.task for piece in pieces if piece.stage is None) == sorted(task.name for task in tasks)
    ends = {piece.stage: piece.end for piece in pieces if piece.stage is not None}
    for piece in pieces:  # no model is decoded before all of its stages are trained
        if piece.stage is None:
            stages = next(task.stages for task in tasks if task.name == piece.task)
            assert all(ends[key] <= piece.start for key in stages)


def test_an_empty_grid_takes_no_time() -> None:
    assert simulate([], 2).seconds == 0
