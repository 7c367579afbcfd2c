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
from eartune.tasks.json_answer import either, object_of, parse_json, written
from eartune.tasks.task import Grammar, ParseStatus, Part

INSTRUCTION = 'Classify the utterance and return a single-line JSON: {"label": "<string>"}'


def right_or_wrong(reference: str, predicted: str | None) -> Marks:
    """Return marks that count the answer as right or wrong, whatever its label is; a missing answer is wrong."""
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
    """The labels from which a model chooses one."""

    names: frozenset[str]

    def to_json(self) -> dict[str, Any]:
        """Return the labels as a sorted list under the key "labels"."""
        return {"labels": sorted(self.names)}

    def describe(self) -> str:
        """Return the number of classes as text, such as "7 classes"."""
        return f"{len(self.names)} {'class' if len(self.names) == 1 else 'classes'}"


class ClassificationTask(Section):
    """One label for each utterance: its `label`, or the intent of its frame if it has no label."""

    type: Literal["classification"] = "classification"
    classes: tuple[str, ...] | None = None
    """If given, every label of the data must be among these."""

    def to_json(self) -> dict[str, Any]:
        """Return all settings, including those with default values."""
        return self.model_dump(mode="json")

    def check(self, utterances: Iterable[Utterance]) -> None:
        """Raise InputError for the first row without a label or an intent, or with one outside the declared classes."""
        for utterance in utterances:
            label = self.reference(utterance)
            if self.classes is not None and label not in self.classes:
                raise InputError(f"{utterance.id}: the label {label!r} is not among task.classes")

    def labels(self, utterances: Iterable[Utterance]) -> Classes:
        """Return the labels of the utterances."""
        return Classes(frozenset(map(self.reference, utterances)))

    def read_labels(self, written: dict[str, Any]) -> Classes:
        """Return the labels that `Classes.to_json` wrote."""
        return Classes(frozenset(written["labels"]))

    def instruction(self, labels: Classes) -> str:
        """Return the instruction, which names no label: a model learns them, or finds them in the preface."""
        return INSTRUCTION

    def preface(self, known: Sequence[Utterance], shown: Sequence[Utterance]) -> str:
        """Return the labels of the known rows, then the text of each example with its answer, one in each line."""
        lines = [f"Labels: {', '.join(sorted(set(map(self.reference, known))))}."] if known else []
        lines += [f"{utterance.text} -> {self.target(utterance)}" for utterance in shown]
        return "".join(f"{line}\n" for line in lines)

    def group(self, utterance: Utterance) -> str:
        """Return the label of the utterance."""
        return self.reference(utterance)

    def reference(self, utterance: Utterance) -> str:
        """Return the label, or else the intent; raises InputError for a row that has neither."""
        if utterance.label is not None:
            return utterance.label
        if utterance.frame is None:
            raise InputError(f"{utterance.id}: needs a label or an intent for the task classification")
        return utterance.frame.intent

    def target(self, utterance: Utterance) -> str:
        """Return the label as JSON: {"label":"angry"}."""
        return written({"label": self.reference(utterance)})

    def parse(self, text: str, labels: Classes) -> tuple[str | None, ParseStatus]:
        """Return the label in an answer with exactly this key, and the status; a label may be unknown to the data."""
        value, status = parse_json(text)
        if status is not ParseStatus.OK:
            return None, status
        if not isinstance(value, dict) or set(value) != {"label"} or not isinstance(value["label"], str):
            return None, ParseStatus.WRONG_SHAPE
        label = writable(value["label"])
        return label, ParseStatus.OK if label in labels.names else ParseStatus.UNKNOWN_LABEL

    def grammar(self, labels: Classes) -> Grammar:
        """Return a grammar with one answer for each label."""
        answers = [written({"label": name}) for name in sorted(labels.names)]
        longest = max((len(answer.encode()) for answer in answers), default=0)
        schema = object_of({"label": {"enum": sorted(labels.names)}})
        return Grammar(f"start: {either(answers)}", longest + 1, written(schema))

    def answer_fields(self, answer: str) -> dict[str, Any]:
        """Return the answer under the key "label"."""
        return {"label": answer}

    def parts(self, answer: str) -> tuple[Part, ...]:
        """Return the label, the only thing that an answer of this task says."""
        return (("label", answer),)

    def read_answer(self, row: dict[str, Any], place: str) -> str | None:
        """Return the label of a row, None if it has none; raises InputError if the label is not text."""
        label = row.get("label")
        if label is not None and not isinstance(label, str):
            raise InputError(f'{place}: "label" must be text, not {label!r}')
        return label

    def metrics(self, labels: Classes) -> Metrics:
        """Return accuracy, macro F1 and unweighted average recall."""
        return METRICS

    def main_metric(self, labels: Classes) -> str:
        """Return the name of accuracy, which most papers on classification report."""
        return "accuracy"
