"""Train, decode, check and score one model of a grid; work that is finished already is loaded.

plan + keys -> [transcripts of the test] -> stages -> [prompt] -> predictions -> listening check -> scores -> RunResult

Several processes make a model together: all of them call `make_model`, and the first of them writes the files.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table

from eartune.claims import Claims
from eartune.data.example import Example, Modality, as_speech
from eartune.data.normalization import normalize_spoken_text
from eartune.data.recording_index import RecordingIndex
from eartune.evaluation.metrics import Score, evaluate
from eartune.experiments.dev_choice import (
    choices,
    epoch_choice,
    note_of,
    seconds_of_choices,
    with_chosen_prompt,
)
from eartune.experiments.experiment import Experiment
from eartune.experiments.keys import CellKeys
from eartune.experiments.plan import TOKENS_OF_AN_ANSWER, TOKENS_TO_LOAD, CellPlan, Pools, work_of
from eartune.experiments.process_memory import give_memory_back, peak_memory_gb
from eartune.experiments.progress import Shows
from eartune.files import write_json
from eartune.processes import ONE, Processes
from eartune.report.result import ListeningRecord, RunResult
from eartune.run_folder import RunFolder, StageFolder
from eartune.settings import Component, Decoding
from eartune.tasks.prediction import Prediction, answered
from eartune.training.scheme import SELF
from eartune.training.stage import Stage
from eartune.training.tracking import Tracking

if TYPE_CHECKING:
    from eartune.models.audio_llm import AudioLLM
    from eartune.models.batch import Row
    from eartune.models.rows import Augmented, RowMaker
    from eartune.training.encoder_cache import Clips, EncoderCache


@dataclass(frozen=True)
class RunContext:
    """The experiment, data, folders and progress that all models of a run share."""

    experiment: Experiment
    pools: Pools
    folder: RunFolder
    index: RecordingIndex
    name_of: Callable[[Path], str]
    """Returns the name of a recording in predictions."""
    claims: Claims
    """What this process works on, so that no other one does."""
    progress: Shows
    tracking: Tracking | None = None
    """The tracker that gets the losses of every stage; None sends them nowhere."""
    processes: Processes = ONE
    """The processes that make each model together, as this one knows them; their progress but the first's is silent."""

    def of(self, plan: CellPlan) -> "RunContext":
        """Return the context with the experiment as the architecture of one model has it."""
        return replace(self, experiment=self.experiment.of(plan.cell))

    def encoder_cache(self) -> "EncoderCache":
        """Return the run's cache of encoder states."""
        from eartune.training.encoder_cache import EncoderCache

        most_gb, cut_silence = self.experiment.training.encoded_gb, self.experiment.architecture.cut_silence
        say = self.progress.console.print
        return EncoderCache(self.folder.encoded, most_gb, cut_silence, self.index, self.claims, say, self.processes)

    def rows(
        self,
        model: "AudioLLM",
        preface: str = "",
        encoded: "Clips | None" = None,
        augment: "Augmented | None" = None,
    ) -> "RowMaker":
        """Return the object that makes this experiment's rows for a model; `encoded` reads clips from the cache."""
        from eartune.models.rows import RowMaker

        task, architecture = self.experiment.task, self.experiment.architecture
        return RowMaker(model, task, self.pools.labels, architecture, preface, encoded, augment)

    @contextmanager
    def claim(self, name: str) -> Iterator[None]:
        """Claim work while the block runs; the first process does for all. All raise TakenError if another has it."""
        with ExitStack() as held:
            self.processes.of_first(lambda: held.enter_context(self.claims.hold(name)))
            yield

    def watch(self, what: str, units: float = 0) -> Callable[..., None]:
        """Return a progress callback (done, total, loss, done in earlier sessions) for work of `units`."""

        def show(done: int, total: int, loss: float | None = None, earlier: int = 0) -> None:
            self.claims.check()
            note = f" {done}/{total}" + ("" if loss is None else f", loss {loss:.2f}")
            self.progress.within(what + note, units, done / total, earlier / total)

        return show


