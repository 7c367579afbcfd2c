"""One thread answers all questions: those of like length together, none for ever waiting, none spoiled by another."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError

import numpy as np
import pytest

from eartune.serving.worker import Question, Worker, choose_batch
from served import SECONDS, FakeModel


def asked(*shown: int | str, model: str = "one") -> list[Question]:
    """Questions about texts, or about recordings of so many samples."""
    return [Question(model, one if isinstance(one, str) else np.zeros(one, np.float32)) for one in shown]


def lengths(batch: list[Question]) -> list[int]:
    return [len(question.shown) for question in batch]


@pytest.mark.parametrize(
    ("waiting", "chosen"),
    [
        ([5], [5]),
        ([5, 1, 9], [1, 5, 9]),
        ([5, 100, 6, 1, 90], [1, 5, 6]),
        ([100, 5, 6, 1, 90], [6, 90, 100]),
        ([1, 5, 6, 100, 90], [1, 5, 6]),
    ],
)
def test_the_oldest_is_answered_with_those_nearest_in_length(waiting: list[int], chosen: list[int]) -> None:
    questions = asked(*waiting)
    assert lengths(choose_batch(questions, 3)) == chosen
    assert questions[0] in choose_batch(questions, 3)


def test_a_batch_is_of_one_model_and_of_one_kind() -> None:
    questions = [*asked(3, "abc"), *asked(3, model="two"), *asked(4)]
    assert choose_batch(questions, 9) == [questions[0], questions[3]]
    assert choose_batch([], 9) == []


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def worker(model: FakeModel) -> Iterator[Worker]:
    worker = Worker({"one": model, "two": FakeModel()}, batch_size=4)
    worker.start()
    yield worker
    model.may_go_on.set()
    worker.close()


def hold(worker: Worker, model: FakeModel) -> Question:
    """Let the worker be busy with a question, until the model may go on."""
    model.may_go_on.clear()
    (busy,) = asked("busy")
    worker.ask(busy)
    assert model.has_begun.wait(SECONDS)
    return busy


def intent(question: Question) -> str:
    return str(question.answer.result(SECONDS).answer.intent)


def test_what_waits_is_answered_together_and_in_order_of_length(worker: Worker, model: FakeModel) -> None:
    busy = hold(worker, model)
    waiting = asked(700, 100, 600, 500, 200)
    for question in waiting:
        worker.ask(question)
    assert worker.n_waiting == 5
    model.may_go_on.set()
    assert [intent(question) for question in (busy, *waiting)] == ["busy", "700", "100", "600", "500", "200"]
    assert model.batches == [["busy"], [200, 500, 600, 700], [100]]


def test_questions_that_come_at_the_same_time_are_answered_together(model: FakeModel) -> None:
    worker = Worker({"one": model}, batch_size=4, gather_seconds=0.5)
    questions = asked(1, 2, 3)
    worker.start()
    for question in questions:
        worker.ask(question)
        time.sleep(0.02)
    assert [intent(question) for question in questions] == ["1", "2", "3"]
    worker.close()
    assert model.batches == [[1, 2, 3]]


def test_a_question_that_is_withdrawn_while_it_waits_is_never_asked(worker: Worker, model: FakeModel) -> None:
    busy = hold(worker, model)
    left, stays = asked("left", "stays")
    worker.ask(left)
    worker.ask(stays)
    worker.withdraw(left)
    assert worker.n_waiting == 1
    model.may_go_on.set()
    assert (intent(busy), intent(stays)) == ("busy", "stays")
    assert model.batches == [["busy"], ["stays"]] and left.answer.cancelled()


def test_a_search_ends_when_nobody_waits_for_any_of_its_answers(worker: Worker, model: FakeModel) -> None:
    busy = hold(worker, model)
    worker.withdraw(busy)
    with pytest.raises(CancelledError):
        busy.answer.result(SECONDS)
    assert model.n_ended_early == 1 and not model.may_go_on.is_set()


def test_a_search_goes_on_for_those_who_wait(worker: Worker, model: FakeModel) -> None:
    busy = hold(worker, model)
    together = asked("left", "stays")
    for question in together:
        worker.ask(question)
    model.has_begun.clear()
    model.may_go_on.set()
    assert intent(busy) == "busy"
    model.may_go_on.clear()
    assert model.has_begun.wait(SECONDS)
    worker.withdraw(together[0])
    model.may_go_on.set()
    assert intent(together[1]) == "stays" and model.n_ended_early == 0


def test_a_question_that_fails_spoils_no_other(worker: Worker, model: FakeModel) -> None:
    hold(worker, model)
    good, bad = asked("good", model.spoiled)
    worker.ask(bad)
    worker.ask(good)
    model.may_go_on.set()
    assert intent(good) == "good"
    with pytest.raises(ValueError, match="secret"):
        bad.answer.result(SECONDS)


def test_the_text_is_told_as_it_is_written(worker: Worker) -> None:
    told: list[str] = []
    question = Question("one", "stop", told.append)
    worker.ask(question)
    text = question.answer.result(SECONDS).text
    assert told[-1] == text
    assert all(told[-1].startswith(text) for text in told) and len(set(told)) == 3


def test_whoever_closes_waits_until_all_is_answered(model: FakeModel) -> None:
    sizes: list[int] = []
    worker = Worker({"one": model}, 2, sizes.append)
    worker.start()
    busy = hold(worker, model)
    waiting = asked("a", "b", "c")
    for question in waiting:
        worker.ask(question)
    threading.Timer(0.1, model.may_go_on.set).start()
    worker.close()
    assert all(question.answer.done() for question in (busy, *waiting)) and sizes == [1, 2, 1]
