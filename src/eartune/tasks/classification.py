"""Utterance classification as a task: one label for an utterance and no entities, as JSON.

{"label":"angry"}
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.evaluation.metrics import Metric, Metrics
from eartune.evaluation.metrics.count_table import reference_recall
from eartune.evaluation.metrics.counts import Marks, accuracy_marks, class_marks
from eartune.files import writable
from eartune.settings import Section
from eartune.tasks.json_answer import either, parse_json, written
from eartune.tasks.task import Grammar, ParseStatus

INSTRUCTION = 'Classify the utterance and return a single-line JSON: {"label": "<string>"}'


def right_or_wrong(reference: str, predicted: str | None) -> Marks:
    """Right or wrong, whichever label it is; a missing answer counts like a wrong one."""
    return accuracy_marks(predicted == reference)


METRICS: Metrics = {
    "accuracy": Metric(
        "Share of utterances whose label is right; one without an answer that can be read counts as wrong.",
        (right_or_wrong,),
    ),
    "macro_f1": Metric(
        "Mean over the labels of each label's F1, over all labels of references or answers (sklearn's macro F1).",
        (class_marks,),
        macro=True,
    ),
    "unweighted_average_recall": Metric(
        "Mean over the references' labels of the share of each that was found, so that rare labels weigh as much as "
        "frequent ones (sklearn's balanced accuracy); comparable with the UAR, or unweighted accuracy, of papers on "
        "emotion recognition.",
        (class_marks,),
        macro=True,
        ratio=reference_recall,
    ),
}


@dataclass(frozen=True)
class Classes:
    """The labels among which a model is to choose."""

    names: frozenset[str]

    def to_json(self) -> dict[str, Any]:
        """A sorted list under "labels"."""
        return {"labels": sorted(self.names)}

    def describe(self) -> str:
        """The number of classes."""
        return f"{len(self.names)} {'class' if len(self.names) == 1 else 'classes'}"


class ClassificationTask(Section):
    """One label for an utterance: its own, or the intent of its frame where it has no label."""

    type: Literal["classification"] = "classification"
    classes: tuple[str, ...] | None = None
    """If given, every label of the data must be among these."""

    def to_json(self) -> dict[str, Any]:
        """All settings, also those left at their defaults."""
        return self.model_dump(mode="json")

    def check(self, utterances: Iterable[Utterance]) -> None:
        """Raise InputError for the first row without a label or an intent, or with one outside the declared classes."""
        for utterance in utterances:
            label = self.reference(utterance)
            if self.classes is not None and label not in self.classes:
                raise InputError(f"{utterance.id}: the label {label!r} is not among task.classes")

    def labels(self, utterances: Iterable[Utterance]) -> Classes:
        """The labels that occur."""
        return Classes(frozenset(map(self.reference, utterances)))

    def read_labels(self, written: dict[str, Any]) -> Classes:
        """The labels that `Classes.to_json` wrote."""
        return Classes(frozenset(written["labels"]))

    def instruction(self, labels: Classes) -> str:
        """The question, which names no labels: the model learns them from the answers, or reads them in the preface."""
        return INSTRUCTION

    def preface(self, known: Sequence[Utterance], shown: Sequence[Utterance]) -> str:
        """The labels of the known rows, and typed examples with their answers."""
        lines = [f"Labels: {', '.join(sorted(set(map(self.reference, known))))}."] if known else []
        lines += [f"{utterance.text} -> {self.target(utterance)}" for utterance in shown]
        return "".join(f"{line}\n" for line in lines)

    def group(self, utterance: Utterance) -> str:
        """The label."""
        return self.reference(utterance)

    def reference(self, utterance: Utterance) -> str:
        """The label, or else the intent; raises InputError for a row that has neither."""
        if utterance.label is not None:
            return utterance.label
        if utterance.frame is None:
            raise InputError(f"{utterance.id}: has no label and no intent, one of which the task classification needs")
        return utterance.frame.intent

    def target(self, utterance: Utterance) -> str:
        """The label as JSON."""
        return written({"label": self.reference(utterance)})

    def parse(self, text: str, labels: Classes) -> tuple[str | None, ParseStatus]:
        """The label in an answer that has just this key; it may be one that the data does not have."""
        value, status = parse_json(text)
        if status is not ParseStatus.OK:
            return None, status
        if not isinstance(value, dict) or set(value) != {"label"} or not isinstance(value["label"], str):
            return None, ParseStatus.WRONG_SHAPE
        label = writable(value["label"])
        return label, ParseStatus.OK if label in labels.names else ParseStatus.UNKNOWN_LABEL

    def grammar(self, labels: Classes) -> Grammar:
        """One answer for each label."""
        answers = [written({"label": name}) for name in sorted(labels.names)]
        return Grammar(f"start: {either(answers)}", ending=max(len(answer.encode()) for answer in answers) + 1)

    def answer_fields(self, answer: str) -> dict[str, Any]:
        """The key "label"."""
        return {"label": answer}

    def read_answer(self, row: dict[str, Any], place: str) -> str | None:
        """The label of a row that names one; raises InputError where it is no text."""
        label = row.get("label")
        if label is not None and not isinstance(label, str):
            raise InputError(f'{place}: "label" must be text, not {label!r}')
        return label

    def metrics(self, labels: Classes) -> Metrics:
        """Accuracy, and two means over the labels."""
        return METRICS

    def main_metric(self, labels: Classes) -> str:
        """The main metric is accuracy, as in most papers on classification."""
        return "accuracy"
