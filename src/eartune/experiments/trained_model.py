"""A model that a run has made, with all that is needed to ask it."""

from dataclasses import dataclass
from pathlib import Path

from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.files import read_json
from eartune.models.audio_llm import AudioLLM
from eartune.models.registry import load
from eartune.run_folder import ModelFolder, RunFolder
from eartune.tasks.slu import Schema
from eartune.training.trainer import load_weights


@dataclass(frozen=True)
class TrainedRun:
    """The folder of one finished model."""

    folder: ModelFolder
    experiment: Experiment
    weights: Path | None
    """The weights after its last stage; None for a model that was not trained."""
    schema: Schema
    preface: str = ""
    """The part of the prompt before the instruction."""


def read_run(run_dir: Path) -> TrainedRun:
    """What lies in a model's folder; raises InputError naming the models in a folder that holds several."""
    folder = ModelFolder(run_dir)
    if not folder.result.is_file():
        inside = ", ".join(model.path.name for model in RunFolder(run_dir).models_with_a_result())
        raise InputError(
            f"{run_dir}: is not the folder of a finished model{f'; models in it: {inside}' if inside else ''}"
        )
    result = read_json(folder.result)
    if result.get("status") == "failed":
        raise InputError(f"{run_dir}: failed ({result.get('error')}), so there is no model to use")
    experiment = Experiment.model_validate(read_json(folder.settings))
    plan = folder.read_plan()
    if plan.get("transcribed_by"):
        raise InputError(f"{run_dir}: is a cascade, which reads what a recogniser hears; take a model that listens")
    labels = read_json(folder.labels)
    schema = Schema(
        frozenset(labels["intents"]),
        frozenset(labels["entity_types"]),
        labels["has_scenario"],
        frozenset((scenario, action) for scenario, action in labels.get("pairs", [])),
    )
    stages = folder.read_stage_folders()
    return TrainedRun(folder, experiment, stages[-1].weights if stages else None, schema, plan.get("preface", ""))


def load_run(run: TrainedRun) -> AudioLLM:
    """Base weights and what was trained on top of them, in evaluation mode."""
    model = load(run.experiment.architecture)
    if run.weights is not None:
        if run.experiment.training.lora is not None:
            model.lora.add(run.experiment.training.lora, seed=0)
        load_weights(model, run.weights)
    model.module.eval()
    return model
