"""The one thread that owns the models: questions that wait are answered together, those of like length in a batch.

question -> waiting -> the oldest, with those of like length -> batch -> predictions -> the future of each question
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from eartune.data.audio import Wave
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction
from eartune.tasks.task import Task

Shown = Wave | str
"""What a model is asked about: a recording, or words that somebody typed."""
GATHER_SECONDS = 0.005
"""How long the first question waits for others that come at the same time."""


class Answering(Protocol):
    """A model as the server needs it; a `TrainedModel` is one."""

    @property
    def task(self) -> Task:
        """The task that the model was tuned for."""

    @property
    def decoding(self) -> Decoding:
        """The settings of its search: beams, the most tokens, constraints."""

    def answer_batch(
        self, shown: Sequence[Wave] | Sequence[str], watch: Callable[[Callable[[int], str]], None] | None = None
    ) -> list[Prediction]:
        """Return a prediction for each recording, or for each text; `watch` is called after each step."""


@dataclass(eq=False)
class Question:
    """What one request asks a model; its answer is set by the worker."""

    model: str
    """The name of the model that is asked."""
    shown: Shown
    on_text: Callable[[str], None] | None = None
    """Called by the worker, after each step, with the text that is written so far."""
    answer: Future[Prediction] = field(default_factory=Future)
    is_withdrawn: bool = False
    """Whether nobody waits for the answer any more."""

    @property
    def kind(self) -> tuple[str, bool]:
        """What all questions of a batch have in common: the model, and whether they are typed."""
        return self.model, isinstance(self.shown, str)


class _NobodyWaitsError(Exception):
    """Raised to end a search for answers of which all are withdrawn."""


class Worker:
    """Answers questions in a thread of its own."""

    def __init__(
        self,
        models: Mapping[str, Answering],
        batch_size: int,
        on_batch: Callable[[int], None] = lambda size: None,
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:
        """`on_batch` is called with the number of questions of each batch, when they are answered."""
        self.models = models
        self.batch_size = batch_size
        self.on_batch = on_batch
        self.gather_seconds = gather_seconds
        self._waiting: list[Question] = []
        self._changed = threading.Condition()
        self._is_ending = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)

    def start(self) -> None:
        """Start the thread, which answers requests until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Answer all questions that wait, and return when the thread has ended."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs, so that requests will be answered."""
        return self._thread.is_alive()

    @property
    def n_waiting(self) -> int:
        """How many questions wait; those of the batch that is being answered do not count."""
        return len(self._waiting)

    def ask(self, question: Question) -> None:
        """Let a question wait for its answer."""
        with self._changed:
            self._waiting.append(question)
            self._changed.notify()

    def withdraw(self, question: Question) -> None:
        """Let go of a question; one that is being answered ends early if all others of its batch are withdrawn too."""
        question.is_withdrawn = True
        with self._changed:
            if question in self._waiting:
                self._waiting.remove(question)
        question.answer.cancel()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_ending)
                if not self._waiting:
                    return
                self._changed.wait_for(lambda: len(self._waiting) >= self.batch_size, self.gather_seconds)
                batch = choose_batch(self._waiting, self.batch_size)
                self._waiting = [question for question in self._waiting if question not in batch]
            self._answer([question for question in batch if question.answer.set_running_or_notify_cancel()])

    def _answer(self, batch: Sequence[Question]) -> None:
        """Set the answers of a batch. If it fails, each question is asked alone, as one may have spoiled the others."""
        if not batch:
            return
        try:
            shown: Any = [question.shown for question in batch]  # all of one kind
            found = self.models[batch[0].model].answer_batch(shown, _watch_of(batch))
        except _NobodyWaitsError:
            for question in batch:
                question.answer.set_exception(CancelledError())
        except Exception as error:
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for question in batch:
                self._answer([question])
        else:
            self.on_batch(len(batch))
            for question, prediction in zip(batch, found, strict=True):
                question.answer.set_result(prediction)


def choose_batch(waiting: Sequence[Question], size: int) -> list[Question]:
    """Return at most `size` questions: the one that has waited longest, and those of its kind nearest in length.

    So none waits for ever, and little is padded.
    """
    if not waiting:
        return []
    oldest = waiting[0]
    alike = sorted((one for one in waiting if one.kind == oldest.kind), key=lambda one: len(one.shown))
    first = max(0, min(alike.index(oldest) - size // 2, len(alike) - size))
    return alike[first : first + size]


def _watch_of(batch: Sequence[Question]) -> Callable[[Callable[[int], str]], None]:
    """What is called after each step of a batch: it tells the questions their texts, and ends what nobody waits for."""

    def watch(text_of: Callable[[int], str]) -> None:
        if all(question.is_withdrawn for question in batch):
            raise _NobodyWaitsError
        for row, question in enumerate(batch):
            if question.on_text is not None and not question.is_withdrawn:
                question.on_text(text_of(row))

    return watch
