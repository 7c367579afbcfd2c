"""One model of a grid: trained, decoded, checked and scored; work that is there already is loaded.

plan + keys -> [transcripts of the test] -> stages -> predictions -> listening check -> scores -> RunResult
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from eartune.data.example import Example, Modality
from eartune.data.normalization import normalize_spoken_text
from eartune.data.recording_index import RecordingIndex
from eartune.evaluation.metrics import Answered, Score, evaluate
from eartune.experiments.experiment import Experiment
from eartune.experiments.keys import CellKeys
from eartune.experiments.plan import CellPlan, Pools
from eartune.experiments.process_memory import give_memory_back, peak_memory_gb
from eartune.experiments.progress import RunProgress
from eartune.files import write_json
from eartune.report.result import ListeningRecord, RunResult
from eartune.run_folder import RunFolder, StageFolder
from eartune.settings import Component
from eartune.tasks.prediction import Prediction
from eartune.training.schemes import SELF, Stage

if TYPE_CHECKING:
    from eartune.models.audio_llm import AudioLLM
    from eartune.models.rows import RowMaker
    from eartune.training.encoder_cache import Clips, EncoderCache


@dataclass(frozen=True)
class RunContext:
    """What the models of a run share."""

    experiment: Experiment
    pools: Pools
    folder: RunFolder
    index: RecordingIndex
    name_of: Callable[[Path], str]
    """What predictions call a recording."""
    progress: RunProgress
    counted: set[Path] = field(default_factory=set)
    """The pieces of work that the progress has counted."""

    def encoder_cache(self) -> "EncoderCache":
        """The run's cache of encoder states."""
        from eartune.training.encoder_cache import EncoderCache

        most_gb, cut_silence = self.experiment.training.encoded_gb, self.experiment.architecture.cut_silence
        return EncoderCache(self.folder.encoded, most_gb, cut_silence, self.index, self.progress.console.print)

    def rows(self, model: "AudioLLM", preface: str = "", encoded: "Clips | None" = None) -> "RowMaker":
        """The maker of this experiment's rows for a model."""
        from eartune.models.rows import RowMaker

        return RowMaker(model, self.experiment.task, self.pools.labels, self.experiment.architecture, preface, encoded)

    def count(self, piece: Path, units: float, skipped: bool) -> None:
        """Count a piece of work as done, once; `skipped` if it was there already."""
        if piece not in self.counted:
            self.counted.add(piece)
            self.progress.done(units, skipped)

    def watch(self, what: str, units: float = 0) -> Callable[..., None]:
        """A callback for a piece of work in parts: those done, all, the loss, and those done in earlier sessions."""

        def show(done: int, total: int, loss: float | None = None, earlier: int = 0) -> None:
            note = f" {done}/{total}" + ("" if loss is None else f", loss {loss:.2f}")
            self.progress.within(what + note, units, done / total, earlier / total)

        return show


def make_model(context: RunContext, plan: CellPlan, keys: CellKeys, result: RunResult) -> RunResult:
    """Train the stages, decode the test, check that the model listens, and score; return the finished result."""
    name = plan.cell.name
    folder = context.folder.model(name)
    test = examples_to_decode(context, plan, keys)
    model = train_model(context, plan, keys, len(plan.stages))
    encoded = context.encoder_cache().of_test(model, test, context.watch(f"{name}: encodes the test"))
    rows = context.rows(model, plan.preface, encoded)
    predictions = decode_test(context, model, test, rows, name)
    seconds = {
        "train": sum(folder.seconds for folder in stage_folders(context.folder, plan, keys)),
        "decode": folder.decode_seconds,
    }
    scores = score(context, predictions)
    write_json(folder.scores, {metric: value.to_json() for metric, value in scores.items()})
    return replace(
        result,
        status="finished",
        scores=scores,
        answers=dict(Counter(prediction.status.value for prediction in predictions)),
        listening=check_listening(context, plan, model, rows, result.main_metric),
        seconds={work: round(value, 1) for work, value in seconds.items()},
        made_with=result.made_with | {"peak_memory_gb": round(peak_memory_gb(), 2)},
    )


def examples_to_decode(context: RunContext, plan: CellPlan, keys: CellKeys) -> tuple[Example, ...]:
    """The test, with transcripts where the scheme has a recogniser listen for the model."""
    from eartune.inference.asr import load_recogniser, model_as_recogniser, transcribe

    asking, test = plan.asking, context.pools.test
    if asking.transcribed_by is None:
        return test

    def recogniser() -> Callable[[Sequence[Example]], Sequence[str]]:
        if asking.transcribed_by != SELF:
            return load_recogniser(str(asking.transcribed_by), context.experiment.architecture.cut_silence)
        # Without the scheme's own stages: tuning for frames may unlearn transcription.
        model = train_model(context, plan, keys, plan.n_alignment_stages)
        encoded = context.encoder_cache().of_test(model, test, context.watch(f"{plan.cell.name}: encodes the test"))
        return model_as_recogniser(context.rows(model, encoded=encoded))

    path = context.folder.transcripts(keys.transcripts, asking.transcribed_by)
    texts = transcribe(test, recogniser, path, context.name_of, context.watch(f"{plan.cell.name}: transcripts"))
    give_memory_back()  # of the recogniser, before another model is loaded
    read = normalize_spoken_text if asking.normalize_transcripts else str
    return tuple(replace(example, transcript=read(text)) for example, text in zip(test, texts, strict=True))


