"""Run an experiment: make every model that is not finished; a failed model is recorded and does not stop the others.

experiment -> pools -> plans -> recordings examined -> keys -> [model -> result.json] ... -> report

Several processes may run the same experiment in the same folder, and share its work.
"""

import os
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from time import sleep

from rich.console import Console

from eartune.claims import Claims, TakenError
from eartune.data.corpora import Source
from eartune.data.recording_index import RecordingIndex
from eartune.data.utterance import write_manifest
from eartune.errors import ProcessLostError
from eartune.experiments.cell import unfinished_result
from eartune.experiments.experiment import Experiment
from eartune.experiments.grid import Grid, KeyedPlan, grid_of
from eartune.experiments.keys import Keys, base_fingerprint
from eartune.experiments.model_run import RunContext, cell_units, stage_folders
from eartune.experiments.plan import CellPlan, Pools, plan_cells, read_pools
from eartune.experiments.progress import RunProgress
from eartune.experiments.resources import WHAT_THERE_IS, Resources
from eartune.experiments.slots import Slot, TheseProcesses, slots_of
from eartune.experiments.workers import WorkerDiedError
from eartune.files import disk_faults_as_sentences
from eartune.processes import Processes
from eartune.report import RunResult, read_results, write_report, write_result
from eartune.run_folder import ModelState, RunFolder, RunsFolder
from eartune.training.tracking import tracking_of

