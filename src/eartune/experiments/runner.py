"""Run an experiment: make every model that is not finished; a failed model is recorded and does not stop the others.

experiment -> pools -> plans -> recordings examined -> keys -> [model -> result.json] ... -> report
"""

import os
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

from rich.console import Console

from eartune.data.corpora import Source
from eartune.data.recording_index import RecordingIndex
from eartune.data.utterance import Recording, write_manifest
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.keys import CellKeys, Keys, base_fingerprint
from eartune.experiments.model_run import RunContext, cell_units, make_model, stage_folders
from eartune.experiments.plan import CellPlan, Pools, figures, plan_cells, read_pools
from eartune.experiments.process_memory import give_memory_back
from eartune.experiments.progress import RunProgress
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.report import RunResult, read_results, write_report, write_result
from eartune.run_folder import ModelFolder, ModelState, RunFolder, RunsFolder, StageFolder
from eartune.tasks.task import Labels

KeyedPlan = tuple[CellPlan, CellKeys]


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


def run(experiment: Experiment, data: Path, runs: Path, console: Console) -> RunOutcome:
    """Make every model that is not finished, and write the report; to resume after an interruption, call it again.

    A model that fails is recorded as failed, and the next one is made. Raises InputError for a fault of the input.
    """
    runs_folder = RunsFolder(runs)
    folder, index = runs_folder.run(experiment.name), RecordingIndex(runs_folder.recordings)
    pools = read_pools_and_speak(experiment, Source(data, runs_folder.speech, index=index), console)
    plans = plan_cells(experiment, pools)
    examine_recordings(plans, pools, index, console)
    name_of = RecordingNames(data, runs)
    keys = Keys(experiment, pools, base_fingerprint(experiment.architecture), index.digest, name_of)
    with folder.lock():
        keyed = [(plan, keys.of(plan)) for plan in plans]
        names, open_ones = tuple(plan.cell.name for plan in plans), unfinished(folder, keyed)
        if not open_ones and folder.html.is_file() and folder.model_names() == names:
            console.print(f"{experiment.name}: {len(keyed)} models, all of them finished; nothing to do")
            return RunOutcome(folder, ())
        console.print(f"{experiment.name}: {len(keyed)} models, {len(keyed) - len(open_ones)} of them finished")
        write_references(folder, pools)
        folder.write_model_names(names)
        try:
            with RunProgress(console, sum(cell_units(plan, pools) for plan, _ in open_ones)) as progress:
                context = RunContext(experiment, pools, folder, index, name_of, progress)
                failed = [plan.cell.name for plan, keys in open_ones if not run_cell(context, plan, keys)]
        finally:
            if any(model.path.name in names for model in folder.models_with_a_result()):
                write_report(folder.path, experiment.task)
    return RunOutcome(folder, tuple(failed))


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


def write_references(folder: RunFolder, pools: Pools) -> None:
    """Write the test as a manifest beside the models' predictions, for the report and for `score` and `compare`."""
    tested = {example.utterance.id: example.utterance for example in pools.test}
    write_manifest(folder.references, tested.values())


def unfinished(folder: RunFolder, keyed: Sequence[KeyedPlan]) -> list[KeyedPlan]:
    """Return the plans of the models that are not finished; remove from finished stages what only training needs."""
    for stage in {stage for plan, keys in keyed for stage in stage_folders(folder, plan, keys)}:
        if stage.is_finished:
            stage.remove_what_training_needs()
    states = [folder.model(plan.cell.name).state(keys.model) for plan, keys in keyed]
    return [pair for pair, state in zip(keyed, states, strict=True) if state is not ModelState.FINISHED]


def run_cell(context: RunContext, plan: CellPlan, keys: CellKeys) -> bool:
    """Make one model and return whether it finished; an error is recorded, and an InputError is raised as well."""
    folder = context.folder.model(plan.cell.name)
    folder.begin(keys.model)
    stages = stage_folders(context.folder, plan, keys)
    write_plan(folder, context.experiment, context.pools.labels, plan, stages)
    result = unfinished_result(context, plan, keys)
    try:
        write_result(folder.path, make_model(context, plan, keys, result))
    except Exception as error:
        write_result(folder.path, replace(result, error=f"{type(error).__name__}: {error}"))
        if isinstance(error, InputError):
            raise
        context.progress.console.print(f"{plan.cell.name} failed:\n{traceback.format_exc()}", markup=False)
        return False
    finally:
        give_memory_back()
    return True


def write_plan(
    folder: ModelFolder, experiment: Experiment, labels: Labels, plan: CellPlan, stages: Sequence[StageFolder]
) -> None:
    """Write the settings, labels, selected utterances and stages of a model as JSON files."""
    write_json(folder.settings, experiment.model_dump(mode="json"))
    write_json(folder.labels, labels.to_json())
    selected = [{"id": utterance.id, "seconds": round(utterance.seconds, 3)} for utterance in plan.speech]
    write_json(folder.selection, {"budget": str(plan.cell.budget or "none"), "utterances": selected})
    rows = [
        {
            "name": stage.name,
            "folder": os.path.relpath(stored.path, folder.path),
            "learning_rate": stage.learning_rate,
            "warmup_ratio": stage.warmup_ratio,
            "trainable": [str(part) for part in stage.trainable],
            **asdict(figures(stage, experiment)),
        }
        for stage, stored in zip(plan.stages, stages, strict=True)
    ]
    head = {
        "cell": plan.cell.name,
        "seed": plan.cell.seed,
        "preface": plan.preface,
        "through": plan.through,
        "transcribed_by": plan.asking.transcribed_by if plan.through == "nothing" else None,
        "asked": plan.asking.asked.value,
    }
    write_json(folder.plan, head | {"stages": rows})


def unfinished_result(context: RunContext, plan: CellPlan, keys: CellKeys) -> RunResult:
    """Return the result of a model before it is made, with its settings and without scores."""
    experiment, pools, cell = context.experiment, context.pools, plan.cell
    return RunResult(
        experiment=experiment.name,
        question=experiment.question,
        name=cell.name,
        scheme=cell.scheme.label,
        scheme_type=cell.scheme.type,
        scheme_role=cell.scheme.role,
        budget=None if cell.budget is None else str(cell.budget),
        seed=cell.seed,
        status="failed",
        error=None,
        main_metric=experiment.task.main_metric(pools.labels),
        scores={},
        answers={},
        text_utterances=len(pools.text) if cell.scheme.uses_text else 0,
        speech_utterances=len(plan.speech),
        speech_hours=round(sum(utterance.seconds for utterance in plan.speech) / 3600, 4),
        pool_utterances=len(pools.speech),
        test={"recordings": len(pools.test), "sentences": len({e.utterance.id for e in pools.test})},
        listening=None,
        seconds={},
        settings=experiment.model_dump(mode="json"),
        made_with=made_with() | {"fingerprint": keys.model},
        definitions={name: metric.definition for name, metric in experiment.task.metrics(pools.labels).items()},
        free_hours=round(free_seconds(plan) / 3600, 4),
    )


def free_seconds(plan: CellPlan) -> float:
    """Return the total length, in seconds, of the training recordings that no budget counts."""
    used = {example.recording for stage in plan.stages for example in stage.most_examples if example.recording}
    budgeted: set[Recording] = {recording for utterance in plan.speech for recording in utterance.recordings}
    return sum(recording.seconds for recording in used - budgeted)


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
