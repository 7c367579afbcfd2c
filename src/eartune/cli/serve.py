"""`eartune serve`: a loaded model behind an HTTP server."""

import os
from pathlib import Path
from typing import Annotated

import typer

from eartune.before_torch import before_torch
from eartune.cli.console import console
from eartune.errors import InputError
from eartune.settings import Through

KEY = "EARTUNE_API_KEY"


def serve(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model's folder, such as runs/demo/text-only-seed0, or a hub name.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 is any that is free.")] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    through: Annotated[
        Through | None,
        typer.Option(help="words: it writes down the words, then answers from these alone; by default as in its run."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="The most requests to answer together; by default as in its run.")
    ] = None,
    requests: Annotated[int, typer.Option(min=1, help="The most requests at a time; others are told to wait.")] = 64,
    megabytes: Annotated[float, typer.Option(min=0.001, help="The longest request, in MB.")] = 10.0,
    time_limit: Annotated[float, typer.Option(min=0.1, help="The longest time a request may take, in s.")] = 30.0,
) -> None:
    """Serve a model over HTTP: a recording in, its frame out, in its own and in OpenAI's shape.

    With the environment variable EARTUNE_API_KEY, every request needs this key as a bearer token.

    Example: eartune serve runs/demo/text-only-seed0 --port 8000
    """
    before_torch()
    need_server()
    from eartune.api import load
    from eartune.serving.app import Service, make_app
    from eartune.serving.gate import LOOPBACK, Limits
    from eartune.serving.server import bound_socket, run_server

    key = os.environ.get(KEY) or None
    listening = bound_socket(host, port)
    service = Service({name_of(model): load(model, through=through)}, batch_size)
    is_local = host in (*LOOPBACK, "::1")
    app = make_app(service, Limits(requests, megabytes, time_limit), key, is_local)
    out = console()

    def say_where() -> None:
        shown = f"[{host}]" if ":" in host else host
        out.print(f"serving {name_of(model)} at http://{shown}:{listening.getsockname()[1]}; Ctrl-C ends it")
        out.print("POST /v1/understand, /v1/chat/completions; GET /v1/models, /health, /metrics, /openapi.json")
        if not is_local and key is None:
            out.print(f"anybody who reaches {shown} may ask it; {KEY} in the environment sets a key", style="yellow")

    run_server(app, listening, time_limit, say_where)
    out.print("ended")


def name_of(model: str) -> str:
    """Return the name by which requests know a model: that of its folder."""
    return Path(model).resolve().name if Path(model).is_dir() else model


def need_server() -> None:
    """Raise InputError if the packages of a server are not installed."""
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise InputError("a server needs starlette and uvicorn: pip install 'eartune[serve]'") from error
