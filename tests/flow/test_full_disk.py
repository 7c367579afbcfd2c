"""A disk that is full, or may not be written to, ends a run with one sentence; what was done stays and is used."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from eartune.errors import InputError
from eartune.experiments.runner import run
from killed_runs import experiment


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB, on which a checkpoint of the tiny model fits and the third does not."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_when_there_is_space(data: Path, small_disk: Path) -> None:
    settings = experiment(data, schemes=("untuned", "text-only", "direct-mixing"))
    with pytest.raises(InputError, match=r"the disk is full .* free some space and run it again"):
        run(settings, data, small_disk / "runs", Console(quiet=True))
    made = [path.parent.name for path in small_disk.glob("runs/tiny/*/result.json")]
    assert "untuned-seed0" in made and not list(small_disk.rglob("*.part-*"))
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    assert run(settings, data, small_disk / "runs", Console(quiet=True)).failed == ()


def test_a_folder_that_may_not_be_written_to_is_one_sentence(data: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(InputError, match=r"may not be written or read \(Read-only file system\)"):
        run(experiment(data, schemes=("untuned",)), data, small_disk / "runs", Console(quiet=True))
