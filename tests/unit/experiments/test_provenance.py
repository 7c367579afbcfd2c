"""The commits that a result names are those of the source that ran and of the user's repository, each by its name."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from eartune.experiments.provenance import made_with, source_commit, user_commit

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's repository with one commit, and a package installed in its .venv, which is ignored."""
    folder = tmp_path / "project"
    installed = folder / ".venv" / "lib" / "site-packages" / "eartune" / "provenance.py"
    installed.parent.mkdir(parents=True)
    installed.touch()
    (folder / "orders.yaml").write_text("seeds: [0]")
    (folder / ".gitignore").write_text(".venv\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "the user's own")
    return folder


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "--short", "HEAD").strip()


def test_a_package_installed_inside_a_users_repository_is_not_said_to_be_of_its_commit(project: Path) -> None:
    (installed,) = project.rglob("provenance.py")
    assert source_commit(installed) is None
    assert user_commit(project) == user_commit(installed.parent) == head(project)


def test_a_source_tree_has_the_commit_that_tracks_it(project: Path) -> None:
    source = project / "src" / "provenance.py"
    source.parent.mkdir()
    source.write_text("pass")
    assert source_commit(source) is None  # not before it is tracked
    git(project, "add", "src")
    git(project, "commit", "--quiet", "--message", "with source")
    assert source_commit(source) == head(project)
    source.write_text("changed")
    assert source_commit(source) == head(project) + "+"


def test_files_that_nobody_tracks_are_no_change(project: Path) -> None:
    (project / "runs").mkdir()
    (project / "runs" / "result.json").write_text("{}")
    assert user_commit(project) == head(project)
    (project / "orders.yaml").write_text("seeds: [0, 1]")
    assert user_commit(project) == head(project) + "+"


def test_a_hook_of_another_repository_does_not_mislead(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(project / ".git"))
    (tmp_path / "elsewhere").mkdir()
    assert user_commit(tmp_path / "elsewhere") is None


def test_without_a_repository_or_a_commit_or_git_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_commit(tmp_path) is None and source_commit(tmp_path / "provenance.py") is None
    git(tmp_path, "init", "--quiet")
    assert user_commit(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert user_commit(tmp_path) is None


def test_a_result_names_both_commits(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    made = made_with()
    assert made["user_commit"] == head(project)
    assert made["commit"] == source_commit()
