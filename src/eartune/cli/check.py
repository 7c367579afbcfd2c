"""`eartune check`: print the plan of an experiment without loading any weights."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eartune.cli.console import console as terminal
from eartune.cli.licences import show_licences
from eartune.cli.options import DataRoot, ExperimentFile, RunsRoot, data_root
from eartune.cli.work_plan import Part, memory_sentence, pace_of, print_work_plan
from eartune.data.budget import describe
from eartune.data.corpora import Source
from eartune.data.recording_index import RecordingIndex
from eartune.evaluation.metrics.power import DISAGREEMENT, design_effect, smallest_difference
from eartune.experiments.experiment import Experiment, read_experiment
from eartune.experiments.keys import Keys, distinct_stages, shared_steps
from eartune.experiments.plan import CellPlan, Pools, StageFigures, figures, plan_cells, read_pools
from eartune.models.size_from_config import size_of
from eartune.run_folder import RunsFolder
from eartune.training.disk_estimate import DiskEstimate, disk_estimate
from eartune.training.gpus import Gpu, gpu_named
from eartune.training.memory_estimate import Footprint
from eartune.training.stage import Stage
from eartune.wording import counted

AUGMENTED = (
    "augment: recordings change at each showing, so that such stages encode them in every epoch and do not use "
    "the encoder cache"
)


def check(
    experiment: ExperimentFile,
    gpus: Annotated[
        int | None, typer.Option("--gpus", min=1, help="How many GPUs there are: plan who makes which model when.")
    ] = None,
    gpu: Annotated[
        str | None, typer.Option("--gpu", help="Their kind, such as H100, for a forecast; else what was measured here.")
    ] = None,
    gpus_per_model: Annotated[
        int, typer.Option("--gpus-per-model", min=1, help="How many of them train one model together.")
    ] = 1,
    price: Annotated[float | None, typer.Option("--price", min=0, help="The price of one GPU for an hour.")] = None,
    data: DataRoot = None,
    runs: RunsRoot = Path("runs"),
) -> None:
    """Print what a run would do: stages, examples, hours, steps, trainable parameters, memory, disk.

    Example: eartune check experiments/demo.yaml
    """
    settings = read_experiment(experiment)
    kind = None if gpu is None else gpu_named(gpu)
    runs_folder = RunsFolder(runs)
    index = RecordingIndex(runs_folder.recordings)
    pools = read_pools(settings, Source(data_root(data, settings), runs_folder.speech, may_write=False, index=index))
    if runs.is_dir():  # a check creates no folder
        index.save()
    plans = plan_cells(settings, pools)
    console = terminal()
    print_data(console, settings, pools)
    found = {
        plan.cell.name: [figures(stage, settings.of(plan.cell), gpus_per_model) for stage in plan.stages]
        for plan in plans
    }
    console.print(stage_table(plans, found))
    print_memory(console, found, kind, gpus_per_model)
    parts = parts_of(settings, pools, plans)
    disk, free = disk_of(parts, pools), free_disk(runs / settings.name)
    console.print(disk_sentence(disk, free), style="bold red" if disk.total > free else None)
    if pools.dev:
        stages = [trained[-1] for part in parts for trained in distinct_stages(part.plans, part.keys)]
        console.print(choice_sentence(pools, stages, plans))
    if any(stage.augment is not None for plan in plans for stage in plan.stages):
        console.print(AUGMENTED)
    if gpus is not None or gpu is not None or price is not None:
        paced = [
            (part, pace_of(part.keys.experiment, pools, runs, kind, gpus_per_model)) for part in parts if part.plans
        ]
        print_work_plan(console, paced, gpus or gpus_per_model, price)
    console.print(f"{steps_phrase(parts)}. Next: eartune run {experiment}")


def print_data(console: Console, settings: Experiment, pools: Pools) -> None:
    """Print what the experiment asks, its data with their licences, and what its test can tell apart."""
    console.print(Text.assemble((settings.name, "bold"), f"  {settings.question}"))
    show_licences(settings, console)
    console.print(
        f"text: {len(pools.text)} utterances   speech: {describe(pools.speech)}   {more_speech(pools)}"
        f"{f'dev: {len(pools.dev)} recordings   ' if pools.dev else ''}test: {len(pools.test)} recordings"
    )
    console.print(
        f"labels: {pools.labels.describe()}   architecture: "
        + ", ".join(part.architecture.checkpoint for part in settings.parts.values()),
        highlight=False,
    )
    if settings.task.grammar(pools.labels) is not None:  # of free answers, such as translations, few are exactly right
        console.print(resolution(pools))
    for expected in settings.expect:
        console.print(f"expected: {expected.sentence(settings.task.main_metric(pools.labels))}")


def print_memory(console: Console, found: dict[str, list[StageFigures]], kind: Gpu | None, gpus_per_model: int) -> None:
    """Print the memory of the largest stage, and which GPU has it; nothing where nothing is trained."""
    footprints = [stage.footprint for stages in found.values() for stage in stages]
    if footprints:
        largest = max(footprints, key=lambda footprint: footprint.total)
        console.print(memory_table(largest, gpus_per_model))
        is_too_small = kind is not None and not largest.fits(kind)
        console.print(memory_sentence(largest, kind, gpus_per_model), style="bold red" if is_too_small else None)


def parts_of(settings: Experiment, pools: Pools, plans: Sequence[CellPlan]) -> list[Part]:
    """Return the plans of each architecture with the keys of their work."""
    return [
        Part(
            [plan for plan in plans if plan.cell.architecture == name],
            Keys(part, pools, part.architecture.checkpoint),
        )
        for name, part in settings.parts.items()
    ]


def disk_of(parts: Sequence[Part], pools: Pools) -> DiskEstimate:
    """Return the most disk that all architectures take: weights and encoder states of all, checkpoints of one."""
    training, found = parts[0].keys.experiment.training, []
    for plans, keys in parts:
        architecture, stages = keys.experiment.architecture, distinct_stages(plans, keys)
        found.append(disk_estimate(size_of(architecture), stages, pools.test, architecture, training))
    return DiskEstimate(
        stages=sum(one.stages for one in found),
        weights=sum(one.weights for one in found),
        checkpoints=max(one.checkpoints for one in found),
        encoder_cache=min(sum(one.encoder_cache for one in found), training.encoded_gb * 1e9),
    )


def steps_phrase(parts: Sequence[Part]) -> str:
    """Return the numbers of models and steps as text, and how many of these are skipped."""
    counts = [shared_steps(part.plans, part.keys) for part in parts]
    steps, shared = sum(count for count, _ in counts), sum(count for _, count in counts)
    saved = f"; {shared} of them are skipped, as equal stages are trained once" if shared else ""
    return f"{counted(sum(len(part.plans) for part in parts), 'model')} with {counted(steps, 'step')} in all{saved}"


def choice_sentence(pools: Pools, stages: Sequence[Stage], plans: Sequence[CellPlan] = ()) -> str:
    """Return a sentence that says what is decoded of the dev set, and for what."""
    ending = sum(stage.chooses_epoch for stage in stages)
    prompted = [plan for plan in plans if plan.dev is not None]
    times = sum(stage.times_dev_is_answered for stage in stages) + sum(len(plan.prompts) for plan in prompted)
    if not times:
        return "dev: no stage has more than one epoch, so that nothing is chosen and nothing decoded"
    when = [
        *([f"after each epoch of {counted(ending, 'stage')}"] if ending else []),
        *([f"with each prompt of {counted(len(prompted), 'model')}"] if prompted else []),
    ]
    return (
        f"dev: {counted(len(pools.dev), 'recording')} decoded {' and '.join(when)}, {len(pools.dev) * times:,} answers "
        "at most in all; the best is kept"
    )


def more_speech(pools: Pools) -> str:
    """Return the sizes of the speech pools that no budget limits, as text; empty if there are none."""
    named = (
        ("source speech", pools.source_speech),
        ("synthetic speech", pools.synthetic_speech),
        ("alignment", pools.alignment),
        ("unlabelled", pools.unlabelled),
    )
    return "".join(f"{name}: {describe(pool)}   " for name, pool in named if pool)


def resolution(pools: Pools) -> str:
    """Return a sentence with the smallest difference that the test set probably detects."""
    clusters = [example.utterance.id for example in pools.test]
    difference = smallest_difference(len(clusters), design_effect(clusters))
    condition = f"if exactly one of the two answers {DISAGREEMENT:.1%} of the utterances correctly"
    if difference >= DISAGREEMENT:
        return f"The test is too small to tell two models apart, {condition}."
    return (
        "The test can tell two models apart whose shares of right answers differ by at least "
        f"{100 * difference:.1f} points: a paired test at 5 % finds such a difference in 80 of 100 tries, {condition}. "
        "A smaller one needs a larger test."
    )


def stage_table(plans: tuple[CellPlan, ...], found: dict[str, list[StageFigures]]) -> Table:
    """Return a table with one row for each stage of each model."""
    table = Table(box=None, pad_edge=False)
    for title in ("model", "stage", "text", "speech", "hours", "epochs", "steps", "trained", "memory"):
        table.add_column(title, justify="left" if title in ("model", "stage") else "right", no_wrap=True)
    for plan in plans:
        for stage, f in zip(plan.stages, found[plan.cell.name], strict=True):
            cells = (f.text_examples, f.speech_examples, f"{f.speech_hours:.2f}", f.epochs, f.steps)
            memory = (millions(f.footprint.trained), gigabytes(f.footprint.total))
            table.add_row(plan.cell.name, stage.name, *map(str, cells), *memory)
        if not plan.stages:
            table.add_row(plan.cell.name, "none")
    return table


def memory_table(footprint: Footprint, gpus_per_model: int = 1) -> Table:
    """Return a table of memory with a row for each component, for activations, and for the sum."""
    table = Table(box=None, pad_edge=False)
    where = "memory of the largest stage" + ("" if gpus_per_model == 1 else f", on each of {gpus_per_model} GPUs")
    for title in (where, "parameters", "trained", "weights", "gradients", "optimizer"):
        table.add_column(title, justify="left" if title.startswith("memory") else "right", no_wrap=True)
    for component, part in footprint.parts.items():
        sizes = (part.weights, part.gradients, part.optimizer)
        table.add_row(component, millions(part.parameters), millions(part.trained), *map(gigabytes, sizes))
    table.add_row("activations and logits", "", "", gigabytes(footprint.activations))
    table.add_row("all", "", "", gigabytes(footprint.total))
    return table


def disk_sentence(disk: DiskEstimate, free: float) -> str:
    """Return a sentence with the most disk that the run needs, and whether that is free; `free` is in bytes."""
    stages = counted(disk.stages, "stage")
    needed = (
        f"disk: at most {gigabytes(disk.total)}, of which {gigabytes(disk.weights)} are weights of {stages}, "
        f"{gigabytes(disk.checkpoints)} two checkpoints of the largest, "
        f"{gigabytes(disk.encoder_cache)} the encoder cache; {gigabytes(free)} are free"
    )
    if disk.total <= free:
        return needed
    missing = gigabytes(disk.total - free)
    return f"{needed}\nThe disk lacks {missing}; lower training.encoded_gb, use lora or another disk."


def free_disk(folder: Path) -> float:
    """Return the bytes that a run may take in all: free space, and the weights and states it has already saved."""
    existing = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    saved = 0
    for file in folder.rglob("*.safetensors"):
        with suppress(FileNotFoundError):  # a run in progress may remove it
            saved += file.stat().st_size
    return shutil.disk_usage(existing).free + saved


def millions(parameters: int) -> str:
    """Return a number of parameters as text in millions: 7,000.0 M."""
    return f"{parameters / 1e6:,.1f} M"


def gigabytes(size: float) -> str:
    """Return a number of bytes as text in GB (1e9 bytes): 15.20 GB."""
    return f"{size / 1e9:.2f} GB"
