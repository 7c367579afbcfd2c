"""`eartune serve` with a tiny model: it answers over a socket as Python does, and ends when it is told to."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

import eartune
from builders import sound_file
from eartune.cli.app import app
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.serving.server import bound_socket
from served import Client
from tiny_models import tiny


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny(Qwen2Audio).save(folder)
    return folder


@pytest.fixture
def server(checkpoint: Path) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """A server in a process of its own, once it says that it serves, and a client for it."""
    command = [sys.executable, "-m", "eartune", "serve", str(checkpoint), "--port", "0", "--batch-size", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("serving tiny at http://127.0.0.1:"), said
        yield process, Client(int(said.partition("127.0.0.1:")[2].partition(";")[0]))
        process.kill()


def test_a_served_model_answers_as_it_does_in_python_and_finishes_what_it_began(
    server: tuple[subprocess.Popen[str], Client], checkpoint: Path, tmp_path: Path
) -> None:
    process, client = server
    files = [sound_file(tmp_path / f"{n}.wav", 0.3 + n / 10) for n in range(6)]
    with ThreadPoolExecutor(6) as clients:
        together = list(clients.map(lambda file: client.json("/v1/understand", file.read_bytes()), files))
    assert [one["status"] for one in together] == ["NOT_JSON"] * 6
    measured = client.ask("/metrics")[1]
    assert "eartune_answers_total 6\n" in measured and "eartune_batches_total 6\n" not in measured
    alone = client.json("/v1/understand", files[5].read_bytes())
    assert alone["text"] == next(eartune.load(checkpoint).stream([files[5]])).text  # others may change the last digits

    connection = client.connect()
    connection.request("POST", "/v1/understand", files[5].read_bytes())
    while "eartune_open_requests 1" not in client.ask("/metrics")[1]:
        pass
    process.send_signal(signal.SIGTERM)
    assert json.loads(connection.getresponse().read())["text"] == alone["text"]
    connection.close()
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "") and out.endswith("\nended\n")


def test_a_port_that_is_taken_is_named(checkpoint: Path) -> None:
    with bound_socket("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(app, ["serve", str(checkpoint), "--port", port])
    assert f"cannot listen on port {port} of 127.0.0.1" in str(done.exception)
    assert "choose another --port" in str(done.exception)


def test_without_its_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = CliRunner().invoke(app, ["serve", "model"])
    assert "pip install 'eartune[serve]'" in str(done.exception)
