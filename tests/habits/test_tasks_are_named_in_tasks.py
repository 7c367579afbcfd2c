"""Everything outside tasks/ asks the Task protocol: no other module knows which task it works for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "eartune"
OF_ONE_TASK = {  # modules of tasks/ that belong to one task, with what others must not name
    "eartune.tasks.classification": {"ClassificationTask", "Classes"},
    "eartune.tasks.translation": {"TranslationTask"},
    "eartune.tasks.slu": {"SluTask", "Schema", "INTENT_INSTRUCTION", "SCENARIO_ACTION_INSTRUCTION"},
}
NAMES = set().union(*OF_ONE_TASK.values())
ALLOWED = (
    "tasks/",
    "evaluation/scoring/",  # reads the files of SLURP and MASSIVE, which are SLU whatever the experiment
    "prepare/importers/messages.py",  # chats of other tools, whose answers are frames
)
MODULES = [path for path in sorted(SRC.rglob("*.py")) if not str(path.relative_to(SRC)).startswith(ALLOWED)]


def names_of_one_task(source: str) -> Iterator[str]:
    """What a module's code names of a single task: its module, its classes, or its `type` in a comparison."""
    types = {module.rpartition(".")[2] for module in OF_ONE_TASK}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield from {node.module, f"{node.module}.{alias.name}"} & OF_ONE_TASK.keys()
                yield from {alias.name} & NAMES
        if isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & OF_ONE_TASK.keys()
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            yield from {name} & NAMES
        if isinstance(node, ast.Compare):
            compared = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
            yield from (value for value in compared if value in types)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SRC)))
def test_no_module_outside_tasks_names_a_task(path: Path) -> None:
    assert list(names_of_one_task(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "from eartune.tasks.slu import target",
        "from eartune.tasks import slu",
        "import eartune.tasks.slu",
        "from eartune.tasks.settings import SluTask",
        "def f(task): return isinstance(task, settings.SluTask)",
        "def f(task): return task.type == 'slu'",
        "def f(task): return task.type in ('slu', 'other')",
    ],
)
def test_every_way_of_naming_a_task_is_found(source: str) -> None:
    assert list(names_of_one_task(source))


def test_the_protocol_itself_may_be_named() -> None:
    assert not list(names_of_one_task("from eartune.tasks.task import Task\nx = {'slu': 'SLU'}"))
