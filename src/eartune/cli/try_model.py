"""`eartune try`: a page on this machine on which somebody talks to one or two models."""

import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from eartune.before_torch import before_torch
from eartune.cli.console import console
from eartune.cli.serve import name_of, need_server
from eartune.errors import InputError
from eartune.settings import Through

HOST = "127.0.0.1"


def try_model(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model's folder, such as runs/demo/text-only-seed0, or a hub name.")
    ],
    other: Annotated[
        str | None, typer.Argument(metavar="[MODEL2]", help="A second model that answers the same, beside it.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port of the page; 0 is any that is free.")] = 8001,
    to: Annotated[Path, typer.Option(help="Folder for the manifest and recordings that you keep.")] = Path("tried"),
    language: Annotated[str, typer.Option(help="The language of what you keep, as the manifest calls it.")] = "und",
    through: Annotated[
        Through | None,
        typer.Option(help="words: it writes down the words, then answers from these alone; by default as in its run."),
    ] = None,
    opens: Annotated[bool, typer.Option("--open/--no-open", help="Whether to open the page in a browser.")] = True,
) -> None:
    """Talk to a model in your browser, see its frame as it is written, and keep corrected answers as data.

    Example: eartune try runs/demo/text-only-seed0
    """
    before_torch()
    need_server()
    from eartune.api import load
    from eartune.serving.app import Service, make_app
    from eartune.serving.gate import Limits
    from eartune.serving.kept_rows import KeptRows
    from eartune.serving.server import bound_socket, run_server
    from eartune.serving.trying import routes_to_try

    given = [model] if other is None else [model, other]
    names = names_apart(given)
    listening = bound_socket(HOST, port)
    models = {name: load(path, through=through) for name, path in zip(names, given, strict=True)}
    first = models[names[0]]
    limits, kept = Limits(), KeptRows(to, first.task, language)
    app = make_app(Service(models), limits, more_routes=routes_to_try(names, kept, first.labels.to_json()))
    address = f"http://{HOST}:{listening.getsockname()[1]}/"
    out = console()

    def show_page() -> None:
        out.print(f"talk to {' and '.join(names)} at {address}; Ctrl-C ends it")
        if opens:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # it may wait for a browser

    run_server(app, listening, limits.seconds, show_page)
    out.print(f"what you kept is in {kept.manifest}" if kept.manifest.exists() else "nothing was kept")


def names_apart(models: Sequence[str]) -> list[str]:
    """Return a name for each model: that of its folder, or, where folders share one, what it was called.

    Raises InputError where one model is named twice.
    """
    if len(set(models)) < len(models):
        raise InputError(f"{models[0]}: is named twice; name another model to compare it with")
    names = list(map(name_of, models))
    return names if len(set(names)) == len(names) else list(models)