def make_model(context: RunContext, plan: CellPlan, keys: CellKeys, result: RunResult) -> RunResult:
    """Train the stages, decode the test, score it, check that the model listens, and return the finished result.

    Of several processes, which all must call this, the first returns the result that is to be written: the others know
    its scores, and not its times and its memory.
    """
    name = plan.cell.name
    folder = context.folder.model(name)
    test = examples_to_decode(context, plan, keys)
    plan = with_transcripts_to_label(context, plan, keys)
    plan = with_transcripts_of_dev(context, plan, keys)
    model = train_model(context, plan, keys, len(plan.stages))
    plan = with_chosen_prompt(context, plan, model)
    encoded = context.encoder_cache().test_clips(model, test, context.watch(f"{name}: encoding the test"))
    rows = context.rows(model, plan.preface, encoded)
    predictions = decode_test(context, plan, model, test, rows)
    stages = stage_folders(context.folder, plan, keys)
    chosen = choices(plan, stages, folder)
    seconds = {"train": sum(stage.seconds for stage in stages), "decode": folder.decode_seconds}
    if chosen:
        seconds["dev"] = seconds_of_choices(stages, folder)
    scores = score(context, predictions)
    in_json = {metric: value.to_json() for metric, value in scores.items()}
    context.processes.of_first(lambda: write_json(folder.scores, in_json))
    return replace(
        result,
        status="finished",
        scores=scores,
        answers=dict(Counter(prediction.status.value for prediction in predictions)),
        listening=context.processes.of_first(lambda: check_listening(context, plan, model, rows, result.main_metric)),
        seconds={work: round(value, 1) for work, value in seconds.items()},
        made_with=result.made_with
        | {"peak_memory_gb": round(peak_memory_gb(), 2)}
        | ({"processes": context.processes.size} if context.processes.size > 1 else {}),
        dev=chosen,
    )


def examples_to_decode(context: RunContext, plan: CellPlan, keys: CellKeys) -> tuple[Example, ...]:
    """Return the examples of the test, with transcripts if the model reads these instead of the recordings."""
    asking, test = plan.asking, context.pools.test
    if asking.transcribed_by is None:
        return tuple(replace(example, asked=asking.asked) for example in test)
    transcription = Transcription(
        keys.transcripts, asking.transcribed_by, plan.transcribes_after, asking.normalize_transcripts
    )
    return with_transcripts(context, plan, keys, test, transcription)


def with_transcripts_to_label(context: RunContext, plan: CellPlan, keys: CellKeys) -> CellPlan:
    """Return the plan with transcripts by the untuned model of the recordings that an unfinished stage is to label.

    All unlabelled recordings are transcribed at once, for all models of the grid.
    """
    folders = stage_folders(context.folder, plan, keys)
    finished = are_finished(context, folders)
    if not any(stage.to_label and not done for stage, done in zip(plan.stages, finished, strict=True)):
        return plan
    everything = as_speech(context.pools.unlabelled)
    transcription = Transcription(keys.unlabelled_transcripts, SELF, plan.n_alignment_stages, normalize=True)
    heard = with_transcripts(context, plan, keys, everything, transcription)
    words = {example.recording: example.transcript for example in heard}
    return replace(
        plan,
        stages=tuple(
            replace(stage, to_label=tuple(replace(e, transcript=words[e.recording]) for e in stage.to_label))
            for stage in plan.stages
        ),
    )


def with_transcripts_of_dev(context: RunContext, plan: CellPlan, keys: CellKeys) -> CellPlan:
    """Return the plan with transcripts of the dev set, if its answers are to be read from these in a stage to come."""
    by, folders = plan.asking.transcribed_by, stage_folders(context.folder, plan, keys)
    finished = are_finished(context, folders)
    if by is None or not any(stage.dev and not done for stage, done in zip(plan.stages, finished, strict=True)):
        return plan
    transcription = Transcription(keys.dev_transcripts, by, plan.transcribes_after, plan.asking.normalize_transcripts)
    read = with_transcripts(context, plan, keys, context.pools.dev, transcription)
    stages = [replace(stage, dev=replace(stage.dev, examples=read)) if stage.dev else stage for stage in plan.stages]
    return replace(plan, stages=tuple(stages))


