"""The gate that every request passes: who may ask, how many at a time, how much they may send, and for how long."""

import asyncio
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eartune.serving.measurements import Measurements
from eartune.serving.refusal import RefusalError

LINGER_SECONDS = 2.0
"""How long a body that is too long is still read, and dropped: a client that only sends would see no response."""
CLIENT_LEFT = 499
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_PORT = re.compile(r":\d+$")


@dataclass(frozen=True)
class Limits:
    """What a server takes on."""

    requests: int = 64
    """The most requests that are being read, wait or are answered; a further one is told to come back."""
    megabytes: float = 10.0
    """The longest body of a request, in MB (1e6 bytes)."""
    seconds: float = 30.0
    """The longest time that a request may take, from its first byte to the end of its response."""

    @property
    def n_bytes(self) -> int:
        """The longest body of a request, in bytes."""
        return round(self.megabytes * 1e6)


class Gate:
    """Lets requests through to an application; those that may not pass get one sentence.

    A question is a POST. Those count as open until their response has ended, however they end.
    """

    def __init__(
        self,
        app: ASGIApp,
        paths: Collection[str],
        limits: Limits,
        key: str | None,
        measurements: Measurements,
        is_local: bool,
    ) -> None:
        """With a key, all but GET /health need it. A local server answers to no name but those of this machine.

        Requests for other paths than these are measured as one, so that nobody fills the measurements with names.
        """
        self.app = app
        self.paths = paths
        self.limits = limits
        self.key = key
        self.measurements = measurements
        self.is_local = is_local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        response = _Response(send)
        started, is_question = time.monotonic(), scope["method"] == "POST"
        try:
            self._check(scope)
            if is_question and self.measurements.n_open >= self.limits.requests:
                raise RefusalError(429, "too many requests wait already; come back in a second", Retry_After="1")
            self.measurements.n_open += is_question
            try:
                await self._within_time(scope, receive, response)
            finally:
                self.measurements.n_open -= is_question
        except RefusalError as refusal:
            await response.refuse(refusal, scope, receive)
        finally:
            path = scope["path"] if scope["path"] in self.paths else "other"
            self.measurements.add_request(path, response.status or CLIENT_LEFT, time.monotonic() - started)

    def _check(self, scope: Scope) -> None:
        """Raise RefusalError for a request from a page of another site, or without the key."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.is_local and _PORT.sub("", host) not in LOOPBACK:
            raise RefusalError(403, "this server answers to 127.0.0.1 and localhost alone")
        if origin is not None and origin.partition("://")[2] != host:
            raise RefusalError(403, "pages of other sites may not ask this server")
        if self.key is None or scope["path"] == "/health":
            return
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode("latin-1"), self.key.encode()):  # bytes as they were sent
            raise RefusalError(
                401, "the key is missing or wrong; send it as Authorization: Bearer KEY", WWW_Authenticate="Bearer"
            )

    async def _within_time(self, scope: Scope, receive: Receive, response: "_Response") -> None:
        try:
            async with asyncio.timeout(self.limits.seconds):
                await self._within_bytes(scope, receive, response)
        except TimeoutError as error:
            raise RefusalError(504, f"there was no answer within {self.limits.seconds:g} s") from error

    async def _within_bytes(self, scope: Scope, receive: Receive, response: "_Response") -> None:
        n_read = 0

        async def counted() -> Message:
            nonlocal n_read
            message = await receive()
            n_read += len(message.get("body", b""))
            if n_read > self.limits.n_bytes:
                raise await self._too_long(receive)
            return message

        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > self.limits.n_bytes:
            raise await self._too_long(receive)
        await self.app(scope, counted, response.send)

    async def _too_long(self, receive: Receive) -> RefusalError:
        """What to raise for a body that is too long, once most of it is read and dropped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                    pass
        return RefusalError(413, f"the request is longer than {self.limits.megabytes:g} MB")


class _Response:
    """The response to one request, as far as it was sent."""

    def __init__(self, send: Callable[[Message], Awaitable[None]]) -> None:
        self._send = send
        self.status: int | None = None
        self._streams_events = False

    async def send(self, message: Message) -> None:
        """Send a part of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._streams_events = Headers(raw=message["headers"]).get("content-type", "").startswith("text/event")
        await self._send(message)

    async def refuse(self, refusal: RefusalError, scope: Scope, receive: Receive) -> None:
        """Send a refusal: as the whole response, or as the last event of one that has begun."""
        if self.status is None:
            await refusal.response()(scope, receive, self.send)
        elif self._streams_events:
            self.status = refusal.status
            event = f"data: {json.dumps(refusal.body)}\n\n".encode()
            await self._send({"type": "http.response.body", "body": event, "more_body": False})
