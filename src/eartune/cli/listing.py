"""`eartune list`: list experiments, corpora, schemes and architectures."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eartune.cli.console import console as terminal
from eartune.data.corpora import CORPORA
from eartune.data.corpora.grammar import BUNDLED
from eartune.experiments.experiment import SHIPPED, Experiment, read_experiment
from eartune.models.architecture import CHECKPOINTS, POCKET
from eartune.training.schemes import SCHEMES


def list_all(
    folder: Annotated[Path, typer.Option(help="Folder of experiments of your own.")] = Path("experiments"),
) -> None:
    """List the experiments, corpora, schemes and architectures.

    Experiments that come with eartune are run by their name, as in eartune run demo; what one reads must be in the
    data root, but for grammars that come with eartune.

    Example: eartune list
    """
    console = terminal()
    console.print("experiments", style="bold")
    shipped = sorted(SHIPPED.glob("*.yaml"))
    for path in shipped:
        console.print(f"  {_described(path.stem, read_experiment(path))}")
    for path in sorted(folder.glob("*.yaml")):
        if not any(path.samefile(other) for other in shipped):
            console.print(f"  {_described(str(path), read_experiment(path))}")
    _print(console, "corpora", {kind.model_fields["corpus"].annotation.__args__[0]: kind for kind in CORPORA})  # type: ignore[union-attr]
    console.print("grammars", style="bold")
    for path in sorted(BUNDLED.glob("*.yaml")):
        first = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        console.print(f"  {path.stem}  {first}")
    _print(console, "schemes", {kind.model_fields["type"].default: kind for kind in SCHEMES})
    console.print("architectures", style="bold")
    for family, checkpoint in CHECKPOINTS.items():
        small = f", {POCKET}" if family == "qwen2-audio" else ""
        console.print(f"  {family}  checkpoint: {checkpoint}{small}, or a folder")


def _described(name: str, experiment: Experiment) -> str:
    """An experiment with its question, and the corpora that it needs to be there."""
    needed = dict.fromkeys(corpus.corpus for corpus in experiment.data.corpora if corpus.corpus != "grammar")
    return f"{name}  {experiment.question}" + (f" (reads {', '.join(needed)})" if needed else "")


def _print(console: Console, title: str, kinds: dict[str, type]) -> None:
    console.print(title, style="bold")
    for name, kind in kinds.items():
        console.print(f"  {name}  {(kind.__doc__ or '').splitlines()[0]}")