class Transcription(NamedTuple):
    """How recordings are transcribed; models with the same key share the transcripts."""

    key: str
    by: str
    """The recogniser: a name on the hub, a folder, or SELF."""
    after: int
    """The number of stages after which the model transcribes: it may forget to when it is tuned for the task."""
    normalize: bool
    """Whether the transcripts are read in lower case and without punctuation."""


def with_transcripts(
    context: RunContext, plan: CellPlan, keys: CellKeys, examples: Sequence[Example], transcription: Transcription
) -> tuple[Example, ...]:
    """Return recordings with their transcripts, which are kept in the run's folder."""
    from eartune.inference.asr import load_recogniser, model_as_recogniser, transcribe

    name = plan.cell.name

    def recogniser() -> Callable[[Sequence[Example]], Sequence[str]]:
        if transcription.by != SELF:
            return load_recogniser(transcription.by, context.experiment.architecture.cut_silence)
        model = train_model(context, plan, keys, transcription.after)
        encoded = context.encoder_cache().test_clips(model, examples, context.watch(f"{name}: encoding recordings"))
        return model_as_recogniser(context.rows(model, encoded=encoded))

    path = context.folder.transcripts(transcription.key, transcription.by)
    show = context.watch(f"{name}: transcribing recordings")
    is_there = context.processes.of_first(path.is_file)
    with nullcontext() if is_there else context.claim(f"{transcription.key}-{path.stem}"):
        texts = transcribe(examples, recogniser, path, context.name_of, show, context.processes)
    read = normalize_spoken_text if transcription.normalize else str
    return tuple(replace(example, transcript=read(text)) for example, text in zip(examples, texts, strict=True))


def train_model(context: RunContext, plan: CellPlan, keys: CellKeys, n_stages: int) -> "AudioLLM":
    """Return the model after the first `n_stages` stages of the plan; finished stages are loaded, others are trained.

    Of several finished stages in a row only the last is loaded, as its file holds the weights of those before it. A
    model that answers through words keeps the weights with which it transcribes.
    """
    from eartune.models.registry import load
    from eartune.training.trainer import load_weights

    experiment = context.experiment
    give_memory_back()  # of the model before this one
    model = load(experiment.architecture)
    if plan.stages and experiment.training.lora is not None:
        model.lora.add(experiment.training.lora, plan.cell.seed)
    folders = stage_folders(context.folder, plan, keys)[:n_stages]
    for place, (stage, folder) in enumerate(zip(plan.stages, folders, strict=False)):
        if plan.through == "words" and place == plan.transcribes_after:
            tuned = {component for later in plan.stages[place:] for component in later.trainable}
            model.untuned.keep(model.components.names_to_train(tuned))
        was_finished, *is_followed = are_finished(context, folders[place : place + 2])
        if not was_finished:
            with context.claim(folder.path.name):
                (was_finished,) = are_finished(context, [folder])  # another process may have trained it a moment ago
                was_finished = was_finished or is_copied(context, plan, stage, folder)
                if not was_finished:
                    train_one_stage(context, plan, keys, place, model, folder)
        if was_finished and (place + 1 in (plan.transcribes_after, n_stages) or not all(is_followed)):
            load_weights(model, folder.weights)
        context.progress.done(train_units(stage), was_finished, f"{plan.cell.name} {folder.path.name}")
    return model


def are_finished(context: RunContext, folders: Sequence[StageFolder]) -> list[bool]:
    """Return which stages are finished, as the first process sees it: others may see a shared folder a moment later."""
    return context.processes.of_first(lambda: [folder.is_finished for folder in folders])


