"""What the dev set chooses for a model: the epoch of each stage, and the prompt.

a value -> the model with it -> answers to the dev set -> their score, a row of a file -> the value with the best

A row is written once its answers are there, so that what is cut goes on with the value at which it was cut. The test
is decoded when all is chosen.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eartune.evaluation.metrics import evaluate
from eartune.experiments.plan import CellPlan
from eartune.files import read_json, read_lines, write_json, write_lines
from eartune.processes import Processes
from eartune.report.choice import choice_in_words
from eartune.run_folder import ModelFolder, StageFolder, seconds_in
from eartune.tasks.prediction import answered
from eartune.training.stage import DevSet, Stage

if TYPE_CHECKING:
    from eartune.experiments.model_run import RunContext
    from eartune.models.audio_llm import AudioLLM
    from eartune.models.rows import RowMaker
    from eartune.training.callbacks import TrainingLog
    from eartune.training.epoch_choice import EpochChoice

Row = dict[str, Any]
"""A value that was tried, with the number of answers, the metric, and its score."""


def scored_on_dev(
    context: "RunContext", dev: DevSet, rows: "RowMaker", answers: Path, decoding: Path, title: str
) -> tuple[Row, float]:
    """Decode the dev set into the file `answers`; return the number of answers, the main metric and its score.

    Beside it are the seconds of this session, which are added to those in the file `decoding`.
    """
    from eartune.inference.decode import decode

    started, earlier = time.monotonic(), seconds_in(decoding)
    task, labels, processes = context.experiment.task, context.pools.labels, context.processes
    show, main_metric = context.watch(f"{title}: decoding the dev set"), task.main_metric(labels)
    predictions = decode(rows.model, dev.examples, rows, dev.decoding, answers, context.name_of, show, processes)
    scores = evaluate(answered(task, dev.examples, predictions), task.metrics(labels), resamples=0)
    seconds = time.monotonic() - started
    processes.of_first(lambda: write_json(decoding, {"seconds": earlier + seconds}))
    return {"n": len(predictions), "metric": main_metric, "score": scores[main_metric].value}, seconds


def score_each(values: Sequence[Any], measure: Callable[[int], Row], path: Path, processes: Processes) -> list[Row]:
    """Return a row for each value, measured by its place unless it is in the file of `path` already."""
    rows: list[Row] = processes.of_first(lambda: [row for _, row in read_lines(path)] if path.is_file() else [])
    for place in range(len(rows), len(values)):
        rows.append({"value": values[place], **measure(place)})
        processes.of_first(lambda: write_lines(path, rows))
    return rows


def place_of_best(rows: Sequence[Row]) -> int:
    """Return the place of the row with the best score, of equal ones the first."""
    scores = [row["score"] for row in rows]
    return scores.index(max(scores))


# --- the epoch -----------------------------------------------------------------------------------------------------


def epoch_choice(
    context: "RunContext", stage: Stage, rows: "RowMaker", folder: StageFolder, log: "TrainingLog", title: str
) -> "EpochChoice | None":
    """Return what chooses the epoch of a stage on the dev set; None if nothing is to be chosen.

    `rows` show recordings as they are. The time that answers take is not counted as training.
    """
    from eartune.training.epoch_choice import EpochChoice
    from eartune.training.trainer import save_weights

    dev, processes = stage.dev, context.processes
    if dev is None or not stage.chooses_epoch:
        return None

    def measure(epoch: int) -> Row:
        row, seconds = scored_on_dev(context, dev, rows, folder.dev_answers(epoch), folder.dev_decoding, title)
        log.leave_out(seconds)
        return row

    def say(sentence: str) -> None:
        context.progress.console.print(f"{title}: {sentence}")

    def save() -> None:
        processes.of_first(lambda: save_weights(rows.model, folder.best_weights))

    return EpochChoice(folder.dev, stage.epochs, measure, save, say, dev.patience, processes)


def note_of(choice: "EpochChoice | None", folder: StageFolder) -> dict[str, Any] | None:
    """Return what the note of a stage says of its choices; None if nothing was chosen."""
    if choice is None or choice.best is None:
        return None
    best = choice.rows[choice.best - 1]
    return {"epochs": choice.epochs, "tried": len(choice.rows), **best, "seconds": folder.dev_seconds}


# --- the prompt ----------------------------------------------------------------------------------------------------


def with_chosen_prompt(context: "RunContext", plan: CellPlan, model: "AudioLLM") -> CellPlan:
    """Return the plan with the prompt that the dev set chooses, if there are several; its file gets it as well."""
    if (dev := plan.dev) is None:
        return plan
    name, folder = plan.cell.name, context.folder.model(plan.cell.name)
    encoded = context.encoder_cache().test_clips(model, dev.examples, context.watch(f"{name}: encoding the dev set"))

    def measure(place: int) -> Row:
        rows = context.rows(model, plan.prompts[place].preface, encoded)
        return scored_on_dev(context, dev, rows, folder.answers_with_prompt(place), folder.dev_decoding, name)[0]

    tried = score_each([one.shows for one in plan.prompts], measure, folder.prompts, context.processes)
    chosen = replace(plan, prompts=(plan.prompts[place_of_best(tried)],), dev=None)
    context.processes.of_first(lambda: write_json(folder.plan, read_json(folder.plan) | {"preface": chosen.preface}))
    context.progress.console.print(f"{name}: {choice_in_words(as_choice('prompt', tried))}")
    return chosen


# --- what is said of them ------------------------------------------------------------------------------------------


def choices(plan: CellPlan, stages: Sequence[StageFolder], folder: ModelFolder) -> dict[str, Any]:
    """Return what was chosen for a model on how many recordings of the dev set; empty if nothing was."""
    notes = {stage.name: stored.chosen for stage, stored in zip(plan.stages, stages, strict=True)}
    found = {name: note for name, note in notes.items() if note}
    epochs = {name: f"{note['epoch']} of {note['epochs']}" for name, note in found.items()}
    prompts = [row for _, row in read_lines(folder.prompts)] if folder.prompts.is_file() else []
    chosen = [as_choice("prompt", prompts)] if prompts else []
    sizes = [len(stage.dev.examples) for stage in plan.stages if stage.dev] + [one["n"] for one in chosen]
    parts = {"epoch": epochs, "chosen": chosen}
    return {"recordings": sizes[0]} | {name: part for name, part in parts.items() if part} if sizes else {}


def seconds_of_choices(stages: Sequence[StageFolder], folder: ModelFolder) -> float:
    """Return the seconds in which the dev set was decoded for a model, over all sessions."""
    return sum((stage.chosen["seconds"] for stage in stages if stage.chosen), seconds_in(folder.dev_decoding))


def as_choice(setting: str, tried: Sequence[Row]) -> dict[str, Any]:
    """Return a choice as a result holds it: of which setting, on how many answers, by which metric, and all scores."""
    best = tried[place_of_best(tried)]
    scores = [[row["value"], row["score"]] for row in tried]
    return {"setting": setting, "value": best["value"], "n": best["n"], "metric": best["metric"], "scores": scores}
