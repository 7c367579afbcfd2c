"""A finished model of a run, read from its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eartune.data.example import Asked
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.plan import ALIGN
from eartune.files import read_json
from eartune.inference.trained_model import TrainedModel
from eartune.models.audio_llm import AudioLLM
from eartune.models.registry import load
from eartune.run_folder import ModelFolder, RunFolder
from eartune.settings import Through
from eartune.tasks.settings import read_task
from eartune.tasks.task import Labels, Task
from eartune.training.schemes import SCHEMES
from eartune.training.trainer import load_weights, saved_names


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
    through: Through
    """Whether the run's answers came through words, as those of a cascade that reads the model's own words do."""
    aligned: Path | None
    """The file of the weights after the alignment stage, before the model was tuned; None without such a stage."""
    asked: Asked
    """What recordings are to be answered with."""

    @property
    def has_lora(self) -> bool:
        """Whether it was trained with LoRA."""
        return self.weights is not None and self.experiment.training.lora is not None


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
        raise InputError(
            f"{path}: is a cascade, which needs the transcripts of {plan['transcribed_by']}; name another model, such "
            "as that of text-only tuning, and ask it through words"
        )
    labels = experiment.task.read_labels(read_json(folder.labels))
    stages = folder.read_stage_folders()
    is_aligned = bool(experiment.data.alignment and plan["stages"] and plan["stages"][0]["name"] == ALIGN)
    return FinishedModel(
        folder=folder,
        experiment=experiment,
        weights=stages[-1].weights if stages else None,
        labels=labels,
        preface=plan["preface"],
        through=plan.get("through", "nothing"),
        aligned=stages[0].weights if is_aligned else None,
        asked=Asked(plan.get("asked", Asked.FRAME)),
    )


def _without_schemes_from_python(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without schemes from Python, which a trained model does not need to answer."""
    types = {scheme.model_fields["type"].default for scheme in SCHEMES}
    known = [scheme for scheme in settings["grid"]["schemes"] if scheme["type"] in types]
    return settings | {"grid": settings["grid"] | {"schemes": known or [{"type": "untuned"}]}}


def load_audio_llm(finished: FinishedModel, through: Through = "nothing") -> AudioLLM:
    """Load the base weights and the trained weights; return the model in evaluation mode.

    To answer through words, a model with LoRA keeps the values from before its tuning of all that was tuned.
    """
    model = load(finished.experiment.architecture)
    if finished.weights is not None:
        if finished.experiment.training.lora is not None:
            model.lora.add(finished.experiment.training.lora, seed=0)
        if through == "words" and finished.has_lora:
            if finished.aligned is not None:
                load_weights(model, finished.aligned)
            model.untuned.keep(saved_names(finished.weights))
        load_weights(model, finished.weights)
    model.module.eval()
    return model


def load_finished_model(path: Path, task: Task | None = None, through: Through | None = None) -> TrainedModel:
    """Load the model in the folder of a finished model, ready to answer recordings.

    It answers as in its run, or, if `through` is given, in that way.
    """
    finished = read_finished_model(path, task)
    experiment, through = finished.experiment, through or finished.through
    settings = experiment.architecture, experiment.decoding.model_copy(update={"through": through})
    model = load_audio_llm(finished, through)
    return TrainedModel(model, experiment.task, finished.labels, *settings, finished.preface, finished.asked)
