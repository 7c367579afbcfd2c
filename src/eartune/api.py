"""The functions for Python code: load a model, run an experiment, evaluate answers and compare two systems."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError
from rich.console import Console

from eartune.data.example import Asked
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Utterance, read_manifest
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, Difference, Metrics, Score
from eartune.evaluation.metrics import compare as compare_answered
from eartune.evaluation.metrics import evaluate as evaluate_answered
from eartune.experiments.experiment import Experiment, read_experiment
from eartune.experiments.resources import Resources
from eartune.experiments.runner import RunOutcome
from eartune.experiments.runner import run as run_experiment
from eartune.files import read_json
from eartune.models.architecture import POCKET, Architecture
from eartune.settings import Decoding, Through, explain
from eartune.tasks.prediction import Prediction, read_predictions
from eartune.tasks.settings import DEFAULT_TASK, read_task
from eartune.tasks.task import Answer, Task
from eartune.training.scheme import Scheme

if TYPE_CHECKING:
    from eartune.inference.trained_model import TrainedModel

References = str | Path | Sequence[Utterance | SemanticFrame | str]
"""The path of a manifest, utterances with their right answers, or the right answers themselves: frames or labels."""
Answers = str | Path | Sequence[Prediction] | Sequence[Answer | None]
"""The path of a predictions file, predictions, or answers, where None is a missing answer."""


def load(
    model: str | Path,
    *,
    task: Task | None = None,
    utterances: Sequence[Utterance] = (),
    through: Through | None = None,
) -> "TrainedModel":
    """Load a model, which can then decode any number of recordings.

    model: the folder of a finished model of a run, such as runs/orders/curriculum-20pct-seed0; a folder that
        `eartune export` wrote, or a repository of the hub with such files; or any untuned checkpoint of a supported
        family, as a folder or by its name on the hub, or "pocket".
    task: the task of the run, if it was given from Python; for an untuned checkpoint, its task (default: SLU).
    utterances: for an untuned checkpoint, labelled utterances, from which the task collects its labels.
    through: "words" to let it write down the words of a recording and answer from these alone, "nothing" to let it
        answer in one pass; by default as in its run, or in one pass. A model with LoRA transcribes with its weights
        from before tuning, any other with those that it has.

    Returns a `TrainedModel` in evaluation mode, on the GPU if there is one. Raises InputError for a folder that holds
    no model, for a name that is neither a folder nor on the hub, for a family that is not supported, and for an
    exported model that is to answer through words but has its LoRA merged.

    >>> model = eartune.load("runs/orders/curriculum-20pct-seed0")
    >>> frame = model.predict("order.wav")
    """
    from eartune.experiments.finished_model import load_finished_model
    from eartune.inference.trained_model import TrainedModel
    from eartune.models.checkpoint_check import check_format
    from eartune.models.registry import load as load_architecture
    from eartune.models.registry import not_found, untuned_architecture

    if through not in (None, *get_args(Through)):
        raise InputError(f"through is {through!r}; it must be one of {', '.join(map(repr, get_args(Through)))}")
    folder = Path(model)
    is_pocket = str(model) == POCKET  # it is made here, so that a folder of that name is ./pocket
    is_checkpoint = is_pocket or (folder / "config.json").is_file()  # every checkpoint in the hub's layout has one
    if folder.is_dir() and not is_checkpoint:
        check_format(str(model))
        return load_finished_model(folder, task, through)
    exported = None if is_pocket else _exported_settings(str(model))
    if exported is not None:
        return _load_exported(exported, str(model), task, through)
    try:
        architecture = untuned_architecture(str(model))
    except OSError as error:
        raise not_found(model, error) from error
    asked, decoding = task or DEFAULT_TASK, Decoding(through=through or "nothing")
    return TrainedModel(load_architecture(architecture), asked, asked.labels(utterances), architecture, decoding)


def run(
    experiment: str | Path | Experiment,
    *,
    data: str | Path | None = None,
    runs: str | Path = "runs",
    schemes: Sequence[Scheme] = (),
    task: Task | None = None,
    gpus: Sequence[int | str] | None = None,
    workers: int | None = None,
    gpus_per_model: int = 1,
    ray: str | None = None,
    track: str | None = None,
    console: Console | None = None,
) -> RunOutcome:
    """Make every model of an experiment that is not finished, and write its report; an interrupted run is resumed.

    experiment: the path of a YAML file, or an `Experiment`.
    data: the folder that holds the corpora; by default the data.root of the experiment, or else "data".
    runs: the folder to which runs write.
    schemes: schemes of your own, which are run in addition to those of the experiment.
    task: a task of your own in place of the experiment's.
    gpus: the numbers of the GPUs to use, of which each makes a model at a time; by default all that there are.
    workers: how many processes without a GPU make models at the same time. With several workers or GPUs, a program
        must guard its own start by `if __name__ == "__main__":`, as Python's multiprocessing asks for.
    gpus_per_model: how many GPUs train each model together; without GPUs, how many processes.
    ray: the address of a Ray cluster whose machines make the models; "auto" for the one that runs here.
    track: a tracker that shows the losses: wandb, mlflow, tensorboard or trackio; none by default.
    console: the rich console for progress, by default the terminal; `Console(quiet=True)` prints nothing.

    Returns the run's folder, its results and the names of the models that failed. Raises InputError for a fault in
    the experiment or its data, before anything is trained.

    >>> outcome = eartune.run("orders.yaml", data="data", schemes=[MyScheme()])
    >>> outcome.results[0].scores["slot_f1"].value
    """
    settings = experiment if isinstance(experiment, Experiment) else read_experiment(experiment)
    root = Path(data) if data is not None else settings.data.root or Path("data")
    if schemes or task is not None:
        grid = settings.grid.model_dump() | {"schemes": (*settings.grid.schemes, *schemes)}
        fields = {name: getattr(settings, name) for name in Experiment.model_fields}
        changed = fields | {"grid": grid, "task": settings.task if task is None else task}
        try:
            settings = Experiment.model_validate(changed)
        except ValidationError as error:
            raise InputError(explain(error, settings.name)) from error
    resources = Resources(None if gpus is None else tuple(map(str, gpus)), workers, gpus_per_model, ray)
    return run_experiment(settings, root, Path(runs), console or Console(), resources, track)


def evaluate(references: References, predictions: Answers, *, task: Task | None = None) -> dict[str, Score]:
    """Score answers against right answers: every metric of the task with its 95 % interval and its counts.

    references: the path of a manifest, utterances, or the right answers (for SLU `SemanticFrame`s).
    predictions: the path of a predictions file or `Prediction`s, which are matched by id and file; or answers in the
        order of the references, None for an answer that is missing or cannot be parsed.
    task: the task of the answers; SLU by default.

    A missing answer counts as wrong. Intervals come from a bootstrap that draws sentences with all their recordings.
    Raises InputError for a prediction of an unknown utterance, or lists of different lengths.

    >>> score = eartune.evaluate([SemanticFrame("stop")], [SemanticFrame("go")])["intent_accuracy"]
    >>> score.value, score.low, score.high, score.n
    (0.0, 0.0, 0.0, 1)
    """
    asked = task or DEFAULT_TASK
    return evaluate_answered(_answered(references, predictions, asked), _metrics(references, asked))


def compare(
    references: References, first: Answers, second: Answers, *, task: Task | None = None
) -> dict[str, Difference]:
    """Compare two systems on the same test: return each metric's difference, second minus first, with interval and p.

    Arguments are those of `evaluate`. The interval comes from a paired bootstrap, p from a permutation test.

    >>> frames = [SemanticFrame("stop"), SemanticFrame("go")]
    >>> eartune.compare(frames, [frames[0], None], frames)["intent_accuracy"].value
    0.5
    """
    asked = task or DEFAULT_TASK
    one, other = (_answered(references, answers, asked) for answers in (first, second))
    return compare_answered(one, other, _metrics(references, asked))


def _utterances(references: References) -> Sequence[Utterance]:
    """The references as utterances; right answers without an utterance get their number as id."""
    if isinstance(references, str | Path):
        return read_manifest(Path(references))
    return [_utterance(number, reference) for number, reference in enumerate(references)]


def _utterance(number: int, reference: Utterance | SemanticFrame | str) -> Utterance:
    if isinstance(reference, Utterance):
        return reference
    if isinstance(reference, str):
        return Utterance(str(number), None, "und", None, label=reference)
    return Utterance(str(number), None, "und", reference)


def _metrics(references: References, task: Task) -> Metrics:
    return task.metrics(task.labels(_utterances(references)))


def _answered(references: References, predictions: Answers, task: Task) -> list[Answered]:
    """Each right answer with the predicted one; sentences are the clusters."""
    utterances = _utterances(references)
    if isinstance(predictions, str | Path):
        predictions = read_predictions(Path(predictions), task, task.labels(utterances))
    named = [prediction for prediction in predictions if isinstance(prediction, Prediction)]
    if named:
        return _matched(utterances, named, task)
    if len(predictions) != len(utterances):
        raise InputError(
            f"there are {len(predictions)} answers to {len(utterances)} references; give None for a missing answer"
        )
    pairs = zip(utterances, predictions, strict=True)
    rows = [Answered(task.reference(utterance), answer, utterance.id) for utterance, answer in pairs]
    for row in rows:
        if isinstance(row.reference, SemanticFrame) and not isinstance(row.predicted, SemanticFrame | None):
            raise InputError(f"the answer {row.predicted!r} is not a SemanticFrame, as the reference is")
    return rows


def _matched(utterances: Sequence[Utterance], predictions: Iterable[Prediction], task: Task) -> list[Answered]:
    """Predictions matched to utterances by id; a recording without a prediction has a missing answer."""
    by_id: dict[str, dict[str | None, Prediction]] = {utterance.id: {} for utterance in utterances}
    for prediction in predictions:
        if prediction.id not in by_id:
            raise InputError(f"a prediction has the id {prediction.id!r}, which no reference has")
        if prediction.file in by_id[prediction.id]:
            raise InputError(f"two predictions have the id {prediction.id!r} and the recording {prediction.file}")
        by_id[prediction.id][prediction.file] = prediction
    rows = []
    for utterance in utterances:
        answers: list[Answer | None] = [prediction.answer for prediction in by_id[utterance.id].values()]
        by_text_alone = None in by_id[utterance.id]
        expected = 1 if by_text_alone else max(1, len(utterance.recordings))
        answers += [None] * (expected - len(answers))
        rows += [Answered(task.reference(utterance), answer, utterance.id) for answer in answers]
    return rows


def _load_exported(exported: dict[str, Any], folder: str, task: Task | None, through: Through | None) -> "TrainedModel":
    """The model in a folder that `eartune export` wrote."""
    from eartune.inference.trained_model import TrainedModel
    from eartune.models.registry import load as load_architecture

    asked = read_task(exported["task"]) if task is None else task
    if asked is None:
        raise InputError(f"{folder}: its task was given from Python; give it again, as in load(..., task=MyTask())")
    architecture = Architecture.model_validate(exported["architecture"] | {"checkpoint": folder})
    decoding = Decoding.model_validate(exported["decoding"] | ({} if through is None else {"through": through}))
    if decoding.through == "words" and exported.get("lora_is_merged", True):  # older exports do not say
        raise InputError(
            f"{folder}: was exported with its LoRA merged, and so cannot transcribe with its weights from before "
            "tuning; load the model from its run to ask it through words"
        )
    labels = asked.read_labels(exported["labels"])
    prompt = exported["preface"], Asked(exported.get("asked", Asked.FRAME))
    return TrainedModel(load_architecture(architecture), asked, labels, architecture, decoding, *prompt)


def _exported_settings(model: str) -> dict[str, Any] | None:
    """The settings of an exported model, in a folder or on the hub; None for any other checkpoint."""
    from transformers.utils import cached_file

    from eartune.inference.trained_model import EXPORTED
    from eartune.models.registry import not_found

    if Path(model).is_dir():
        path = Path(model) / EXPORTED
        return read_json(path) if path.is_file() else None
    try:
        found = cached_file(model, EXPORTED, _raise_exceptions_for_missing_entries=False)
    except OSError as error:
        raise not_found(model, error) from error
    return None if found is None else read_json(Path(found))
