"""A model that a run has made, with all that is needed to ask it."""

from dataclasses import dataclass
from pathlib import Path

from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.files import read_json
from eartune.models.audio_llm import AudioLLM
from eartune.models.registry import load
from eartune.tasks.slu import Schema
from eartune.training.names import WEIGHTS
from eartune.training.trainer import load_weights


@dataclass(frozen=True)
class TrainedRun:
    """The folder of one finished model."""

    folder: Path
    experiment: Experiment
    weights: Path | None
    """Of its last stage; None if it has no stage."""
    schema: Schema
    preface: str = ""
    """What is said to the model before the instruction."""


def read_run(run_dir: Path) -> TrainedRun:
    """What lies in a model's folder; raises InputError naming the models in a folder that holds several."""
    if not (run_dir / "result.json").is_file():
        inside = sorted(path.parent.name for path in run_dir.glob("*/result.json"))
        hint = f"; models in it: {', '.join(inside)}" if inside else ""
        raise InputError(f"{run_dir}: is not the folder of a finished model{hint}")
    result = read_json(run_dir / "result.json")
    if result.get("status") == "failed":
        raise InputError(f"{run_dir}: failed ({result.get('error')}), so there is no model to use")
    experiment = Experiment.model_validate(read_json(run_dir / "settings.json"))
    plan = read_json(run_dir / "plan.json")
    if plan.get("asr"):
        raise InputError(f"{run_dir}: is a cascade, which reads what a recogniser hears; take a model that listens")
    stages = plan["stages"]
    labels = read_json(run_dir / "labels.json")
    schema = Schema(
        frozenset(labels["intents"]),
        frozenset(labels["entity_types"]),
        labels["has_scenario"],
        frozenset((scenario, action) for scenario, action in labels.get("pairs", [])),
    )
    weights = run_dir / stages[-1]["folder"] / WEIGHTS if stages else None
    return TrainedRun(run_dir, experiment, weights, schema, plan.get("preface", ""))


def load_run(run: TrainedRun) -> AudioLLM:
    """Base weights and what was trained on top of them, in evaluation mode."""
    model = load(run.experiment.architecture)
    if run.weights is not None:
        if run.experiment.training.lora is not None:
            model.lora.add(run.experiment.training.lora, seed=0)
        load_weights(model, run.weights)
    model.module.eval()
    return model
