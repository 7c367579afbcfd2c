"""`eartune check`: the plan, before any weight is loaded."""

from pathlib import Path

from rich.table import Table

from eartune.budget import describe
from eartune.cli.console import console as terminal
from eartune.cli.licences import show_licences
from eartune.cli.options import DataRoot, ExperimentFile, RunsRoot
from eartune.corpora import Source
from eartune.experiment import Experiment, read_experiment
from eartune.metrics.power import DISAGREEMENT, design_effect, smallest_difference
from eartune.plan import CellPlan, Pools, figures, plan_cells, read_pools


def check(experiment: ExperimentFile, data: DataRoot = Path("data"), runs: RunsRoot = Path("runs")) -> None:
    """Print what a run would do: stages, examples, hours, steps, trainable parameters, memory.

    Example: eartune check experiments/demo.yaml
    """
    settings = read_experiment(experiment)
    pools = read_pools(settings, Source(data, runs / "speech", render=False))
    plans = plan_cells(settings, pools)
    console = terminal()
    console.print(f"[bold]{settings.name}[/]  {settings.question}")
    show_licences(settings, console)
    console.print(
        f"text: {len(pools.text)} utterances   speech: {describe(pools.speech)}   {more_speech(pools)}"
        f"test: {len(pools.test)} recordings"
    )
    console.print(
        f"labels: {len(pools.schema.intents)} intents, {len(pools.schema.entity_types)} entity types   "
        f"architecture: {settings.architecture.checkpoint}",
        highlight=False,
    )
    console.print(resolution(pools))
    console.print(stage_table(settings, plans))
    console.print(f"{len(plans)} models. Next: eartune run {experiment}")


def more_speech(pools: Pools) -> str:
    """The speech that no budget limits, if there is any."""
    named = (
        ("source speech", pools.source_speech),
        ("synthetic speech", pools.synthetic_speech),
        ("alignment", pools.alignment),
    )
    return "".join(f"{name}: {describe(pool)}   " for name, pool in named if pool)


def resolution(pools: Pools) -> str:
    """What the test set can tell at all, before anything is spent on it."""
    clusters = [example.utterance.id for example in pools.test]
    difference = smallest_difference(len(clusters), design_effect(clusters))
    return (
        f"The test tells two models apart that differ by {100 * difference:.1f} points of utterances right or more "
        f"(paired test at 5 %, found in 80 of 100 tries, if {DISAGREEMENT:.1%} are right in one model alone); "
        "a smaller difference needs a larger test."
    )


def stage_table(experiment: Experiment, plans: tuple[CellPlan, ...]) -> Table:
    """A row a stage."""
    table = Table(box=None, pad_edge=False)
    for title in ("model", "stage", "text", "speech", "hours", "epochs", "steps", "trained", "memory"):
        table.add_column(title, justify="left" if title in ("model", "stage") else "right", no_wrap=True)
    for plan in plans:
        for stage in plan.stages:
            f = figures(stage, experiment)
            cells = (f.text_examples, f.speech_examples, f"{f.speech_hours:.2f}", f.epochs, f.steps)
            table.add_row(
                plan.cell.name, stage.name, *map(str, cells), f"{f.trainable / 1e6:.1f} M", f"{f.memory_gb:.1f} GB"
            )
        if not plan.stages:
            table.add_row(plan.cell.name, "none")
    return table
