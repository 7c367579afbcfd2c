"""Run an experiment: make every model that is not finished; a failed model is recorded and does not stop the others.

experiment -> pools -> plans -> recordings examined -> keys -> [model -> result.json] ... -> report

Several processes may run the same experiment in the same folder, and share its work.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
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
from eartune.training.tracking import Tracking, tracking_of

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
    shows the losses of each stage. Of several processes that torchrun started, each must call this and does its part.
    Raises InputError for a fault of the input, or of the disk.
    """
    processes = Processes.of_environment()
    if not processes.is_first:
        console = Console(quiet=True)
    folder = RunsFolder(runs).run(experiment.name)
    tracking = tracking_of(track, experiment.name, folder.tracking)
    with disk_faults_as_sentences(folder.path):
        prepared = prepare(experiment, data, runs, console, processes)
        open_ones = processes.of_first(lambda: begin(prepared))
        if open_ones is None:
            console.print(f"{experiment.name}: {len(prepared.keyed)} models, all of them finished; nothing to do")
            return RunOutcome(folder, ())
        n_finished = len(prepared.keyed) - len(open_ones)
        console.print(f"{experiment.name}: {len(prepared.keyed)} models, {n_finished} of them finished")
        try:
            failed = make_models(prepared, open_ones, resources, console, tracking, processes)
        finally:
            if processes.is_first:
                report(prepared)
    return RunOutcome(folder, failed)


@dataclass(frozen=True)
class Prepared:
    """All that is known of a run before anything is made."""

    experiment: Experiment
    pools: Pools
    folder: RunFolder
    index: RecordingIndex
    name_of: "RecordingNames"
    claims: Claims
    keyed: Mapping[str, KeyedPlan]
    """The plans and keys of all models, by their names."""


def prepare(experiment: Experiment, data: Path, runs: Path, console: Console, processes: Processes) -> Prepared:
    """Read the data, plan all models and compute their keys; the first of several processes writes what that needs."""
    runs_folder, of_first = RunsFolder(runs), processes.of_first
    folder, index = runs_folder.run(experiment.name), RecordingIndex(runs_folder.recordings)
    source = Source(data, runs_folder.speech, index=index)
    pools = of_first(lambda: read_pools_and_speak(experiment, source, console))
    plans = plan_cells(experiment, pools)
    of_first(lambda: examine_recordings(plans, pools, index, console))
    if not processes.is_first:
        index = RecordingIndex(runs_folder.recordings)  # what the first has learned
    name_of = RecordingNames(data, runs)
    keys = {
        name: Keys(part, pools, base_fingerprint(part.architecture), index.digest, name_of)
        for name, part in experiment.parts.items()
    }
    keyed = {plan.cell.name: (plan, keys[plan.cell.architecture].of(plan)) for plan in plans}
    return Prepared(experiment, pools, folder, index, name_of, Claims(folder.claims), keyed)


def begin(prepared: Prepared) -> list[str] | None:
    """Remove what killed processes left, and write what all models share.

    Return the names of the models that are not finished; None if all are, and have been reported.
    """
    folder, names = prepared.folder, tuple(prepared.keyed)
    folder.remove_leftovers()
    prepared.claims.clear()
    still_open = unfinished(folder, list(prepared.keyed.values()))
    if not still_open and folder.html.is_file() and folder.model_names() == names:
        return None
    tested = {example.utterance.id: example.utterance for example in prepared.pools.test}
    with prepared.claims.hold(REPORT, wait=True):
        write_manifest(folder.references, tested.values())
        folder.write_model_names(names)
    return [plan.cell.name for plan, _ in still_open]


def report(prepared: Prepared) -> None:
    """Remove what workers left that were lost, and write the report, if any model has a result."""
    folder = prepared.folder
    folder.remove_leftovers()
    if any(model.path.name in prepared.keyed for model in folder.models_with_a_result()):
        with prepared.claims.hold(REPORT, wait=True):
            write_report(folder.path, prepared.experiment.task)


def make_models(
    prepared: Prepared,
    names: Sequence[str],
    resources: Resources,
    console: Console,
    tracking: Tracking | None,
    processes: Processes,
) -> tuple[str, ...]:
    """Make models by all that the resources allow; return the names of those that failed."""
    models, pools = {name: prepared.keyed[name] for name in names}, prepared.pools
    with ExitStack() as at_the_end:
        units = sum(cell_units(plan, pools) for plan, _ in models.values())
        progress = at_the_end.enter_context(RunProgress(console, units))
        context = RunContext(
            prepared.experiment,
            pools,
            prepared.folder,
            prepared.index,
            prepared.name_of,
            prepared.claims,
            progress,
            tracking,
            processes,
        )
        if not processes.is_first:
            TheseProcesses(context, models).follow()
            return ()
        grid = grid_of(list(models.values()), pools, prepared.folder, prepared.claims)
        slots = slots_of(resources, context, models)
        for slot in slots:
            at_the_end.callback(slot.stop)
        share_out(context, grid, slots, models, progress)
    if grid.made_by_others:
        console.print(
            f"other processes make {', '.join(grid.made_by_others)}; the last of them writes the whole report"
        )
    return tuple(grid.failed)


def share_out(
    context: RunContext,
    grid: Grid,
    slots: Sequence[Slot],
    models: Mapping[str, KeyedPlan],
    progress: RunProgress,
) -> None:
    """Let each slot that is free make the next model, until nothing is left that could be made here."""
    at_work: dict[Future[bool], tuple[Slot, str]] = {}
    while True:
        busy = [slot for slot, _ in at_work.values()]
        for slot in slots:
            if slot not in busy and (name := grid.take(longest_first=len(slots) > 1)) is not None:
                at_work[slot.start(name)] = slot, name
        if not at_work:
            if (pause := grid.pause()) is None:
                return
            sleep(pause)
            continue
        done, _ = wait(at_work, timeout=SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
        for slot in slots:
            slot.relay(progress)
        for future in done:
            slot, name = at_work.pop(future)
            note_outcome(context, grid, models[name], future, slot, progress)


def note_outcome(
    context: RunContext, grid: Grid, model: KeyedPlan, future: Future[bool], slot: Slot, progress: RunProgress
) -> None:
    """Note what became of a model; a fault of the input ends the run."""
    name, say = model[0].cell.name, partial(progress.console.print, markup=False)  # errors may hold brackets
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
    decoded = (*pools.dev, *pools.test)
    tested = (example.recording.path for example in decoded if example.recording is not None)
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
