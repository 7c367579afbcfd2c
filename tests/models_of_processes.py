"""A whole experiment made by several processes: each of them makes every model, and the first writes the files."""

from pathlib import Path

import torch
import transformers
from rich.console import Console

from eartune.data.corpora import Source
from eartune.data.recording_index import RecordingIndex
from eartune.experiments.experiment import Experiment
from eartune.experiments.keys import Keys, base_fingerprint
from eartune.experiments.model_run import RunContext, make_model, stage_folders
from eartune.experiments.plan import plan_cells
from eartune.experiments.progress import RunProgress
from eartune.experiments.runner import (
    RecordingNames,
    examine_recordings,
    read_pools_and_speak,
    unfinished_result,
    write_plan,
)
from eartune.processes import Processes
from eartune.report import write_result
from eartune.run_folder import RunsFolder


def make_models(settings: str, data: Path, runs: Path) -> list[str]:
    """Make all models of an experiment, given as JSON; return their names."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    processes, experiment = Processes.of_environment(), Experiment.model_validate_json(settings)
    console, runs_folder = Console(quiet=True), RunsFolder(runs)
    folder, index = runs_folder.run(experiment.name), RecordingIndex(runs_folder.recordings)
    pools = read_pools_and_speak(experiment, Source(data, runs_folder.speech, index=index), console)
    plans = plan_cells(experiment, pools)
    processes.of_first(lambda: examine_recordings(plans, pools, index, console))
    name_of = RecordingNames(data, runs)
    keys_of = Keys(experiment, pools, base_fingerprint(experiment.architecture), index.digest, name_of)
    for plan in plans:
        keys, model = keys_of.of(plan), folder.model(plan.cell.name)
        context = RunContext(experiment, pools, folder, index, name_of, RunProgress(console, 1), processes=processes)
        begun = unfinished_result(context, plan, keys)
        if processes.is_first:
            model.begin(keys.model)
            write_plan(model, experiment, pools.labels, plan, stage_folders(folder, plan, keys))
        processes.wait_for_all()
        result = make_model(context, plan, keys, begun)
        if processes.is_first:
            write_result(model.path, result)
    processes.wait_for_all()
    return [plan.cell.name for plan in plans]
