"""A finished model of a run, read from its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eartune.data.example import Asked
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.files import read_json
from eartune.inference.trained_model import TrainedModel
from eartune.models.audio_llm import AudioLLM
from eartune.models.registry import load
from eartune.run_folder import ModelFolder, RunFolder
from eartune.tasks.settings import read_task
from eartune.tasks.task import Labels, Task
from eartune.training.schemes import SCHEMES
from eartune.training.trainer import load_weights


@dataclass(frozen=True)
class FinishedModel:
    """A finished model as its folder describes it, without its weights in memory."""

    folder: ModelFolder
    experiment: Experiment
    weights: Path | None
    """The file of the weights after the last stage; None for a model that was not trained."""
    labels: Labels
    preface: str
    """The part of the prompt before the instruction."""
    asked: Asked
    """What recordings are to be answered with."""


def read_finished_model(path: Path, task: Task | None = None) -> FinishedModel:
    """Read the folder of a finished model; raises InputError if it is not one, listing the models inside if any.

    `task` is the task of the run if it was given from Python, as the settings cannot hold such a task.
    """
    folder = ModelFolder(path)
    if not folder.result.is_file():
        inside = ", ".join(model.path.name for model in RunFolder(path).models_with_a_result())
        raise InputError(
            f"{path}: is not the folder of a finished model{f'; models in it: {inside}' if inside else ''}"
        )
    result = read_json(folder.result)
    if result.get("status") == "failed":
        raise InputError(f"{path}: failed ({result.get('error')}), so no model can be loaded")
    settings = _without_schemes_from_python(read_json(folder.settings))
    if task is None and read_task(settings["task"]) is None:
        raise InputError(f"{path}: its task was given from Python; give it again, as in load(..., task=MyTask())")
    experiment = Experiment.model_validate(settings if task is None else settings | {"task": task})
    plan = folder.read_plan()
    if plan.get("transcribed_by"):
        raise InputError(f"{path}: is a cascade, which needs the transcripts of a recogniser; name another model")
    labels = experiment.task.read_labels(read_json(folder.labels))
    stages = folder.read_stage_folders()
    weights, asked = stages[-1].weights if stages else None, Asked(plan.get("asked", Asked.FRAME))
    return FinishedModel(folder, experiment, weights, labels, plan["preface"], asked)


def _without_schemes_from_python(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without schemes from Python, which a trained model does not need to answer."""
    types = {scheme.model_fields["type"].default for scheme in SCHEMES}
    known = [scheme for scheme in settings["grid"]["schemes"] if scheme["type"] in types]
    return settings | {"grid": settings["grid"] | {"schemes": known or [{"type": "untuned"}]}}


def load_audio_llm(finished: FinishedModel) -> AudioLLM:
    """Load the base weights and the trained weights; return the model in evaluation mode."""
    model = load(finished.experiment.architecture)
    if finished.weights is not None:
        if finished.experiment.training.lora is not None:
            model.lora.add(finished.experiment.training.lora, seed=0)
        load_weights(model, finished.weights)
    model.module.eval()
    return model


def load_finished_model(path: Path, task: Task | None = None) -> TrainedModel:
    """Load the model in the folder of a finished model, ready to answer recordings."""
    finished = read_finished_model(path, task)
    experiment = finished.experiment
    model = load_audio_llm(finished)
    settings = experiment.architecture, experiment.decoding
    return TrainedModel(model, experiment.task, finished.labels, *settings, finished.preface, finished.asked)
