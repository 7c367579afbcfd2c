"""The `eartune` command: verbs, and faults of input as one sentence with exit code 2."""

import logging
import sys

import typer

from eartune.cli import check, compare, doctor, export, listing, predict, prepare, report, run, score
from eartune.faults import InputError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Adapt an audio LLM to your spoken-language-understanding task from text and a little speech.",
)
app.command("list")(listing.list_all)
app.command("prepare")(prepare.prepare_files)
app.command("check")(check.check)
app.command("run")(run.run)
app.command("score")(score.score)
app.command("compare")(compare.compare_systems)
app.command("report")(report.report)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run a command; what is wrong with the input is said in one sentence."""
    for library in ("bitsandbytes", "torchao", "torch.utils._pytree"):
        logging.getLogger(library).setLevel(logging.ERROR)  # they tell of kernels for machines other than this one
    try:
        app()
    except InputError as error:
        print(f"eartune: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("eartune: stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
