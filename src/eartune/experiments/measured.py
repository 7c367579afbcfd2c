"""The seconds that stages and answers take on this machine, from those that runs have trained and decoded on it.

Comparable are stages of the same checkpoint with the same settings of training, from any run in the folder for runs. A
stage is as long as its tokens, at the rate of measured stages that train the same components and show recordings if it
does; if there are none, at the rate of all comparable ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.plan import TOKENS_OF_AN_ANSWER, TOKENS_TO_LOAD, CellPlan, Pools, figures, work_of
from eartune.experiments.provenance import machine
from eartune.files import read_json
from eartune.run_folder import ModelFolder, RunFolder, StageFolder
from eartune.training.stage import Stage
from eartune.wording import counted

WITHOUT_EFFECT = {"encoded_gb", "weight_decay", "max_grad_norm", "rate_factors"}
"""The settings of training that hardly change the time of a step."""


class Kind(NamedTuple):
    """What stages of one rate have in common."""

    trainable: frozenset[str]
    is_spoken: bool


class MeasuredStage(NamedTuple):
    """The work of a stage that is done, in tokens, and the seconds that it took."""

    kind: Kind
    work: float
    seconds: float


@dataclass(frozen=True)
class Measured:
    """Seconds from measured rates, on machines like this one; `gpus` that train a model together divide them."""

    experiment: Experiment
    pools: Pools
    stages: tuple[MeasuredStage, ...]
    seconds_an_answer: float | None
    gpus: int = 1

    @property
    def source(self) -> str:
        """Return a sentence that says where the seconds come from."""
        answers = "answers too" if self.seconds_an_answer is not None else "answers as long as training of their tokens"
        together = "" if self.gpus == 1 else f", divided by {self.gpus} as if nothing were lost between GPUs"
        return (
            f"Measured on this machine, on {counted(len(self.stages), 'stage')} of the same checkpoint and settings, "
            f"{answers}{together}; other machines are taken to be as fast."
        )

    def stage(self, stage: Stage) -> float:
        """Return the seconds of a stage, with those of answers to the dev set."""
        found = figures(stage, self.experiment)
        kind = Kind(frozenset(map(str, stage.trainable)), found.speech_examples > 0)
        rows = found.text_examples + found.speech_examples
        learning = work_of(found.epochs, rows, 3600 * found.speech_hours) * self._seconds_a_token(kind)
        choosing = 0.0 if stage.dev is None else stage.times_dev_is_answered * self._answers(len(stage.dev.examples))
        return (learning + choosing) / self.gpus

    def decoding(self, plan: CellPlan) -> float:
        """Return the seconds of loading and checking a model and of its answers, to the dev set too if it chooses."""
        tried = 0 if plan.dev is None else len(plan.prompts) * len(plan.dev.examples)
        return TOKENS_TO_LOAD * self._seconds_a_token(None) + self._answers(tried + len(self.pools.test)) / self.gpus

    def _answers(self, n: int) -> float:
        """The seconds of so many answers, whatever the number of beams."""
        answer = self.seconds_an_answer
        return n * (TOKENS_OF_AN_ANSWER * self._seconds_a_token(None) if answer is None else answer)

    def _seconds_a_token(self, kind: Kind | None) -> float:
        alike = [stage for stage in self.stages if stage.kind == kind] or self.stages
        return sum(stage.seconds for stage in alike) / sum(stage.work for stage in alike)


def measured(experiment: Experiment, pools: Pools, runs: Path, gpus: int = 1) -> Measured | None:
    """Return the rates of comparable stages in the folder for runs; None where not one has been trained."""
    models = list(comparable_models(experiment, runs))
    rows = {
        folder.path.resolve(): row  # models share stages
        for model in models
        for folder, row in zip(model.read_stage_folders(), model.read_plan()["stages"], strict=True)
    }
    done = [stage for path, row in rows.items() if (stage := measured_stage(StageFolder(path), row)) is not None]
    decoded = [(model.decode_seconds, n) for model in models if (n := n_answers(model, experiment))]
    seconds = sum(seconds for seconds, _ in decoded) / sum(n for _, n in decoded) if decoded else None
    return Measured(experiment, pools, tuple(done), seconds, gpus) if done else None


def comparable_models(experiment: Experiment, runs: Path) -> Iterator[ModelFolder]:
    """Yield the models of all runs with this checkpoint and these settings of training.

    Left out are those whose result says that they were made on another kind of machine.
    """
    wanted = _speed_of(experiment.model_dump(mode="json"))
    for run in sorted(runs.glob("*/")):
        for settings in sorted(run.glob(f"*/{ModelFolder(run).settings.name}")):
            model = RunFolder(run).model(settings.parent.name)
            if _speed_of(read_json(model.settings)) == wanted and model.plan.is_file() and _made_here(model):
                yield model


def measured_stage(folder: StageFolder, row: dict[str, Any]) -> MeasuredStage | None:
    """Return what was measured of a stage, up to its end or its last checkpoint; None where there is neither."""
    if folder.is_finished:
        steps, seconds = len(folder.log.read_text(encoding="utf-8").splitlines()), folder.seconds
    elif complete := [checkpoint for checkpoint in folder.checkpoints() if checkpoint.is_complete]:
        steps, seconds = int(complete[-1].path.name.split("-")[1]), float(read_json(complete[-1].seconds)["seconds"])
    else:
        return None
    rows = row["text_examples"] + row["speech_examples"]
    work = work_of(row["epochs"], rows, 3600 * row["speech_hours"]) * steps / row["steps"]
    kind = Kind(frozenset(row["trainable"]), row["speech_examples"] > 0)
    return MeasuredStage(kind, work, seconds) if work and seconds else None


def n_answers(model: ModelFolder, experiment: Experiment) -> int:
    """Return how many answers a model has given with the decoding of an experiment; 0 where it was another one."""
    settings = read_json(model.settings)["decoding"]
    if settings != experiment.decoding.model_dump(mode="json") or not model.predictions.is_file():
        return 0
    return len(model.predictions.read_text(encoding="utf-8").splitlines())


def _speed_of(settings: dict[str, Any]) -> Any:
    training = {key: value for key, value in settings["training"].items() if key not in WITHOUT_EFFECT}
    return settings["architecture"], training


def _made_here(model: ModelFolder) -> bool:
    try:
        made_with = read_json(model.result)["made_with"]
    except (InputError, FileNotFoundError):  # not finished yet
        return True
    return bool(made_with["machine"] == machine())
