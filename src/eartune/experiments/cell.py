"""One model of the grid: claim it, write what it will be, make it, and record its result or its error."""

import os
import traceback
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from eartune.claims import TakenError
from eartune.data.utterance import Recording
from eartune.errors import InputError, ProcessLostError
from eartune.experiments.experiment import Experiment
from eartune.experiments.keys import CellKeys
from eartune.experiments.model_run import RunContext, make_model, stage_folders
from eartune.experiments.plan import CellPlan, Pools, figures
from eartune.experiments.provenance import made_with
from eartune.files import disk_fault, write_json
from eartune.report import RunResult, write_result
from eartune.report.result import SHARED
from eartune.run_folder import ModelFolder, ModelState, StageFolder
from eartune.tasks.task import Labels
from eartune.training.scheme import SELF
from eartune.training.stage import Stage


def make_cell(context: RunContext, plan: CellPlan, keys: CellKeys) -> bool:
    """Make one model and return whether it finished; an error is recorded.

    Raises TakenError if another process makes it or trains its next stage, and InputError, which ends a run, for a
    fault of the input or of the disk. Of several processes of one model, which all must call this, each raises any
    other error as well: what the others do meanwhile is unknown, so that none of them can go on.
    """
    context = context.of(plan)
    folder, of_first = context.folder.model(plan.cell.name), context.processes.of_first
    with context.claim(plan.cell.name):
        if of_first(lambda: folder.state(keys.model)) is ModelState.FINISHED:  # another process was faster
            return True
        of_first(lambda: begin(context, plan, keys))
        result = unfinished_result(context, plan, keys)
        try:
            made = make_model(context, plan, keys, result)
            of_first(lambda: write_result(folder.path, made))
        except TakenError:
            raise
        except Exception as error:
            if context.processes.is_first:
                record(context, result, error)
            if isinstance(error, InputError) or context.processes.size > 1:
                raise
            return False
    return True


def begin(context: RunContext, plan: CellPlan, keys: CellKeys) -> None:
    """Look whether the model can be made now, and write what it will be."""
    look_for_claims(context, plan, keys)
    folder = context.folder.model(plan.cell.name)
    folder.begin(keys.model)
    stages = stage_folders(context.folder, plan, keys)
    write_plan(folder, context.experiment, context.pools.labels, plan, stages)


def record(context: RunContext, result: RunResult, error: Exception) -> None:
    """Write the error of a model that failed, and print where it came from; raises InputError if it is the disk's."""
    if (fault := disk_fault(error, context.folder.path)) is not None:
        raise InputError(fault) from error
    why = str(error) if isinstance(error, ProcessLostError) else f"{type(error).__name__}: {error}"
    write_result(context.folder.model(result.name).path, replace(result, error=why))
    if not isinstance(error, InputError):
        trace = why if isinstance(error, ProcessLostError) else "".join(traceback.format_exception(error))
        context.progress.console.print(f"{result.name} failed:\n{trace}", markup=False)


def look_for_claims(context: RunContext, plan: CellPlan, keys: CellKeys) -> None:
    """Raise TakenError, before a model is loaded, if another process trains the first stage that is not finished."""
    unfinished = (stage for stage in stage_folders(context.folder, plan, keys) if not stage.is_finished)
    stage = next(unfinished, None)
    if stage is not None and not context.claims.is_free(stage.path.name):
        raise TakenError(stage.path.name)


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
            **chosen_on(stage),
        }
        for stage, stored in zip(plan.stages, stages, strict=True)
    ]
    own_words = reads_its_own_words(plan, experiment)
    head = {
        "cell": plan.cell.name,
        "seed": plan.cell.seed,
        "preface": plan.preface,
        "through": "words" if own_words else "nothing",
        "transcribed_by": None if own_words else plan.asking.transcribed_by,
        "asked": plan.asking.asked.value,
    }
    write_json(folder.plan, head | {"stages": rows})


def reads_its_own_words(plan: CellPlan, experiment: Experiment) -> bool:
    """Return whether the one model that the plan makes can write down the words of a recording and answer from them.

    A cascade can if it reads the untuned model's own words: with LoRA off its model is the untuned one.
    """
    asking, has_lora = plan.asking, experiment.training.lora is not None
    is_own_cascade = asking.transcribed_by == SELF and asking.normalize_transcripts and has_lora
    return plan.through == "words" or is_own_cascade


def chosen_on(stage: Stage) -> dict[str, Any]:
    """Return on what the epoch of a stage will be chosen, as a part of its plan; empty if it is not chosen."""
    if stage.dev is None:
        return {}
    dev = stage.dev
    return {"dev": {"recordings": len(dev.examples), "beams": dev.decoding.beams, "patience": dev.patience}}


def unfinished_result(context: RunContext, plan: CellPlan, keys: CellKeys) -> RunResult:
    """Return the result of a model before it is made, with its settings and without scores."""
    experiment, pools, cell = context.experiment.of(plan.cell), context.pools, plan.cell
    return RunResult(
        experiment=experiment.name,
        question=experiment.question,
        name=cell.name,
        scheme=cell.scheme.label,
        scheme_type=cell.scheme.type,
        scheme_role=cell.scheme.role,
        budget=None if cell.budget is None else str(cell.budget),
        seed=cell.seed,
        selection_seed=cell.selection_seed,
        status="failed",
        error=None,
        main_metric=experiment.task.main_metric(pools.labels),
        scores={},
        answers={},
        text_utterances=len(pools.text) if cell.scheme.uses_text else 0,
        speech_utterances=len(plan.speech),
        speech_recordings=sum(len(utterance.recordings) for utterance in plan.speech),
        speech_hours=round(sum(utterance.seconds for utterance in plan.speech) / 3600, 4),
        pool_utterances=len(pools.speech),
        test=_test_sizes(pools),
        listening=None,
        seconds={},
        settings=experiment.model_dump(mode="json"),
        made_with=made_with() | {"fingerprint": keys.model},
        definitions={name: metric.definition for name, metric in experiment.task.metrics(pools.labels).items()},
        free_hours=round(free_seconds(plan) / 3600, 4),
        languages=pools.languages,
        architecture=cell.architecture,
    )


def _test_sizes(pools: Pools) -> dict[str, int]:
    sizes = {"recordings": len(pools.test), "sentences": len({example.utterance.id for example in pools.test})}
    return sizes | ({SHARED: pools.shared_sentences} if pools.shared_sentences else {})


def free_seconds(plan: CellPlan) -> float:
    """Return the total length, in seconds, of the training recordings that no budget counts."""
    used = {example.recording for stage in plan.stages for example in stage.most_examples if example.recording}
    budgeted: set[Recording] = {recording for utterance in plan.speech for recording in utterance.recordings}
    return sum(recording.seconds for recording in used - budgeted)
