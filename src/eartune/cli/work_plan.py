"""What `eartune check` prints about a run on several GPUs: who makes which model when, hours, and money."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.keys import Keys
from eartune.experiments.measured import Measured, measured
from eartune.experiments.plan import CellPlan, Pools
from eartune.experiments.schedule import Piece, Schedule, Task, simulate
from eartune.experiments.time_estimate import Forecast
from eartune.training.gpus import Gpu
from eartune.training.memory_estimate import Footprint
from eartune.wording import counted, duration, listed


class Part(NamedTuple):
    """The models of one architecture."""

    plans: Sequence[CellPlan]
    keys: Keys


def print_work_plan(
    console: Console,
    paced: Sequence[tuple[Part, Forecast | Measured | None]],
    gpus: int,
    price: float | None,
) -> None:
    """Print the order of work and when it ends on `gpus` GPUs; `price` is that of an hour of one of them.

    Each architecture has what knows the seconds of its stages, None where nothing does.
    """
    known = [(part, pace) for part, pace in paced if pace is not None]
    if len(known) < len(paced):
        console.print(
            "nothing like it has been trained here, so that no hours are known; name a GPU for a forecast: --gpu H100"
        )
        return
    tasks = [task for part, pace in known for task in tasks_of(part.plans, part.keys, pace)]
    together = known[0][1].gpus
    schedule = simulate(tasks, workers(gpus, together))
    console.print(order_table(tasks, schedule, together))
    for source in dict.fromkeys(pace.source for _, pace in known):
        console.print(source)
    for sentence in summary(schedule, gpus, together, price):
        console.print(sentence)


def pace_of(
    experiment: Experiment, pools: Pools, runs: Path, gpu: Gpu | None, gpus_per_model: int
) -> Forecast | Measured | None:
    """Return what knows the seconds of stages: the forecast for a named GPU, or else what was measured here, if any."""
    if gpu is not None:
        return Forecast(experiment, pools, gpu, gpus_per_model)
    return measured(experiment, pools, runs, gpus_per_model)


def workers(gpus: int, gpus_per_model: int) -> int:
    """Return how many models are made at once; raises InputError if there are too few GPUs for one."""
    if gpus < gpus_per_model:
        raise InputError(f"--gpus {gpus}: is fewer than the {gpus_per_model} of --gpus-per-model")
    return gpus // gpus_per_model


def tasks_of(plans: Sequence[CellPlan], keys: Keys, pace: Forecast | Measured) -> list[Task]:
    """Return the work for each model of the grid."""
    seconds: dict[str, float] = {}
    tasks = []
    for plan in plans:
        own = keys.of(plan).stages
        for key, stage in zip(own, plan.stages, strict=True):
            if key not in seconds:
                seconds[key] = pace.stage(stage)
        tasks.append(Task(plan.cell.name, {key: seconds[key] for key in own}, pace.decoding(plan)))
    return tasks


def order_table(tasks: Sequence[Task], schedule: Schedule, gpus_per_model: int) -> Table:
    """Return a table of the models in the order in which they are taken; times are from the start of the run."""
    table = Table(box=None, pad_edge=False)
    unit, seconds = ("h", 3600) if schedule.seconds >= 3600 else ("min", 60)
    for title in ("order of work", "GPU", "trains", f"begins after, {unit}", f"is there after, {unit}"):
        table.add_column(title, justify="left" if title in ("order of work", "trains") else "right", no_wrap=True)
    pieces: dict[str, list[Piece]] = {}
    for piece in schedule.pieces:
        pieces.setdefault(piece.task, []).append(piece)
    n_stages = {task.name: len(task.stages) for task in tasks}
    for name, own in pieces.items():
        first = own[0].worker * gpus_per_model
        gpu = f"{first}" if gpus_per_model == 1 else f"{first}-{first + gpus_per_model - 1}"
        trained = f"{len(own) - 1} of {n_stages[name]} stages" if n_stages[name] else "nothing"
        times = (own[0].start, own[-1].end)
        table.add_row(name, gpu, trained, *(f"{time / seconds:.2f}" for time in times))
    return table


def summary(schedule: Schedule, gpus: int, gpus_per_model: int, price: float | None) -> list[str]:
    """Return sentences: hours until the last model, GPU hours, GPUs that are left over, and money."""
    hours, work = schedule.seconds / 3600, schedule.worker_seconds * gpus_per_model / 3600
    sentences = [
        f"{counted(gpus, 'GPU')}: the last model is there after {duration(schedule.seconds)}; "
        f"the work takes {work:.2f} GPU hours in all, {work / (gpus * hours):.0%} of the GPUs' time until then"
    ]
    if idle := gpus % gpus_per_model:
        sentences.append(f"{counted(idle, 'GPU')} of these can do nothing, as a model takes {gpus_per_model}")
    if price is not None:
        sentences.append(
            f"at {price:g} an hour: {price * gpus * hours:.2f} for all GPUs until the last model is there, "
            f"{price * work:.2f} if each is given back as soon as it has nothing to do"
        )
    return sentences


def memory_sentence(footprint: Footprint, gpu: Gpu | None, gpus_per_model: int) -> str:
    """Return a sentence: the smallest GPU that holds a stage, or whether a named one does and what else would."""
    if gpu is None or footprint.fits(gpu):
        each = "" if gpus_per_model == 1 else f", {gpus_per_model} of which train a model together"
        return f"the smallest GPU that holds it{each}: {footprint.gpu}"
    remedies = ["more --gpus-per-model", "training.optimizer: adamw-8bit", "training.lora"]
    return (
        f"An {gpu.name} has {gpu.memory_gb} GB and does not hold it. What needs less: "
        f"{listed(remedies)}. The smallest GPU that holds it: {footprint.gpu}"
    )
