"""A task may come from Python: any object with the protocol's methods, such as the one that docs/tasks.md shows."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import experiment, settings
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment, read_experiment
from eartune.tasks.classification import ClassificationTask
from eartune.tasks.settings import TASKS, read_task
from eartune.tasks.slu import SluTask
from eartune.tasks.task import Task, missing_members
from eartune.tasks.translation import TranslationTask

DOCS = Path(__file__).parents[3] / "docs" / "tasks.md"


def shown_in_the_docs() -> Task:
    """The worked example, as its reader would type it."""
    example, *_ = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    task: Task = names["LanguageTask"]()
    return task


SETTINGS = {TranslationTask: {"to": "German"}}
"""What a task needs to be told."""


@pytest.mark.parametrize(
    "task", [kind(**SETTINGS.get(kind, {})) for kind in TASKS] + [shown_in_the_docs()], ids=lambda task: task.type
)
def test_every_task_has_all_that_is_asked_of_one(task: Task) -> None:
    assert missing_members(task) == []
    assert task.to_json()["type"] == task.type


def test_a_task_is_taken_from_python_as_it_is() -> None:
    task = shown_in_the_docs()
    found = experiment(task=task)
    assert found.task is task
    assert found.model_dump(mode="json")["task"] == {"type": "language"}
    assert found.model_copy(update={"name": "other"}).task is task


def test_what_lacks_methods_is_no_task() -> None:
    class Half:
        type = "half"

        def check(self, utterances: object) -> None: ...

    with pytest.raises(ValueError, match=r"Half is not a task: it has no answer_fields, grammar, group, instruction"):
        experiment(task=Half())


@pytest.mark.parametrize(
    ("written", "task"),
    [
        ({}, SluTask()),
        ({"entity_order": "by-type"}, SluTask(entity_order="by-type")),
        ({"type": "slu", "intents": ["go"]}, SluTask(intents=("go",))),
        ({"type": "classification", "classes": ["a", "b"]}, ClassificationTask(classes=("a", "b"))),
        ({"type": "translation", "to": "German"}, TranslationTask(to="German")),
    ],
)
def test_yaml_names_a_task_by_its_type_and_slu_by_none(written: dict[str, Any], task: Task) -> None:
    found = experiment(task=written)
    assert found.task == task
    assert Experiment.model_validate(found.model_dump(mode="json")) == found
    assert read_task(found.model_dump(mode="json")["task"]) == task


def test_an_experiment_without_a_task_is_slu() -> None:
    assert experiment().task == SluTask() and read_task({}) == SluTask()


def test_a_result_cannot_give_back_a_task_of_ones_own() -> None:
    assert read_task({"type": "language"}) is None


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("{type: emotion}", "task: unknown type 'emotion'; known are classification, slu, translation"),
        ("{type: classification, clases: [a]}", "unknown key 'clases'; did you mean 'classes'?"),
        ("{type: classification, intents: [a]}", "unknown key 'intents'; known are classes, type"),
        ("{type: translation}", "task.translation.to: field required"),
        ("slu", "task: a task is written as its settings, such as {type: slu}"),
        ("null", "task: a task is written as its settings, such as {type: slu}"),
    ],
)
def test_a_fault_names_file_and_place(tmp_path: Path, task: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"{yaml.safe_dump(settings())}\ntask: {task}\n")
    with pytest.raises(InputError) as fault:
        read_experiment(path)
    assert str(fault.value).startswith(f"{path}: ") and said in str(fault.value)