def is_copied(context: RunContext, plan: CellPlan, stage: Stage, folder: StageFolder) -> bool:
    """Copy a stage from another run that has trained the same one; return whether there is one."""
    other = context.processes.of_first(lambda: context.folder.stage_of_other_run(folder))
    if other is None:
        return False
    context.processes.of_first(lambda: folder.copy(other))
    whose = f"that of {other.path.parents[1].name}, whose settings and data for it are the same"
    context.progress.console.print(f"{plan.cell.name}: the {stage.name} stage is {whose}", soft_wrap=True)
    return True


def train_one_stage(
    context: RunContext, plan: CellPlan, keys: CellKeys, place: int, model: "AudioLLM", folder: StageFolder
) -> None:
    """Train the stage at a place of the plan, from its last checkpoint if there is one; write its weights and note."""
    from eartune.models.rows import Augmented
    from eartune.training.callbacks import TrainingLog
    from eartune.training.trainer import load_weights, save_weights, train_stage

    stage = plan.stages[place]
    context.processes.of_first(folder.begin)
    title = f"{plan.cell.name}, {stage.name} stage"
    model.components.set_trainable(stage.trainable)
    context.progress.console.print(table_of_trained_parts(title, model.components.counts()))
    encoded = context.encoder_cache().stage_clips(model, stage, context.watch(f"{title}: encoding recordings"))
    augment = None if stage.augment is None else Augmented(stage.augment, plan.cell.seed)
    rows = context.rows(model, encoded=encoded, augment=augment)
    if stage.to_label:
        stage = with_own_labels(context, model, stage, rows, folder, title)
    make_row: Callable[[Example], Row] = rows.to_learn
    if stage.teacher_weight:
        stage, make_row = taught(context, model, stage, rows, folder, title)
    asked = context.rows(model, plan.preface, encoded)
    processes, settings = context.processes, context.experiment.training
    log = TrainingLog(folder.log, context.watch(title, train_units(stage)), processes=processes)
    choice = epoch_choice(context, stage, asked, folder, log, title)
    callbacks = [choice] if choice else []
    tracked = context.tracking.stage(plan.cell.name, stage.name) if context.tracking and processes.is_first else None
    with nullcontext() if tracked is None else tracked.opened():
        seconds = train_stage(
            model, stage, make_row, settings, plan.cell.seed, folder.path, log, callbacks, tracked, processes
        )
    if choice and choice.best:
        load_weights(model, folder.best_weights)
    processes.of_first(lambda: save_weights(model, folder.weights))
    trained = {str(part): {"parameters": a, "trained": b} for part, (a, b) in model.components.counts().items()}
    processes.of_first(
        lambda: folder.finish(seconds, trained, choice.stopped if choice else None, note_of(choice, folder))
    )


def taught(
    context: RunContext, model: "AudioLLM", stage: Stage, rows: "RowMaker", folder: StageFolder, title: str
) -> tuple[Stage, Callable[[Example], "Row"]]:
    """Let the model, as it is before the stage, teach it: return the stage with its answers, and what makes rows."""
    from eartune.inference.teacher import taught_rows, with_answers, write_teaching

    show = context.watch(f"{title}: the teacher answers")
    examples = with_answers(model, stage.examples, rows, folder.teacher_answers, show, context.processes)
    reading = context.watch(f"{title}: the teacher reads")
    write_teaching(model, examples, rows, folder.teaching, reading, context.processes)
    return replace(stage, examples=examples), taught_rows(rows, folder.teaching)


def with_own_labels(
    context: RunContext, model: "AudioLLM", stage: Stage, rows: "RowMaker", folder: StageFolder, title: str
) -> Stage:
    """Let the model, as it is before the stage, label recordings; return the stage with those that it labelled."""
    from eartune.inference.self_labelling import label, write_summary

    show = context.watch(f"{title}: labelling recordings")
    kept = label(model, stage.to_label, rows, folder, context.name_of, show, context.processes)
    task, pools = context.experiment.task, context.pools
    found = context.processes.of_first(lambda: write_summary(folder, pools.unlabelled, task, pools.labels))
    context.progress.console.print(f"{title}: {found}")
    return replace(stage, examples=stage.examples + kept, to_label=())


