"""Several runs as one: their results under names that say which run they are of."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eartune.errors import InputError
from eartune.report.result import RunResult, read_results
from eartune.report.scheme_result import scheme_type
from eartune.wording import listed


@dataclass(frozen=True)
class JoinedRuns:
    """The results of several runs, whose models are named by the path of their folder from `root`."""

    root: Path
    results: tuple[RunResult, ...]


def joined_runs(folders: Sequence[Path]) -> JoinedRuns:
    """Read the runs in these folders; raises InputError if their main metrics or their names are not to be compared."""
    names = [folder.resolve().name for folder in folders]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"two of the runs are called {twice[0]!r}; a comparison needs folders of different names")
    root = Path(os.path.commonpath([folder.resolve().parent for folder in folders]))
    read = [read_results(folder) for folder in folders]
    metrics = list(dict.fromkeys(results[0].main_metric for results in read))
    if len(metrics) > 1:
        raise InputError(f"the runs have different main metrics, {listed(metrics)}, and cannot be compared")
    title, question = listed(names), " / ".join(dict.fromkeys(results[0].question for results in read))
    return JoinedRuns(
        root,
        tuple(
            replace(
                result,
                experiment=title,
                question=question,
                name=(folder.resolve().relative_to(root) / result.name).as_posix(),
                scheme=_label(result.scheme, name),
                scheme_type=scheme_type(result),
                settings=_relabelled(result.settings, name),
            )
            for name, folder, results in zip(names, folders, read, strict=True)
            for result in results
        ),
    )


def _label(scheme: str, run: str) -> str:
    return f"{scheme} ({run})"


def _relabelled(settings: dict[str, Any], run: str) -> dict[str, Any]:
    """Settings whose schemes have the labels that their results have; what a run expects is told on its own page."""
    grid = settings.get("grid", {})
    schemes = [
        scheme | {"name": _label(scheme.get("name") or scheme.get("type", ""), run)}
        for scheme in grid.get("schemes", [])
    ]
    return settings | {"grid": grid | {"schemes": schemes}, "expect": []}
