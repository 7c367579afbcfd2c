"""The answers of a run's models to its test, each file read once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from eartune.data.utterance import Utterance, read_manifest
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, Metrics, Score
from eartune.files import read_lines
from eartune.report.result import RunResult
from eartune.run_folder import RunFolder
from eartune.tasks.prediction import Prediction, read_predictions
from eartune.tasks.task import Task


@dataclass(frozen=True)
class RunAnswers:
    """The test of a run, or of several with the same test, and what the models answered to it."""

    folder: RunFolder
    """The folder to which the models' names are relative: that of the run, or one that holds all runs."""
    runs: tuple[RunFolder, ...]
    task: Task
    test: dict[str, Utterance]
    metrics: Metrics
    label_scores: dict[str, dict[str, Score]] = field(default_factory=dict, repr=False)
    """The scores of each label that are known so far, by the names of models: a page needs them more than once."""
    _read: dict[str, tuple[Prediction, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of_run(cls, path: Path, task: Task | None) -> "RunAnswers | None":
        """Return the answers of the run in a folder; None if its task or its test is not at hand."""
        return cls.of_runs(path, [path], task)

    @classmethod
    def of_runs(cls, root: Path, paths: Sequence[Path], task: Task | None) -> "RunAnswers | None":
        """Return the answers of runs with the same test, of which models are named relative to `root`.

        None if their task or a test is not at hand, or if their tests differ in a right answer or in a recording.
        """
        runs = tuple(RunFolder(path) for path in paths)
        if task is None or not all(run.references.exists() for run in runs):
            return None
        tests = [{utterance.id: utterance for utterance in read_manifest(run.references)} for run in runs]
        right = [{id: task.reference(utterance) for id, utterance in test.items()} for test in tests]
        if any(other != right[0] for other in right[1:]):
            return None
        if len(runs) > 1 and len({_recordings_answered(run, task) for run in runs} - {frozenset()}) > 1:
            return None
        return cls(RunFolder(root), runs, task, tests[0], task.metrics(task.labels(tests[0].values())))

    def predictions(self, result: RunResult) -> tuple[Prediction, ...]:
        """Return a model's predictions; none if they are not at hand.

        Raises InputError if they are of another test, or if an answer is missing or stands there twice.
        """
        if result.name not in self._read:
            path = self.folder.model(result.name).predictions
            found = read_predictions(path, self.task) if path.exists() else ()
            for prediction in found:
                if prediction.id not in self.test:
                    known = self.runs[0].references
                    raise InputError(f"{path}: {prediction.id!r} is not in {known}; is it of another test?")
            _check_each_once(path, found, next(filter(None, self._read.values()), ()))
            self._read[result.name] = found
        return self._read[result.name]

    def answered(self, result: RunResult) -> tuple[Answered, ...]:
        """Return a model's answers beside the right ones; a sentence is a cluster. None if they are not at hand.

        They are in the order of the test, so that those of two runs, whose tests may be in other orders, stand beside
        each other.
        """
        in_order = sorted(self.predictions(result), key=lambda one: (self._places[one.id], one.file or ""))
        return tuple(Answered(self.task.reference(self.test[one.id]), one.answer, one.id) for one in in_order)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {id: place for place, id in enumerate(self.test)}

    @cached_property
    def are_free(self) -> bool:
        """Whether any text may be an answer, as a translation is; such answers have no labels to count."""
        return self.task.grammar(self.task.labels(self.test.values())) is None

    @cached_property
    def transcripts(self) -> dict[tuple[str, str | None], str]:
        """The untuned model's transcripts of the test, by id and file; empty if the run has none."""
        files = [file for run in self.runs for file in run.own_transcripts()]
        files.sort(key=lambda path: path.stat().st_mtime)
        if not files:
            return {}
        return {(row["id"], row.get("file")): str(row["text"]) for _, row in read_lines(files[-1])}


def _check_each_once(path: Path, found: Sequence[Prediction], others: Sequence[Prediction]) -> None:
    """Raise InputError if a recording is answered twice, or if `others`, those of another model, are of other ones."""
    answered = Counter((one.id, one.file) for one in found)
    for place, times in answered.items():
        if times > 1:
            raise InputError(f"{path}: answers {_named(place)} {times} times; keep one of the lines")
    differing = answered.keys() ^ {(one.id, one.file) for one in others} if found and others else ()
    for place in sorted(differing, key=str):
        said = "answers" if place in answered else "does not answer"
        raise InputError(
            f"{path}: {said} {_named(place)}, unlike the model before it; delete the file that is wrong, and eartune "
            "run decodes the test again"
        )


def _named(recording: tuple[str, str | None]) -> str:
    id, file = recording
    return f"{id!r} ({file})" if file else repr(id)


def _recordings_answered(run: RunFolder, task: Task) -> frozenset[tuple[str, str | None]]:
    """The ids and files that every model of a run answers; none if no answers are at hand."""
    names = run.model_names()
    models = [model for model in run.models_with_a_result() if names is None or model.path.name in names]
    path = next((model.predictions for model in models if model.predictions.exists()), None)
    return frozenset((one.id, one.file) for one in read_predictions(path, task)) if path else frozenset()
