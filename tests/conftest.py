"""Options and fixtures of the whole suite."""

import gc
import multiprocessing
import os
import sys
from pathlib import Path

import hypothesis
import pytest

# Tiny models compute fastest on one thread, and every core has a process of tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))  # for `from builders import ...`

# No deadline: on a busy machine it would fail tests at random. Derandomised: a suite that fails, fails again.
hypothesis.settings.register_profile("eartune", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("eartune")


LONGEST = ("contract", "flow", "unit/training", "unit/experiments", "unit/models")
"""The folders whose files take longest, in this order."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update` writes golden files anew; read the diff before committing it."""
    parser.addoption("--update", action="store_true", default=False, help="write golden files anew")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run three tests on two cores, as many of them wait for processes that they start."""
    return max(1, (os.cpu_count() or 1) * 3 // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: one that began last would leave the other cores with nothing to do."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        folder = item.path.parent
        return next((n for n, name in enumerate(LONGEST) if folder.is_relative_to(here / name)), len(LONGEST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Leave all that is imported by now out of garbage collections, of which each model and stage asks for one.

    With torch and transformers in memory, each would take a quarter of a second.
    """
    gc.freeze()


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of public corpora; tests that need it are skipped where it is not."""
    root = Path(os.environ.get("EARTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no corpora at {root}; EARTUNE_DATA may name another folder")
    return root


@pytest.fixture(scope="session")
def forks() -> None:
    """Let processes that a test starts together be forks of a server that has imported everything once."""
    together = ["processes_in_training", "work_of_processes", "eartune.experiments.preloaded"]
    multiprocessing.get_context("forkserver").set_forkserver_preload(together)
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # the server of Python 3.11 does not take the parent's path