REPORT = "report"
"""The name of the claim of whoever writes the files that all models share."""
SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a run: its folder, its results, and the models that failed."""

    folder: RunFolder
    failed: tuple[str, ...]
    """The names of the models that failed in this run."""

    @property
    def results(self) -> tuple[RunResult, ...]:
        """The results of the models of the grid."""
        return read_results(self.folder.path)


def run(
    experiment: Experiment,
    data: Path,
    runs: Path,
    console: Console,
    resources: Resources = WHAT_THERE_IS,
    track: str | None = None,
) -> RunOutcome:
    """Make every model that is not finished, and write the report; to resume after an interruption, call it again.

    A model that fails is tried once more, after the others, and then recorded as failed. `track` names a tracker that
    shows the losses of each stage. Raises InputError for a fault
    of the input, or of the disk.
    """
    with disk_faults_as_sentences(runs / experiment.name):
        return make_and_report(experiment, data, runs, console, resources, track)


def make_and_report(
    experiment: Experiment, data: Path, runs: Path, console: Console, resources: Resources, track: str | None
) -> RunOutcome:
    """Make every model that is not finished, and write the report; of several processes, each does its part."""
    processes = Processes.of_environment()
    of_first, console = processes.of_first, console if processes.is_first else Console(quiet=True)
    runs_folder = RunsFolder(runs)
    folder, index = runs_folder.run(experiment.name), RecordingIndex(runs_folder.recordings)
    tracking = tracking_of(track, experiment.name, folder.tracking)
    source = Source(data, runs_folder.speech, index=index)
    pools = of_first(lambda: read_pools_and_speak(experiment, source, console))
    plans = plan_cells(experiment, pools)
    of_first(lambda: examine_recordings(plans, pools, index, console))
    if not processes.is_first:
        index = RecordingIndex(runs_folder.recordings)  # what the first has learned
    name_of = RecordingNames(data, runs)
    keys = Keys(experiment, pools, base_fingerprint(experiment.architecture), index.digest, name_of)
    keyed = [(plan, keys.of(plan)) for plan in plans]
    claims, names = Claims(folder.claims), tuple(plan.cell.name for plan in plans)
    still_open = of_first(lambda: clean_up(folder, claims, keyed))
    by_name = {plan.cell.name: (plan, keys) for plan, keys in keyed}
    open_ones = [by_name[name] for name in still_open]
    if not open_ones and of_first(lambda: folder.html.is_file() and folder.model_names() == names):
        console.print(f"{experiment.name}: {len(keyed)} models, all of them finished; nothing to do")
        return RunOutcome(folder, ())
    console.print(f"{experiment.name}: {len(keyed)} models, {len(keyed) - len(open_ones)} of them finished")
    of_first(lambda: write_what_models_share(folder, claims, pools, names))
    try:
        with RunProgress(console, sum(cell_units(plan, pools) for plan, _ in open_ones)) as progress:
            context = RunContext(
                experiment, pools, folder, index, name_of, claims, progress, tracking, processes=processes
            )
            failed = make_models(context, open_ones, resources, progress)
    finally:
        if processes.is_first and any(model.path.name in names for model in folder.models_with_a_result()):
            with claims.hold(REPORT, wait=True):
                write_report(folder.path, experiment.task)
    return RunOutcome(folder, failed)


def clean_up(folder: RunFolder, claims: Claims, keyed: Sequence[KeyedPlan]) -> list[str]:
    """Remove what killed processes left; return the names of the models that are not finished."""
    folder.remove_leftovers()
    claims.clear()
    return [plan.cell.name for plan, _ in unfinished(folder, keyed)]


def write_what_models_share(folder: RunFolder, claims: Claims, pools: Pools, names: Sequence[str]) -> None:
    """Write the test as a manifest beside the models' predictions, for `score` and `compare`, and the models' names."""
    tested = {example.utterance.id: example.utterance for example in pools.test}
    with claims.hold(REPORT, wait=True):
        write_manifest(folder.references, tested.values())
        folder.write_model_names(names)


def make_models(
    context: RunContext, models: Sequence[KeyedPlan], resources: Resources, progress: RunProgress
) -> tuple[str, ...]:
    """Share the models out among the slots until all are made; return the names of those that failed."""
    by_name = {plan.cell.name: (plan, keys) for plan, keys in models}
    if not context.processes.is_first:
        TheseProcesses(context, by_name).follow()
        return ()
    grid = grid_of(models, context.pools, context.folder, context.claims)
    with ExitStack() as at_the_end:
        slots = slots_of(resources, context, by_name)
        for slot in slots:
            at_the_end.callback(slot.stop)
        at_work: dict[Future[bool], tuple[Slot, str]] = {}
        while True:
            busy = [slot for slot, _ in at_work.values()]
            for slot in slots:
                if slot not in busy and (name := grid.take(longest_first=len(slots) > 1)) is not None:
                    at_work[slot.start(name)] = slot, name
            if not at_work:
                if (pause := grid.pause()) is None:
                    break
                sleep(pause)
                continue
            done, _ = wait(at_work, timeout=SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
            for slot in slots:
                slot.relay(progress)
            for future in done:
                slot, name = at_work.pop(future)
                note_outcome(context, grid, by_name[name], future, slot, progress)
    if grid.made_by_others:
        others = ", ".join(grid.made_by_others)
        context.progress.console.print(f"other processes make {others}; the last of them writes the whole report")
    return tuple(grid.failed)


def note_outcome(
    context: RunContext, grid: Grid, model: KeyedPlan, future: Future[bool], slot: Slot, progress: RunProgress
) -> None:
    """Note what became of a model; a fault of the input ends the run."""
    name, say = model[0].cell.name, progress.console.print
    progress.gave_up(slot.name)
    try:
        if future.result():
            grid.finished(name)
        elif grid.failed_once(name):
            say(f"{name} will be tried once more")
    except TakenError as error:
        grid.taken(name, error)
    except (WorkerDiedError, ProcessLostError) as error:
        if isinstance(error, WorkerDiedError):
            slot.renew()
        why = str(error) if isinstance(error, ProcessLostError) else "the process that made it died"
        if grid.failed_once(name):
            say(f"{name}: {why}; it goes on in another")
        else:
            why = f"twice: {why}, perhaps for want of memory"
            say(f"{name} failed {why}")
            write_result(context.folder.model(name).path, replace(unfinished_result(context, *model), error=why))


def read_pools_and_speak(experiment: Experiment, source: Source, console: Console) -> Pools:
    """Load the pools; recordings of synthetic voices that do not exist yet are made."""
    with RunProgress(console, 1) as progress:
        return read_pools(
            experiment,
            replace(source, progress=lambda done, of: progress.within("making synthetic speech", 1, done / of)),
        )


def examine_recordings(plans: Sequence[CellPlan], pools: Pools, index: RecordingIndex, console: Console) -> None:
    """Decode every recording that will be used and is not in the index, so that a bad one is found before training."""
    budgeted = chain.from_iterable(plan.speech for plan in plans)
    used = [*budgeted, *pools.source_speech, *pools.synthetic_speech, *pools.alignment, *pools.unlabelled]
    trained = (recording.path for utterance in used for recording in utterance.recordings)
    tested = (example.recording.path for example in pools.test if example.recording is not None)
    with RunProgress(console, 1) as progress:
        index.examine(
            chain(trained, tested),
            lambda done, of: progress.within(f"checking recordings {done}/{of}", 1, done / of),
        )


def unfinished(folder: RunFolder, keyed: Sequence[KeyedPlan]) -> list[KeyedPlan]:
    """Return the plans of the models that are not finished, those that failed last.

    What only training needs is removed from finished stages.
    """
    for stage in {stage for plan, keys in keyed for stage in stage_folders(folder, plan, keys)}:
        if stage.is_finished:
            stage.remove_what_training_needs()
    states = [folder.model(plan.cell.name).state(keys.model) for plan, keys in keyed]
    still_open = [pair for pair in zip(keyed, states, strict=True) if pair[1] is not ModelState.FINISHED]
    return [one for one, state in sorted(still_open, key=lambda pair: pair[1] is ModelState.FAILED)]


class RecordingNames:
    """Names recordings in predictions by their path relative to the data root, so that near/1.wav is not far/1.wav.

    Recordings of synthetic voices are named relative to the folder for runs, and all others by their absolute path.
    """

    def __init__(self, data: Path, runs: Path) -> None:
        self.roots = [os.path.abspath(root) + os.sep for root in (data, runs)]

    def __call__(self, path: Path) -> str:
        """Return the name of the recording at a path."""
        whole = os.path.abspath(path)
        root = next((root for root in self.roots if whole.startswith(root)), "")
        return whole.removeprefix(root).replace(os.sep, "/")
