"""What a task is: what the model is asked, the answer that it learns, how an answer is read, and how it is judged.

utterances -> labels -> instruction, grammar -> the model's text -> parse -> answer -> metrics
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from typing_extensions import get_protocol_members

from eartune.data.utterance import Utterance
from eartune.evaluation.metrics import Metrics

Answer = Any
"""What a task asks for, as a hashable value: a SemanticFrame, a label."""


class ParseStatus(StrEnum):
    """The outcome of parsing an answer. A bool could not tell a truncated answer from a wrong one."""

    OK = "OK"
    NOT_JSON = "NOT_JSON"
    WRONG_SHAPE = "WRONG_SHAPE"
    TRUNCATED = "TRUNCATED"
    UNKNOWN_LABEL = "UNKNOWN_LABEL"


@dataclass(frozen=True)
class Grammar:
    """All texts that are answers, which a constrained search keeps to."""

    lark: str
    """In Lark's notation, with the rule `start`."""
    ending: int
    """How many tokens may be needed, at most, to end an answer from any place in it; no more than its bytes."""


class Labels(Protocol):
    """What a task knows of its data: frozen and hashable."""

    def to_json(self) -> dict[str, Any]:
        """The labels as plain lists and values, which `Task.read_labels` reads back."""

    def describe(self) -> str:
        """How many there are of each kind, as in "18 intents, 5 entity types"."""


class Task(Protocol):
    """One kind of question about an utterance. `labels` arguments are what the task's own `labels` returned."""

    @property
    def type(self) -> str:
        """Its name in YAML and in results."""

    def to_json(self) -> dict[str, Any]:
        """Its settings, the type among them, as they are written to files; what changes with them is trained anew."""

    def check(self, utterances: Iterable[Utterance]) -> None:
        """Raise InputError naming the first row that lacks what the task asks for, or has an undeclared label."""

    def labels(self, utterances: Iterable[Utterance]) -> Labels:
        """The labels that occur in some utterances."""

    def read_labels(self, written: dict[str, Any]) -> Labels:
        """The labels that `Labels.to_json` wrote."""

    def instruction(self, labels: Any) -> str:
        """What the model is asked beside the words or the recording."""

    def preface(self, known: Sequence[Utterance], shown: Sequence[Utterance]) -> str:
        """The part of the prompt before the instruction: the labels of `known`, and `shown` with their answers."""

    def group(self, utterance: Utterance) -> str:
        """The label by which examples for a prompt are chosen in turn."""

    def reference(self, utterance: Utterance) -> Answer:
        """The right answer; raises InputError where the utterance holds none."""

    def target(self, utterance: Utterance) -> str:
        """The right answer as the text that the model learns to write."""

    def parse(self, text: str, labels: Any) -> tuple[Answer | None, ParseStatus]:
        """Read what a model wrote, whatever it is; never raises."""

    def grammar(self, labels: Any) -> Grammar | None:
        """All texts that are answers; None if any text is one."""

    def answer_fields(self, answer: Answer) -> dict[str, Any]:
        """The keys by which a row of predictions holds an answer."""

    def read_answer(self, row: dict[str, Any], place: str) -> Answer | None:
        """The answer in a row of predictions, None if it holds none; raises InputError, naming the place, if unfit."""

    def metrics(self, labels: Any) -> Metrics:
        """The metrics that judge its answers, by name."""

    def main_metric(self, labels: Any) -> str:
        """The name of the metric that reports are about."""


def missing_members(task: object) -> list[str]:
    """The names that an object lacks to be a task."""
    return sorted(name for name in get_protocol_members(Task) if not hasattr(task, name))
