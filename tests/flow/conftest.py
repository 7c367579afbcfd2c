"""The data of tiny runs that are killed or shared, and what one process makes of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint and three manifests; a test file with data of its own has a fixture of this name."""
    from killed_runs import make_data

    folder = tmp_path_factory.mktemp("data")
    make_data(folder)
    return folder


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for runs of one process that nobody killed."""
    from rich.console import Console

    from eartune.experiments.runner import run
    from killed_runs import experiment

    runs = tmp_path_factory.mktemp("whole") / "runs"
    run(experiment(data), data, runs, Console(quiet=True))
    return runs


@pytest.fixture
def stock_here() -> Iterator[None]:
    """Let plain transformers look at an export in this process, as a new one takes seconds to import it.

    Tests of whether it agrees with what eartune computes let it have a process of its own.
    """
    from stock import checked_in_this_process

    with checked_in_this_process():
        yield
