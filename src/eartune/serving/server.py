"""Runs an application on a socket until it is told to end; what was begun by then is finished."""

import errno
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from eartune.errors import InputError


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any that is free. Raises InputError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        is_host = (
            error.errno is None or error.errno < 0 or error.errno == errno.EADDRNOTAVAIL
        )  # < 0: the name is unknown
        other = "--host, such as 127.0.0.1 or 0.0.0.0" if is_host else "--port"
        raise InputError(
            f"cannot listen on port {port} of {host} ({error.strerror}); choose another {other}"
        ) from error


def run_server(app: ASGIApp, listening: socket.socket, seconds: float, on_start: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C, then let requests that were begun take at most `seconds` to end.

    `on_start` is called when the first request can come.
    """
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(seconds) + 1,
    )
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _already_ended)
    _Server(config, on_start).run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self.on_start()


def _already_ended(number: int, frame: FrameType | None) -> None:
    """Do nothing: uvicorn ends the server at a signal, and raises it once more when all is done."""
