"""`eartune try` opens its page, names two models apart, and says where what was kept is."""

import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import eartune.api
import eartune.serving.server
from builders import pool
from eartune.cli.app import app
from eartune.errors import InputError
from eartune.tasks.slu import Schema, SluTask
from served import FakeModel


class Trained(FakeModel):
    labels: Schema = SluTask().labels(pool(1))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The addresses that a browser opens; the server begins, and ends at once."""
    addresses: list[str] = []
    is_open = threading.Event()

    def open_page(address: str) -> None:
        addresses.append(address)
        is_open.set()

    def run_server(app: Any, listening: Any, seconds: float, on_start: Callable[[], None]) -> None:
        on_start()
        is_open.wait(0.3)
        listening.close()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(webbrowser, "open", open_page)
    monkeypatch.setattr(eartune.api, "load", lambda model, through: Trained())
    monkeypatch.setattr(eartune.serving.server, "run_server", run_server)
    return addresses


def try_models(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["try", *arguments, "--port", "0"], catch_exceptions=False)
    assert done.exit_code == 0
    return " ".join(done.output.split())


def test_the_page_is_opened_and_can_be_left_closed(opened: list[str]) -> None:
    said = try_models("a/slu")
    assert opened and f"talk to a/slu at {opened[0]}; Ctrl-C ends it nothing was kept" in said
    try_models("a/slu", "--no-open")
    assert len(opened) == 1


def test_two_models_are_named_apart(opened: list[str], tmp_path: Path) -> None:
    for name in ("a/seed0", "b/seed0", "b/seed1"):
        (tmp_path / name).mkdir(parents=True)
    assert "talk to seed0 and seed1 at" in try_models("a/seed0", "b/seed1")
    assert "talk to a/seed0 and b/seed0 at" in try_models("a/seed0", "b/seed0")
    with pytest.raises(InputError, match="a/seed0: is named twice"):
        try_models("a/seed0", "a/seed0")


def test_what_was_kept_is_named(opened: list[str], tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "tried.jsonl").touch()
    assert "what you kept is in kept/tried.jsonl" in try_models("a/slu", "--to", "kept")
