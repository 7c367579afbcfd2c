"""The `eartune` command with its verbs; wrong input prints one sentence and exits with code 2.

The module of a verb is imported when the verb is called, so that help is fast.
"""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from eartune.cli.garbage_collection import no_garbage_collection
from eartune.errors import InputError, ProcessLostError

VERBS = {  # module and function of each verb, and its line in `eartune --help`, the first of its docstring
    "list": ("listing.list_all", "List the experiments, corpora, schemes and architectures."),
    "prepare": (
        "prepare.prepare_files",
        "Make manifests of your own files: faulty rows are set aside with reasons, and a profile describes the rest.",
    ),
    "convert": (
        "convert.convert_manifest",
        "Write a manifest as other tools read it: NeMo, Lhotse, Kaldi, Hugging Face's datasets, or chats.",
    ),
    "check": (
        "check.check",
        "Print what a run would do: stages, examples, hours, steps, trainable parameters, memory, disk.",
    ),
    "run": (
        "run.run",
        "Train, decode, score and report every model that is not finished; run it again to resume.",
    ),
    "tune": (
        "tune.tune",
        "Train the model that our results recommend for a folder of manifests, and report how good it is.",
    ),
    "score": (
        "score.score_predictions",
        "Score predictions: every metric with its 95 % interval, and the quality of the answers.",
    ),
    "compare": (
        "compare.compare_systems",
        "Compare two systems: B minus A in each metric, with interval and p, and the rows that B fixes and breaks.",
    ),
    "report": (
        "report.report",
        "Write report.md and report.html from the results in a run's folder and print the table.",
    ),
    "enough": (
        "enough.enough",
        "Forecast what more recordings bring, with 95 % intervals, and how many a target needs.",
    ),
    "select": (
        "select.select",
        "Choose the sentences to record next, and write a script and a page that records them in a browser.",
    ),
    "languages": (
        "languages.languages",
        "Say which target languages will fail before anything is trained, and which figure told once runs exist.",
    ),
    "predict": (
        "predict.predict",
        "Decode recordings (wav, flac, ogg, mp3, m4a, webm and others) with a model that `run` made.",
    ),
    "try": (
        "try_model.try_model",
        "Talk to a model in your browser, see its frame as it is written, and keep corrected answers as data.",
    ),
    "serve": (
        "serve.serve",
        "Serve a model over HTTP: a recording in, its frame out, in its own and in OpenAI's shape.",
    ),
    "export": (
        "export.export",
        "Export a merged model in the hub's layout with a card, after plain transformers computed the same logits.",
    ),
    "doctor": (
        "doctor.doctor",
        "Check versions, packages, accelerator and disk, and a model if one is given; print what to fix.",
    ),
}


RESUMES = {
    "run": "; run the same command to resume",
    "tune": "; run the same command to resume",
    "predict": "; with --out, the same command resumes",
}
"""What is said of a verb that keeps what it did when it is interrupted."""


class Verb(TyperCommand):
    """A verb whose module is imported only when it is called."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the verb's module and return the context of its command."""
        module, function = VERBS[str(self.name)][0].split(".")
        alone = typer.Typer(add_completion=False)
        with no_garbage_collection():
            alone.command(self.name)(getattr(import_module(f"eartune.cli.{module}"), function))
            return typer.main.get_command(alone).make_context(info_name, args, parent=parent, **extra)


class Verbs(TyperGroup):
    """The group of all verbs, which imports none of them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the verbs in the order of their use."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the verb of this name, or None if there is none."""
        return Verb(cmd_name, help=VERBS[cmd_name][1]) if cmd_name in VERBS else None

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; if it is interrupted, say so, as typer itself would end it without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            print(f"eartune: interrupted{RESUMES.get(str(ctx.invoked_subcommand), '')}", file=sys.stderr)
            raise typer.Exit(130) from error


app = typer.Typer(cls=Verbs, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@app.callback()
def eartune() -> None:
    """Adapt an audio LLM to your spoken-language-understanding task from text and a little speech."""


def main() -> None:
    """Run a command; what ends it is printed without a traceback: bad input with exit code 2, a lost process with 1."""
    try:
        app()
    except InputError as error:
        print(f"eartune: {error}", file=sys.stderr)
        sys.exit(2)
    except ProcessLostError as error:
        print(f"eartune: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.filename is None:  # it is about no file
            raise
        print(f"eartune: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
