"""The tasks that an experiment's YAML can name; Python may give any other object that has a task's methods."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PlainSerializer, TypeAdapter, ValidatorFunctionWrapHandler, WrapValidator

from eartune.errors import InputError
from eartune.settings import Section
from eartune.tasks.classification import ClassificationTask
from eartune.tasks.slu import SluTask
from eartune.tasks.task import Task, missing_members
from eartune.tasks.translation import TranslationTask

TASKS = (SluTask, ClassificationTask, TranslationTask)
DEFAULT_TASK = SluTask()


def _task(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Validate a task from YAML, slu if it names no type; an object from Python is kept unchanged."""
    if isinstance(value, Mapping):
        return validate({"type": "slu"} | dict(value))
    if isinstance(value, Section):
        return validate(value)
    if value is None or isinstance(value, str | int | float | list):
        raise InputError("a task is written as its settings, such as {type: slu}")
    if missing := missing_members(value):
        raise InputError(f"{type(value).__name__} is not a task: it has no {', '.join(missing)}")
    return value


def read_task(written: Mapping[str, Any]) -> Task | None:
    """Return the task that the settings of a result name; None for a task from Python, which settings cannot hold."""
    known = {kind.model_fields["type"].default for kind in TASKS}
    return TypeAdapter(AnyTask).validate_python(written) if written.get("type", "slu") in known else None


if TYPE_CHECKING:
    AnyTask = Task
else:
    _Written = Annotated[SluTask | ClassificationTask | TranslationTask, Field(discriminator="type")]
    AnyTask = Annotated[_Written, WrapValidator(_task), PlainSerializer(lambda task: task.to_json())]
