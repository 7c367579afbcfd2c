"""Run an experiment: every cell that is not finished is trained, decoded, scored and written down; then the report.

experiment -> pools -> cells -> [stages -> predictions -> canary -> scores -> result.json] -> report
"""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from eartune.data.audio import read_audio
from eartune.data.corpora import Source
from eartune.data.example import Example, Modality
from eartune.data.normalization import as_heard
from eartune.data.utterance import write_manifest
from eartune.evaluation.metrics import Answered, Score, evaluate
from eartune.experiments.experiment import Experiment
from eartune.experiments.plan import ALIGN, CellPlan, Pools, plan_cells, read_pools
from eartune.experiments.process_memory import give_memory_back, peak_memory_gb
from eartune.experiments.progress import RunProgress
from eartune.experiments.provenance import made_with
from eartune.experiments.run_folder import (
    StageFolder,
    alone_in,
    base_fingerprint,
    cell_fingerprint,
    stage_folders,
    transcript_key,
    write_plan,
)
from eartune.files import read_json, write_json
from eartune.report import CELLS, RunResult, write_report, write_result
from eartune.report.differences import PREDICTIONS, REFERENCES
from eartune.settings import Component
from eartune.tasks.prediction import Prediction
from eartune.tasks.task import Labels, Task
from eartune.training.schemes import Cascade

if TYPE_CHECKING:
    from eartune.models.audio_llm import AudioLLM
    from eartune.training.encoder_cache import EncodedClips


def run(experiment: Experiment, data: Path, runs: Path, console: Console) -> Path:
    """Run what is not finished and return the folder of the run; safe to interrupt, and to call again."""
    root = runs / experiment.name
    pools = spoken_pools(experiment, data, runs, console)
    plans = plan_cells(experiment, pools)
    base = base_fingerprint(experiment.architecture)
    check_recordings(plans, pools)
    with alone_in(root):
        run_cells(experiment, plans, pools, root, base, console)
        write_report(root, experiment.task)
    return root


def run_cells(
    experiment: Experiment, plans: Sequence[CellPlan], pools: Pools, root: Path, base: str, console: Console
) -> None:
    """Every cell that is not finished, one after the other."""
    keyed = [(plan, cell_fingerprint(experiment, plan, pools, base)) for plan in plans]
    open_plans = [(plan, key) for plan, key in keyed if not is_finished(root / plan.cell.name, key)]
    console.print(f"{experiment.name}: {len(plans)} models, {len(plans) - len(open_plans)} of them finished")
    write_references(root, pools)
    write_json(root / CELLS, {"cells": [plan.cell.name for plan in plans]})
    with RunProgress(console, sum(cell_units(plan, pools) for plan, _ in open_plans)) as progress:
        for plan, key in open_plans:
            run_cell(experiment, plan, key, pools, root, base, progress)


def spoken_pools(experiment: Experiment, data: Path, runs: Path, console: Console) -> Pools:
    """The pools, with everything spoken that voices are to speak."""
    with RunProgress(console, 1) as progress:
        source = Source(data, runs / "speech", progress=lambda done, of: progress.within("speaking", 1, done / of))
        return read_pools(experiment, source)


def write_references(root: Path, pools: Pools) -> None:
    """The test as a manifest beside the cells' predictions, for the report and for `score` and `compare`."""
    tested = {example.utterance.id: example.utterance for example in pools.test}
    write_manifest(root / REFERENCES, tested.values())


def check_recordings(plans: Sequence[CellPlan], pools: Pools) -> None:
    """Read every recording that will be heard, before any work: a bad one should not end a run after hours."""
    budgeted = chain.from_iterable(plan.speech for plan in plans)
    heard = [*budgeted, *pools.source_speech, *pools.synthetic_speech, *pools.alignment]
    spoken = {recording.path: None for utterance in heard for recording in utterance.recordings}
    for path in spoken | {example.recording.path: None for example in pools.test if example.recording is not None}:
        read_audio(path)


def run_cell(
    experiment: Experiment, plan: CellPlan, key: str, pools: Pools, root: Path, base: str, progress: RunProgress
) -> None:
    """One model, from its stages to its result; what goes wrong is written down as such and raised."""
    folder = root / plan.cell.name
    stages = stage_folders(experiment, plan, root, base)
    clear_outdated(folder, key)
    write_plan(folder, experiment, plan, pools.labels, stages)
    result = unfinished_result(experiment, plan, pools, key)
    try:
        write_result(folder, make_model(experiment, plan, pools, folder, stages, result, progress))
    except Exception as error:
        write_result(folder, replace(result, error=f"{type(error).__name__}: {error}"))
        raise
    give_memory_back()