def train_model(context: RunContext, plan: CellPlan, keys: CellKeys, n_stages: int) -> "AudioLLM":
    """The model after the first `n_stages` stages of the plan; stages that are finished are loaded.

    Weights are taken from the last stage of the unbroken beginning of finished ones. A stage that is missing behind
    them is trained from these, and a finished stage behind that one is loaded in its turn.
    """
    from eartune.models.registry import load
    from eartune.training.trainer import load_weights

    experiment = context.experiment
    model = load(experiment.architecture)
    if plan.stages and experiment.training.lora is not None:
        model.lora.add(experiment.training.lora, plan.cell.seed)
    folders = stage_folders(context.folder, plan, keys)[:n_stages]
    for place, (stage, folder) in enumerate(zip(plan.stages, folders, strict=False)):
        was_finished = folder.is_finished
        if not was_finished:
            train_one_stage(context, plan, model, stage, folder)
        elif place + 1 == n_stages or not folders[place + 1].is_finished:
            load_weights(model, folder.weights)
        context.count(context.folder.model(plan.cell.name).path / folder.path.name, train_units(stage), was_finished)
    return model


def train_one_stage(context: RunContext, plan: CellPlan, model: "AudioLLM", stage: Stage, folder: StageFolder) -> None:
    """Train a stage from its last checkpoint, if there is one, and write its weights and its note."""
    from eartune.training.callbacks import TrainingLog
    from eartune.training.trainer import save_weights, train_stage

    title = f"{plan.cell.name}, {stage.name} stage"
    model.components.set_trainable(stage.trainable)
    context.progress.console.print(table_of_trained_parts(title, model.components.counts()))
    encoded = context.encoder_cache().of_stage(model, stage, context.watch(f"{title}: encodes recordings"))
    rows = context.rows(model, encoded=encoded)
    log = TrainingLog(folder.log, context.watch(title, train_units(stage)))
    seconds = train_stage(model, stage, rows.to_learn, context.experiment.training, plan.cell.seed, folder.path, log)
    save_weights(model, folder.weights)
    trained = {str(part): {"parameters": a, "trained": b} for part, (a, b) in model.components.counts().items()}
    folder.finish(seconds, trained)


def stage_folders(folder: RunFolder, plan: CellPlan, keys: CellKeys) -> tuple[StageFolder, ...]:
    """The folder of each stage; equal stages after equal stages share one, whatever cells they belong to."""
    return tuple(folder.stage(stage.name, key) for stage, key in zip(plan.stages, keys.stages, strict=True))


def decode_test(
    context: RunContext, model: "AudioLLM", test: Sequence[Example], rows: "RowMaker", name: str
) -> tuple[Prediction, ...]:
    """The model's answers to the test; how long they took is kept beside them, as a run may be cut."""
    from eartune.inference.decode import decode

    units, folder = decode_units(context.pools), context.folder.model(name)
    show = context.watch(f"{name}: answers", units)
    earlier, started = folder.decode_seconds, time.monotonic()

    def note(done: int, total: int) -> None:
        write_json(folder.decoding, {"seconds": earlier + time.monotonic() - started})
        show(done, total)

    decoding = context.experiment.decoding
    predictions = decode(model, test, rows, decoding, folder.predictions, context.name_of, note)
    context.progress.done(units)
    return predictions


def score(context: RunContext, predictions: Sequence[Prediction]) -> dict[str, Score]:
    """All metrics of the task, strict: an answer that does not parse counts as wrong. Sentences are the clusters."""
    task, pools = context.experiment.task, context.pools
    answered = [
        Answered(task.reference(example.utterance), prediction.answer, example.utterance.id)
        for example, prediction in zip(pools.test, predictions, strict=True)
    ]
    return evaluate(answered, task.metrics(pools.labels))


def check_listening(
    context: RunContext, plan: CellPlan, model: "AudioLLM", rows: "RowMaker", metric: str
) -> ListeningRecord | None:
    """The finding of the listening check as a result keeps it; None for a model that reads transcripts."""
    from eartune.inference.listening_check import ONE_MEANING, check_listening

    if plan.asking.transcribed_by is not None:
        return None
    pools, decoding = context.pools, context.experiment.decoding
    found = check_listening(model, pools.test, rows, metric, decoding)
    if found is None:
        return ListeningRecord(reason=ONE_MEANING)
    if not found.listens:
        context.progress.console.print(f"[bold red]{plan.cell.name}: {found.sentence}[/]")
    return ListeningRecord(listens=found.listens, swapped=found.swapped, silence=found.silence, sentence=found.sentence)


def table_of_trained_parts(title: str, counts: dict[Component, tuple[int, int]]) -> Table:
    """What a stage trains and what it leaves frozen, by component."""
    table = Table("component", "parameters", "trained", title=title, title_justify="left", box=None, pad_edge=False)
    for component, (total, trained) in counts.items():
        table.add_row(component, f"{total / 1e6:.1f} M", f"{trained / 1e6:.1f} M" if trained else "frozen")
    return table


def cell_units(plan: CellPlan, pools: Pools) -> float:
    """The cell's work, in about the tokens that pass forward and backward."""
    return sum(map(train_units, plan.stages)) + decode_units(pools)


def train_units(stage: Stage) -> float:
    """The stage's work: 120 tokens for each row, and 25 for each second of audio, in every epoch."""
    spoken = [example.recording for example in stage.examples if example.modality is Modality.SPEECH]
    seconds = sum(recording.seconds for recording in spoken if recording is not None)
    return stage.epochs * (120 * len(stage.examples) + 25 * seconds)


def decode_units(pools: Pools) -> float:
    """An answer takes about as long as training on 180 tokens; loading and the listening check as long as on 9,000."""
    return 9000 + 180 * len(pools.test)
