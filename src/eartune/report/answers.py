"""The answers of a run's models to its test, each file read once."""

from dataclasses import dataclass, field
from pathlib import Path

from eartune.data.utterance import Utterance, read_manifest
from eartune.errors import InputError
from eartune.evaluation.metrics import Answered, Metrics
from eartune.files import read_lines
from eartune.report.result import RunResult
from eartune.run_folder import RunFolder
from eartune.tasks.prediction import Prediction, read_predictions
from eartune.tasks.task import Task


@dataclass(frozen=True)
class RunAnswers:
    """The test of a run and what its models answered to it."""

    folder: RunFolder
    task: Task
    test: dict[str, Utterance]
    metrics: Metrics
    _read: dict[str, tuple[Prediction, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of_run(cls, path: Path, task: Task | None) -> "RunAnswers | None":
        """Return the answers of the run in a folder; None if its task or its test is not at hand."""
        folder = RunFolder(path)
        if task is None or not folder.references.exists():
            return None
        test = {utterance.id: utterance for utterance in read_manifest(folder.references)}
        return cls(folder, task, test, task.metrics(task.labels(test.values())))

    def predictions(self, result: RunResult) -> tuple[Prediction, ...]:
        """Return a model's predictions; none if they are not at hand. Raises InputError if they are of another test."""
        if result.name not in self._read:
            path = self.folder.model(result.name).predictions
            found = read_predictions(path, self.task) if path.exists() else ()
            for prediction in found:
                if prediction.id not in self.test:
                    known = self.folder.references
                    raise InputError(f"{path}: {prediction.id!r} is not in {known}; is it of another test?")
            self._read[result.name] = found
        return self._read[result.name]

    def answered(self, result: RunResult) -> tuple[Answered, ...]:
        """Return a model's answers beside the right ones; a sentence is a cluster. None if they are not at hand."""
        return tuple(
            Answered(self.task.reference(self.test[one.id]), one.answer, one.id) for one in self.predictions(result)
        )

    def transcripts(self) -> dict[tuple[str, str | None], str]:
        """Return the untuned model's transcripts of the test, by id and file; empty if the run has none."""
        files = sorted(self.folder.own_transcripts(), key=lambda path: path.stat().st_mtime)
        if not files:
            return {}
        return {(row["id"], row.get("file")): str(row["text"]) for _, row in read_lines(files[-1])}
