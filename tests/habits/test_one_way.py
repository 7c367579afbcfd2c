"""A datum is born in a corpus and ends in a report: a module imports only what stands before it."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "eartune"
FILES = {".".join(path.relative_to(SRC).with_suffix("").parts): path for path in SRC.rglob("*.py")}
ORDER = (
    *("errors", "before_torch", "files", "claims", "progress", "processes", "wording", "tables", "settings"),
    *("run_folder", "data"),
    *("evaluation.metrics", "tasks", "evaluation", "models", "training", "inference", "report"),
    *("experiments", "prepare", "export", "api", "serving", "cli", "__main__"),
)


def imported(node: ast.AST) -> Iterator[str]:
    """Names under `eartune` that are imported anywhere below a node, but not those for the type checker alone."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.ImportFrom) and (node.module or ".").startswith("eartune"):
        outer = str(node.module).removeprefix("eartune").lstrip(".")
        for name in (f"{outer}.{alias.name}".lstrip(".") for alias in node.names):
            yield name if name in FILES else outer
    if isinstance(node, ast.Import):
        yield from (alias.name.removeprefix("eartune.") for alias in node.names if alias.name.startswith("eartune."))
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


def place(module: str) -> int:
    """Where a module stands; `evaluation.metrics` is more to the point than `evaluation`."""
    return ORDER.index(max((name for name in ORDER if f"{module}.".startswith(f"{name}.")), key=len))


@pytest.mark.parametrize("module", sorted(FILES.keys() - {"__init__"}))
def test_a_module_imports_only_what_stands_before_it(module: str) -> None:
    back = [name for name in imported(ast.parse(FILES[module].read_text())) if place(name) > place(module)]
    assert back == []


def test_no_files_import_each_other() -> None:
    TopologicalSorter({name: set(imported(ast.parse(path.read_text()))) for name, path in FILES.items()}).prepare()


def test_the_design_shows_the_same_order() -> None:
    page = (SRC.parents[1] / "docs" / "design.md").read_text(encoding="utf-8")
    (shown,) = (block for block in page.split("\n\n") if block.startswith(f"    {ORDER[0]}  →"))
    assert shown.split() == "  →  ".join(ORDER[:-1]).split()
