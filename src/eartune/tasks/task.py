"""The protocol of a task: the prompt of the model, the target that it learns, and how an answer is parsed and scored.

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
"""A parsed answer, as a hashable value: a SemanticFrame for SLU, a label for classification."""


class ParseStatus(StrEnum):
    """The outcome of parsing an answer. A bool could not tell a truncated answer from one of the wrong shape."""

    OK = "OK"
    NOT_JSON = "NOT_JSON"
    WRONG_SHAPE = "WRONG_SHAPE"
    TRUNCATED = "TRUNCATED"
    UNKNOWN_LABEL = "UNKNOWN_LABEL"


Part = tuple[str, str]
"""One thing that an answer says, as (name, value): ("intent", "play_music") or ("artist", "Adele")."""


@dataclass(frozen=True)
class Grammar:
    """The set of all valid answers, to which constrained decoding is limited."""

    lark: str
    """The grammar in Lark's notation; its first rule is `start`."""
    ending: int
    """The most tokens that may be needed to end an answer from any place in it: at most its number of bytes."""
    json_schema: str | None = None
    """The same answers as a JSON schema, for other tools; None where answers are not JSON, or it is not stated."""


class Labels(Protocol):
    """The labels of some data, as a task collects them: a frozen and hashable value."""

    def to_json(self) -> dict[str, Any]:
        """Return the labels as lists and plain values, which `Task.read_labels` can read."""

    def describe(self) -> str:
        """Return the number of labels of each kind as text: "18 intents, 5 entity types"."""


class Task(Protocol):
    """One kind of question about an utterance; every `labels` argument is a value that the method `labels` returned."""

    @property
    def type(self) -> str:
        """The name of the task in YAML and in results."""

    def to_json(self) -> dict[str, Any]:
        """Return the settings, including `type`, for files; a model is trained again if they change."""

    def check(self, utterances: Iterable[Utterance]) -> None:
        """Raise InputError for the first row without a right answer, or with a label that is not declared."""

    def labels(self, utterances: Iterable[Utterance]) -> Labels:
        """Return the labels of some utterances."""

    def read_labels(self, written: dict[str, Any]) -> Labels:
        """Return the labels that `Labels.to_json` wrote."""

    def instruction(self, labels: Any) -> str:
        """Return the part of the prompt that states the task, beside the text or the recording."""

    def preface(self, known: Sequence[Utterance], shown: Sequence[Utterance]) -> str:
        """Return the prompt before the instruction: the labels of `known`, then the utterances `shown` with answers."""

    def group(self, utterance: Utterance) -> str:
        """Return the label by which examples for a prompt are balanced."""

    def reference(self, utterance: Utterance) -> Answer:
        """Return the right answer; raises InputError if the utterance has none."""

    def target(self, utterance: Utterance) -> str:
        """Return the right answer as the text that the model learns to write."""

    def parse(self, text: str, labels: Any) -> tuple[Answer | None, ParseStatus]:
        """Return the answer in a model's text, None if there is none, and the status; never raises."""

    def grammar(self, labels: Any) -> Grammar | None:
        """Return the grammar of all valid answers; None if any text is valid."""

    def answer_fields(self, answer: Answer) -> dict[str, Any]:
        """Return an answer as keys and values of a row in a predictions file."""

    def parts(self, answer: Answer) -> tuple[Part, ...]:
        """Return what an answer says: its label first, then all else; reports count and compare these parts."""

    def read_answer(self, row: dict[str, Any], place: str) -> Answer | None:
        """Return the answer in a row of predictions, or None; raises InputError, with the place, if it is invalid."""

    def metrics(self, labels: Any) -> Metrics:
        """Return the metrics that score the answers, by name."""

    def main_metric(self, labels: Any) -> str:
        """Return the name of the metric that summaries and curves of reports show."""


def missing_members(task: object) -> list[str]:
    """Return the names of the members of a task that an object does not have."""
    return sorted(name for name in get_protocol_members(Task) if not hasattr(task, name))
