"""A server in a thread of the test's own process, a client for it, and a model that answers as a test wants."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from eartune.data.frame import SemanticFrame
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction
from eartune.tasks.slu import SluTask
from eartune.tasks.task import ParseStatus

SECONDS = 20


@dataclass
class FakeModel:
    """Answers each recording with its number of samples as intent, and each text with itself.

    `may_go_on` holds back every step of an answer until it is set; `spoiled` is a text that it fails at.
    """

    task: SluTask = field(default_factory=SluTask)
    decoding: Decoding = field(default_factory=lambda: Decoding(beams=1, batch_size=4))
    spoiled: str = "spoil this"
    may_go_on: threading.Event = field(default_factory=threading.Event)
    has_begun: threading.Event = field(default_factory=threading.Event)
    batches: list[list[Any]] = field(default_factory=list)
    n_ended_early: int = 0

    def __post_init__(self) -> None:
        self.may_go_on.set()

    def answer_batch(
        self, shown: Sequence[Any], watch: Callable[[Callable[[int], str]], None] | None = None
    ) -> list[Prediction]:
        self.batches.append([one if isinstance(one, str) else len(one) for one in shown])
        self.has_begun.set()
        if self.spoiled in self.batches[-1]:
            raise ValueError("a secret of the server")
        intents = [str(one) for one in self.batches[-1]]
        texts = [f'{{"intent":"{intent}","entities":[]}}' for intent in intents]
        for length in (1, 10, 200):
            if watch is not None:
                self._step(watch, texts, length)
        found = zip(texts, intents, strict=True)
        return [Prediction("0", None, text, ParseStatus.OK, SemanticFrame(i), None, -0.1) for text, i in found]

    def _step(self, watch: Callable[[Callable[[int], str]], None], texts: list[str], length: int) -> None:
        while True:
            try:
                watch(lambda row: texts[row][:length])
            except BaseException:
                self.n_ended_early += 1
                raise
            if self.may_go_on.wait(0.01):
                return


@dataclass
class Client:
    """Asks a server on this machine."""

    port: int

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def ask(
        self, path: str, body: bytes | str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str, http.client.HTTPMessage]:
        """Return status, text and headers of a response; with a body it is a POST."""
        connection = self.connect()
        sent = body.encode() if isinstance(body, str) else body
        connection.request("GET" if body is None else "POST", path, sent, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text, response.headers

    def json(self, path: str, body: bytes | str | None = None, headers: dict[str, str] | None = None) -> Any:
        """Return the JSON of a response whose status is 200."""
        status, text, _ = self.ask(path, body, headers)
        assert status == 200, text
        return json.loads(text)

    def type(self, words: str) -> Any:
        """Return the frame of typed words."""
        return self.json("/v1/understand", words, {"Content-Type": "text/plain"})

    def send(self, path: str, body: bytes, headers: dict[str, str]) -> socket.socket:
        """Send a request, of which the body may be cut short, and return the socket without reading from it."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *(f"{k}: {v}" for k, v in headers.items())]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return connection


@contextmanager
def serving(app: ASGIApp) -> Iterator[Client]:
    """Serve an application until the block ends; a request that is open by then is finished."""
    config = uvicorn.Config(app, http="h11", ws="none", loop="asyncio", lifespan="on", log_level="critical")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                thread.join(0.005)
                assert thread.is_alive(), "the server did not start"
            yield Client(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(SECONDS)
    assert not thread.is_alive(), "the server did not end"
