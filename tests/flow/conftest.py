"""The data of tiny runs that are killed or shared, and what one process makes of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from chromium import Tab


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


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Tab"]:
    """A browser whose microphone hears a tone of 440 Hz and of a third of full scale, at a rate of its own."""
    import soundfile

    from builders import tone
    from chromium import chromium

    folder = tmp_path_factory.mktemp("browser")
    soundfile.write(folder / "tone.wav", tone(3.0, 48_000), 48_000, subtype="PCM_16")
    with chromium(folder, folder / "tone.wav") as tab:
        yield tab


@pytest.fixture
def stock_here() -> Iterator[None]:
    """Let plain transformers look at an export in this process, as a new one takes seconds to import it.

    Tests of whether it agrees with what eartune computes let it have a process of its own.
    """
    from stock import checked_in_this_process

    with checked_in_this_process():
        yield