def stage_folders(folder: RunFolder, plan: CellPlan, keys: CellKeys) -> tuple[StageFolder, ...]:
    """Return the folder of each stage; cells with the same stages up to one share its folder."""
    return tuple(folder.stage(stage.name, key) for stage, key in zip(plan.stages, keys.stages, strict=True))


def decoding_of(context: RunContext, plan: CellPlan) -> Decoding:
    """Return the experiment's settings of decoding, of which `through` concerns only some of its models."""
    return context.experiment.decoding.model_copy(update={"through": plan.through})


def decode_test(
    context: RunContext, plan: CellPlan, model: "AudioLLM", test: Sequence[Example], rows: "RowMaker"
) -> tuple[Prediction, ...]:
    """Decode the test, resuming if it was interrupted; return the predictions. The time it takes is saved as well."""
    from eartune.inference.decode import decode

    name = plan.cell.name
    units, folder = decode_units(context.pools), context.folder.model(name)
    show = context.watch(f"{name}: decoding the test", units)
    earlier, started = folder.decode_seconds, time.monotonic()

    def note(done: int, total: int) -> None:
        write_json(folder.decoding, {"seconds": earlier + time.monotonic() - started})
        show(done, total)

    decoding, names = decoding_of(context, plan), context.name_of
    predictions = decode(model, test, rows, decoding, folder.predictions, names, note, context.processes)
    context.progress.done(units)
    return predictions


def score(context: RunContext, predictions: Sequence[Prediction]) -> dict[str, Score]:
    """Return all metrics of the task: an answer that cannot be parsed is wrong, and sentences are the clusters."""
    task, pools = context.experiment.task, context.pools
    return evaluate(answered(task, pools.test, predictions), task.metrics(pools.labels))


def check_listening(
    context: RunContext, plan: CellPlan, model: "AudioLLM", rows: "RowMaker", metric: str
) -> ListeningRecord | None:
    """Run the listening check; return its record, or None for a cascade, whose model does not hear.

    The check asks for the task's answer alone, whatever the test asks for, as its recordings may have no known words.
    """
    from eartune.inference.listening_check import ONE_MEANING, check_listening

    if plan.asking.transcribed_by is not None and plan.through == "nothing":
        return None
    found = check_listening(model, context.pools.test, rows, metric, decoding_of(context, plan))
    if found is None:
        return ListeningRecord(reason=ONE_MEANING)
    if not found.listens:
        context.progress.console.print(f"{plan.cell.name}: {found.sentence}", style="bold red")
    return ListeningRecord(listens=found.listens, swapped=found.swapped, silence=found.silence, sentence=found.sentence)


def table_of_trained_parts(title: str, counts: dict[Component, tuple[int, int]]) -> Table:
    """Return a table of each component's parameters and how many of them the stage trains, in millions."""
    table = Table("component", "parameters", "trained", title=title, title_justify="left", box=None, pad_edge=False)
    for component, (total, trained) in counts.items():
        table.add_row(component, f"{total / 1e6:.1f} M", f"{trained / 1e6:.1f} M" if trained else "frozen")
    return table


def cell_units(plan: CellPlan, pools: Pools) -> float:
    """Return the estimated work for a cell, in tokens of training."""
    return sum(map(train_units, plan.stages)) + decode_units(pools)


def train_units(stage: Stage) -> float:
    """Return the estimated work for a stage in tokens."""
    spoken = [example.recording for example in stage.most_examples if example.modality is Modality.SPEECH]
    seconds = sum(recording.seconds for recording in spoken if recording is not None)
    answers = 0 if stage.dev is None else stage.times_dev_is_answered * len(stage.dev.examples)
    return work_of(stage.epochs, len(stage.most_examples), seconds) + TOKENS_OF_AN_ANSWER * answers


def decode_units(pools: Pools) -> float:
    """Return the estimated work for the test in tokens, with loading and the listening check."""
    return TOKENS_TO_LOAD + TOKENS_OF_AN_ANSWER * len(pools.test)
