"""The result of one model of an experiment, which is stored as `result.json` in the model's folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from eartune.data.budget import parse_budget
from eartune.errors import InputError
from eartune.evaluation.metrics import Score
from eartune.files import read_json, write_json
from eartune.run_folder import ModelFolder, RunFolder
from eartune.training.scheme import Role

SHARED = "sentences that training has too"
"""The size of a test's part on which its score says little; absent from `RunResult.test` where there is none."""


class ListeningRecord(TypedDict, total=False):
    """The record of the listening check in a result: whether the model uses the audio, or why that was not checked."""

    listens: bool | None
    swapped: float | None
    """The mean absolute change of the answers' log-probability when clips are swapped, in nats per token."""
    silence: float | None
    """The main metric of answers to silence, 0 to 1."""
    sentence: str | None
    """The finding in words."""
    reason: str | None
    """Why it was not checked."""


@dataclass(frozen=True)
class RunResult:
    """One model of the grid: a scheme, budget and seed with its numbers, small enough to commit.

    A failed model has an error and no score. One that is not finished yet has neither, and has no file: it is known
    from the list of the run's cells.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    experiment: str
    question: str
    name: str
    scheme: str
    budget: str | None
    seed: int
    status: Literal["finished", "failed", "unfinished"]
    error: str | None
    main_metric: str
    scores: dict[str, Score]
    answers: dict[str, int]
    text_utterances: int
    speech_utterances: int
    speech_hours: float
    pool_utterances: int
    test: dict[str, int]
    listening: ListeningRecord | None
    seconds: dict[str, float]
    settings: dict[str, Any]
    made_with: dict[str, Any]
    free_hours: float = 0.0
    """Hours of speech that no budget limits: of voices, of other languages, for alignment."""
    definitions: dict[str, str] = field(default_factory=dict)
    """The meaning of each score, in a sentence."""
    scheme_type: str | None = None
    """The scheme's type, where `scheme` is its label; None in results written before it was stored."""
    scheme_role: Role | None = None
    """The role of the scheme in comparisons; None in results written before it was stored."""
    selection_seed: int = 0
    """The seed of the selection of speech."""
    dev: dict[str, Any] = field(default_factory=dict)
    """What was chosen on the dev set, and the number of its recordings: the epoch of each stage, and under "chosen"
    each setting with the scores of all its values; empty without any."""
    languages: dict[str, list[str]] = field(default_factory=dict)
    """The languages of the pools text, speech and test; empty in results written before they were stored."""
    architecture: str = ""
    """The name of the architecture; empty where the grid has one alone."""
    speech_recordings: int | None = None
    """The recordings of the utterances of the budget; None in results written before they were counted."""

    def __post_init__(self) -> None:
        if self.finished and self.main_metric not in self.scores:
            raise InputError(f"{self.name} is finished but has no score {self.main_metric!r}")

    @property
    def finished(self) -> bool:
        """Whether its numbers may be shown."""
        return self.status == "finished"

    @property
    def recordings(self) -> int:
        """How many recordings the budget has; one for each utterance where that is not known."""
        return self.speech_utterances if self.speech_recordings is None else self.speech_recordings

    @property
    def listens(self) -> bool | None:
        """Whether its answers follow the audio; None where that was not checked."""
        return self.listening.get("listens") if self.listening and not self.listening.get("reason") else None


def write_result(folder: Path, result: RunResult) -> None:
    """Write a result to `folder/result.json`."""
    row = {one.name: getattr(result, one.name) for one in fields(result)}
    scores = {key: score.to_json() for key, score in result.scores.items()}
    write_json(ModelFolder(folder).result, row | {"scores": scores})


def read_results(run_folder: Path) -> tuple[RunResult, ...]:
    """Return the results of a run's cells, sorted by folder name; raises InputError naming the file that does not fit.

    Where the run has listed the cells of its grid, results of earlier grids are left out, and a cell that has no
    result yet is given as unfinished.
    """
    folder = RunFolder(run_folder)
    cells = folder.model_names()
    models = [model for model in folder.models_with_a_result() if cells is None or model.path.name in cells]
    if not models:
        found = f"{run_folder}: holds no */result.json" if cells is None else f"{run_folder}: no model has a result yet"
        raise InputError(f"{found}, so there is nothing to report")
    results = {model.path.name: _read(model.result) for model in models}
    _check_copies(run_folder, results)
    for name in cells or ():
        if name not in results:
            results[name] = _unfinished(name, [*results.values()])
    return tuple(results[name] for name in sorted(results))


def _check_copies(run_folder: Path, results: Mapping[str, RunResult]) -> None:
    """A copy of a model's folder would count as another seed."""
    first: dict[str, str] = {}
    for folder, result in results.items():
        if (other := first.setdefault(result.name, folder)) != folder:
            raise InputError(
                f"{run_folder / other} and {run_folder / folder} both hold the result of the model {result.name!r}; "
                "move one of them out of the run's folder"
            )


def _unfinished(name: str, others: Sequence[RunResult]) -> RunResult:
    """A model that has no result yet.

    Its folder is SCHEME-BUDGET-seedN or SCHEME-seedN, perhaps after ARCHITECTURE- and before -selectionN.
    """
    stem, _, seeds = name.rpartition("-seed")
    seed, _, selection = seeds.partition("-selection")
    same = next((other for other in others if other.name.rpartition("-seed")[0] == stem), None)
    return replace(
        same or _of_the_grid(stem, others[0]),
        name=name,
        seed=int(seed) if seed.isdigit() else 0,
        selection_seed=int(selection) if selection.isdigit() else 0,
        status="unfinished",
        error=None,
        scores={},
        answers={},
        listening=None,
        seconds={},
        made_with={},
    )


def _of_the_grid(stem: str, other: RunResult) -> RunResult:
    """The scheme and budget that a folder is named after, found in the grid of another model's settings."""
    grid = other.settings.get("grid", {})
    scheme, scheme_type, budget = stem, None, None
    families = [one.get("name") or one.get("type", "") for one in grid.get("architectures", ())]
    architecture = max((one for one in families if stem.startswith(f"{one}-")), key=len, default="")
    stem = stem.removeprefix(f"{architecture}-") if architecture else stem
    for settings in grid.get("schemes", ()):
        label = settings.get("name") or settings.get("type")
        for written in (None, *grid.get("budgets", ())):
            if stem == (label if written is None else f"{label}-{parse_budget(written).slug}"):
                scheme, scheme_type, budget = label, settings.get("type"), written
    share = parse_budget(budget).amount / 100 if budget and budget.endswith("%") else 0.0
    return replace(
        other,
        scheme=scheme,
        scheme_type=scheme_type,
        scheme_role=None,
        budget=budget,
        architecture=architecture,
        text_utterances=0,
        speech_utterances=round(share * other.pool_utterances),
        speech_recordings=None,
        speech_hours=0.0,
        free_hours=0.0,
    )


def _read(path: Path) -> RunResult:
    row = read_json(path)
    try:
        return _READER.validate_python(row | {"scores": _scores(row.get("scores"))})
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        raise InputError(f"{path}: {where}: {message}" if where else f"{path}: {message}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: scores: {error}") from error


def _scores(written: Any) -> dict[str, Score]:
    if not isinstance(written, Mapping):
        raise InputError(f"must be an object of scores, not {written!r}")
    return {key: Score.from_json(score) for key, score in written.items()}


_READER = TypeAdapter(RunResult)
