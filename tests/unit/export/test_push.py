"""An exported folder goes to the hub without the recordings of its check; a dry run only says what would go."""

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from typer.testing import CliRunner

from eartune.cli.app import app


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    folder = tmp_path / "my-model"
    for name, size in {"model.safetensors": 2_500_000, "eartune.json": 10, "check/01.wav": 7, "README.md": 0}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What the hub is asked for, by a face that reaches no network."""
    calls: list[tuple[str, Any]] = []

    class Hub:
        def create_repo(self, name: str, **how: Any) -> None:
            calls.append(("create_repo", (name, how)))

        def upload_folder(self, **how: Any) -> None:
            calls.append(("upload_folder", how))

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    return calls


def export(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["export", *arguments])


def test_a_dry_run_says_what_would_go_where_and_asks_nobody(exported: Path, asked: list[tuple[str, Any]]) -> None:
    shown = export(str(exported), "--push", "my-team/orders", "--dry-run").output
    assert "     2.500 MB  model.safetensors\n" in shown and "check/01.wav" not in shown
    assert "2.500 MB in 3 files to https://huggingface.co/my-team/orders, which is private if it is new\n" in shown
    assert "not uploaded: check/ with 1 file, as it holds recordings of people\n" in shown
    assert asked == []


def test_a_push_uploads_the_folder_to_a_private_repository_without_recordings(
    exported: Path, asked: list[tuple[str, Any]]
) -> None:
    assert "done: https://huggingface.co/my-team/orders" in export(str(exported), "--push", "my-team/orders").output
    (_, created), (_, uploaded) = asked
    assert created == ("my-team/orders", {"private": True, "exist_ok": True})
    assert (uploaded["repo_id"], uploaded["folder_path"]) == ("my-team/orders", exported)
    paths = [str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()]
    going = huggingface_hub.utils.filter_repo_objects(paths, ignore_patterns=uploaded["ignore_patterns"])
    assert sorted(going) == ["README.md", "eartune.json", "model.safetensors"]


def test_what_the_hub_refuses_is_one_sentence(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hub:
        def create_repo(self, name: str, **how: Any) -> None:
            raise OSError("401 Unauthorized\nand a page of details")

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    error = str(export(str(exported), "--push", "my-team/orders").exception)
    assert error.startswith("my-team/orders: the hub took no upload (401 Unauthorized); `hf auth login`")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["FOLDER"], "name the folder to write: --to FOLDER"),
        (["FOLDER", "--to", "x", "--dry-run"], "--dry-run: is for --push ORG/NAME"),
        (["FOLDER", "--push", "a/b", "--adapter"], "--adapter: is for an export, with --to FOLDER"),
        (["FOLDER", "--push", "orders"], "--push orders: must be ORG/NAME"),
        (["FOLDER", "--push", "a/b"], "is no folder that `eartune export` wrote"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, asked: list[tuple[str, Any]], arguments: list[str], message: str
) -> None:
    error = export(*(str(tmp_path) if argument == "FOLDER" else argument for argument in arguments)).exception
    assert message in str(error) and asked == []