def make_model(
    experiment: Experiment,
    plan: CellPlan,
    pools: Pools,
    folder: Path,
    stages: tuple[StageFolder, ...],
    result: RunResult,
    progress: RunProgress,
) -> RunResult:
    """Train the stages, decode the test, ask whether it listens, score; the finished result."""
    from eartune.inference.decode import decode
    from eartune.inference.listening_check import listen
    from eartune.models.rows import RowMaker

    base = base_fingerprint(experiment.architecture)
    encoded = encoded_clips(experiment, folder.parent, progress)
    test = heard_by_asr(experiment, plan, pools, folder.parent, base, stages, encoded, progress)
    model = trained_model(experiment, plan, pools, stages, encoded, progress)
    started = time.monotonic()
    clips = encoded.of_test(model, test, watch(progress, f"{plan.cell.name}: encodes the test", 0))
    rows = RowMaker(model, experiment.task, pools.labels, experiment.architecture, plan.preface, clips)
    show = watch(progress, f"{plan.cell.name}: answers", decode_units(pools))
    predictions = decode(model, test, rows, experiment.decoding, folder / PREDICTIONS, show)
    progress.done(decode_units(pools))
    seconds = {"train": sum(stage.seconds() for stage in stages), "decode": time.monotonic() - started}
    scores = score(experiment.task, pools.labels, pools.test, predictions)
    write_json(folder / "scores.json", {name: value.to_json() for name, value in scores.items()})
    listening = None
    if test is pools.test:  # a transcript is not listened to
        listening = listen(model, test, rows, result.main_metric, experiment.decoding)
        if not listening.listens:
            progress.console.print(f"[bold red]{plan.cell.name}: {listening.sentence}[/]")
    return replace(
        result,
        status="finished",
        scores=scores,
        answers=dict(Counter(prediction.status.value for prediction in predictions)),
        listening=listening and listening.to_json(),  # type: ignore[arg-type]
        seconds={name: round(value, 1) for name, value in seconds.items()},
        made_with=result.made_with | {"peak_memory_gb": round(peak_memory_gb(), 2)},
    )


def heard_by_asr(
    experiment: Experiment,
    plan: CellPlan,
    pools: Pools,
    root: Path,
    base: str,
    stages: tuple[StageFolder, ...],
    encoded: "EncodedClips",
    progress: RunProgress,
) -> tuple[Example, ...]:
    """The test with transcripts, for a cascade; as it is for all others."""
    scheme = plan.cell.scheme
    if not isinstance(scheme, Cascade):
        return pools.test
    from eartune.inference.asr import transcribed
    from eartune.models.rows import RowMaker

    before = [stage for stage in plan.stages if stage.name == ALIGN]  # tuning for frames may unlearn transcription
    untuned = replace(plan, stages=tuple(before))
    model = trained_model(experiment, untuned, pools, stages[: len(before)], encoded, progress)
    rows = RowMaker(model, experiment.task, pools.labels, experiment.architecture)
    show = watch(progress, f"{plan.cell.name}: transcripts", 0)
    key = transcript_key(experiment, pools, base, scheme.asr, stages[: len(before)])
    heard = transcribed(pools.test, scheme.asr, rows, root / "transcripts" / key, show)
    written = as_heard if scheme.as_heard else str
    return tuple(replace(example, transcript=written(str(example.transcript))) for example in heard)


def encoded_clips(experiment: Experiment, root: Path, progress: RunProgress) -> "EncodedClips":
    """Where the run keeps what frozen encoders make of recordings."""
    from eartune.training.encoder_cache import EncodedClips

    most_gb, cut_silence = experiment.training.encoded_gb, experiment.architecture.cut_silence
    return EncodedClips(root / "encoded", most_gb, cut_silence, progress.console.print)


