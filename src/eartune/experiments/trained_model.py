"""A model that a run has made, with all that is needed to ask it."""

from dataclasses import dataclass
from pathlib import Path

from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.files import read_json
from eartune.models.chat_model import ChatModel
from eartune.models.registry import load
from eartune.tasks.settings import read_task
from eartune.tasks.task import Labels, Task
from eartune.training.names import WEIGHTS
from eartune.training.trainer import load_weights


@dataclass(frozen=True)
class TrainedRun:
    """The folder of one finished model."""

    folder: Path
    experiment: Experiment
    weights: Path | None
    """Of its last stage; None if it has no stage."""
    labels: Labels
    preface: str = ""
    """What is said to the model before the instruction."""


def read_run(run_dir: Path, task: Task | None = None) -> TrainedRun:
    """What lies in a model's folder; raises InputError naming the models in a folder that holds several.

    `task` is that of the run, for one that was given from Python and cannot be read from its settings.
    """
    if not (run_dir / "result.json").is_file():
        inside = sorted(path.parent.name for path in run_dir.glob("*/result.json"))
        hint = f"; models in it: {', '.join(inside)}" if inside else ""
        raise InputError(f"{run_dir}: is not the folder of a finished model{hint}")
    result = read_json(run_dir / "result.json")
    if result.get("status") == "failed":
        raise InputError(f"{run_dir}: failed ({result.get('error')}), so there is no model to use")
    settings = read_json(run_dir / "settings.json")
    if task is None and read_task(settings["task"]) is None:
        raise InputError(
            f"{run_dir}: the task {settings['task'].get('type')!r} is not eartune's own; give it as `task`"
        )
    experiment = Experiment.model_validate(settings if task is None else settings | {"task": task})
    plan = read_json(run_dir / "plan.json")
    if plan.get("asr"):
        raise InputError(f"{run_dir}: is a cascade, which reads what a recogniser hears; take a model that listens")
    stages = plan["stages"]
    labels = experiment.task.read_labels(read_json(run_dir / "labels.json"))
    weights = run_dir / stages[-1]["folder"] / WEIGHTS if stages else None
    return TrainedRun(run_dir, experiment, weights, labels, plan.get("preface", ""))


def load_run(run: TrainedRun) -> ChatModel:
    """Base weights and what was trained on top of them, in evaluation mode."""
    model = load(run.experiment.architecture)
    if run.weights is not None:
        if run.experiment.training.lora is not None:
            model.parts.add_lora(run.experiment.training.lora, seed=0)
        load_weights(model, run.weights)
    model.module.eval()
    return model
