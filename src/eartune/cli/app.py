"""The `eartune` program: its commands; for wrong input it prints one sentence and exits with code 2.

A verb's module is imported when the verb is called, so that help comes at once.
"""

import logging
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from eartune.errors import InputError

VERBS = {  # where each is, and what the help of all says of it, which is the first line of its own
    "list": ("listing.list_all", "Show the experiments, corpora, schemes and architectures there are."),
    "prepare": (
        "prepare.prepare_files",
        "Make manifests of your own files: faulty rows are set aside with reasons, and a profile describes the rest.",
    ),
    "check": (
        "check.check",
        "Print what a run would do: stages, examples, hours, steps, trainable parameters, memory, disk.",
    ),
    "run": (
        "run.run",
        "Train, decode, score and report every model that is not finished; run it again to resume.",
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
    "predict": (
        "predict.predict",
        "Answer recordings (wav, flac, ogg, mp3; any rate and channels) with a model that `run` made.",
    ),
    "export": (
        "export.export",
        "Write a model in the hub's layout, merged, with a card; plain transformers must agree with it first.",
    ),
    "doctor": (
        "doctor.doctor",
        "Check versions, packages, accelerator and disk, and a model if one is given; print what to do.",
    ),
}


class Verb(TyperCommand):
    """A command of which only name and help are known until it is called."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the real command, which takes over from here."""
        module, function = VERBS[str(self.name)][0].split(".")
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(getattr(import_module(f"eartune.cli.{module}"), function))
        return typer.main.get_command(alone).make_context(info_name, args, parent=parent, **extra)


class Verbs(TyperGroup):
    """All commands; none of their modules is imported yet."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, in the order of their use."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of this name."""
        return Verb(cmd_name, help=VERBS[cmd_name][1]) if cmd_name in VERBS else None


app = typer.Typer(cls=Verbs, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@app.callback()
def eartune() -> None:
    """Adapt an audio LLM to your spoken-language-understanding task from text and a little speech."""


def main() -> None:
    """Run a command; print one sentence where the input is wrong."""
    for library in ("bitsandbytes", "torchao", "torch.utils._pytree"):
        logging.getLogger(library).setLevel(logging.ERROR)  # they tell of kernels for machines other than this one
    try:
        app()
    except InputError as error:
        print(f"eartune: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("eartune: interrupted; run the same command to resume", file=sys.stderr)
        sys.exit(130)