def trained_model(
    experiment: Experiment,
    plan: CellPlan,
    pools: Pools,
    stages: tuple[StageFolder, ...],
    encoded: "EncodedClips",
    progress: RunProgress,
) -> "AudioLLM":
    """The cell's model after its last stage; stages that are done, by this cell or another, are only loaded."""
    from eartune.models.registry import load
    from eartune.models.rows import RowMaker
    from eartune.training.callbacks import Journal
    from eartune.training.trainer import load_weights, save_weights, train_stage

    model = load(experiment.architecture)
    if plan.stages and experiment.training.lora is not None:
        model.parts.add_lora(experiment.training.lora, plan.cell.seed)
    done = [stage for stage in stages if stage.is_done]
    if done:
        load_weights(model, done[-1].weights)
    for stage, stored in zip(plan.stages, stages, strict=True):
        units = train_units(stage.examples, stage.epochs)
        if stored.is_done:
            progress.done(units, skipped=True)
            continue
        started = time.monotonic()
        show = watch(progress, f"{plan.cell.name}: {stage.name} stage", units)
        model.parts.set_trainable(stage.trainable)
        progress.console.print(trained_parts(f"{plan.cell.name}, {stage.name} stage", model.parts.counts()))
        clips = encoded.of_stage(model, stage, watch(progress, f"{plan.cell.name}: encodes the {stage.name} stage", 0))
        rows = RowMaker(model, experiment.task, pools.labels, experiment.architecture, encoded=clips)
        journal = Journal(stored.path / "train.jsonl", show)
        train_stage(model, stage, rows.to_learn, experiment.training, plan.cell.seed, stored.path, journal)
        save_weights(model, stored.weights)
        trains = {str(part): {"parameters": a, "trained": b} for part, (a, b) in model.parts.counts().items()}
        write_json(stored.path / "stage.json", {"seconds": time.monotonic() - started, "components": trains})
        for checkpoint in stored.path.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)  # several times the size of the weights, and of no use any more
        progress.done(units)
    return model


def trained_parts(title: str, counts: dict[Component, tuple[int, int]]) -> Table:
    """What a stage trains and what it leaves frozen, by component."""
    table = Table("component", "parameters", "trained", title=title, title_justify="left", box=None, pad_edge=False)
    for component, (total, trained) in counts.items():
        table.add_row(component, f"{total / 1e6:.1f} M", f"{trained / 1e6:.1f} M" if trained else "frozen")
    return table


def score(
    task: Task, labels: Labels, examples: tuple[Example, ...], predictions: tuple[Prediction, ...]
) -> dict[str, Score]:
    """All metrics, strict: an answer that does not parse counts as wrong. Sentences are the clusters."""
    answered = (
        Answered(task.reference(example.utterance), prediction.answer, example.utterance.id)
        for example, prediction in zip(examples, predictions, strict=True)
    )
    return evaluate(answered, task.metrics(labels))


def unfinished_result(experiment: Experiment, plan: CellPlan, pools: Pools, key: str) -> RunResult:
    """The result of a cell as long as it has none: what was asked, and no score."""
    cell = plan.cell
    return RunResult(
        experiment=experiment.name,
        question=experiment.question,
        name=cell.name,
        scheme=cell.scheme.label,
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
        made_with=made_with() | {"fingerprint": key},
        free_hours=round(free_seconds(plan) / 3600, 4),
        definitions={name: m.definition for name, m in experiment.task.metrics(pools.labels).items()},
    )


def free_seconds(plan: CellPlan) -> float:
    """How long all that is heard in training is, less the budget's speech."""
    heard = {example.recording for stage in plan.stages for example in stage.examples if example.recording}
    budgeted = {recording for utterance in plan.speech for recording in utterance.recordings}
    return sum(recording.seconds for recording in heard - budgeted)


def is_finished(folder: Path, expected: str) -> bool:
    """Whether the cell's result is there and is that of these settings, data and weights."""
    if not (folder / "result.json").exists():
        return False
    result = read_json(folder / "result.json")
    return bool(result["status"] == "finished" and result["made_with"].get("fingerprint") == expected)


def clear_outdated(folder: Path, expected: str) -> None:
    """Predictions of other settings under the same name are not taken up."""
    note = folder / "fingerprint.json"
    if note.exists() and read_json(note)["fingerprint"] != expected:
        for name in ("predictions.jsonl", "predictions.part.jsonl", "scores.json", "result.json"):
            (folder / name).unlink(missing_ok=True)
    write_json(note, {"fingerprint": expected})


def watch(progress: RunProgress, what: str, units: float) -> Callable[..., None]:
    """A callback for work that counts (done, in all, and for training the loss)."""

    def show(done: int, total: int, loss: float | None = None) -> None:
        note = f" {done}/{total}" + ("" if loss is None else f", loss {loss:.2f}")
        progress.within(what + note, units, done / total)

    return show


def cell_units(plan: CellPlan, pools: Pools) -> float:
    """The cell's work, about in tokens that pass forward and backward."""
    return sum(train_units(stage.examples, stage.epochs) for stage in plan.stages) + decode_units(pools)


def train_units(examples: tuple[Example, ...], epochs: int) -> float:
    """120 tokens a row and 25 a second of audio."""
    audio = sum(e.recording.seconds for e in examples if e.modality is Modality.SPEECH and e.recording is not None)
    return epochs * (120 * len(examples) + 25 * audio)


def decode_units(pools: Pools) -> float:
    """An answer takes about as long as training on 180 tokens; loading and the listening check as long as on 9,000."""
    return 9000 + 180 * len(pools.test)
