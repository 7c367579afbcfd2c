"""The outcome of one cell of an experiment, as it stands in `result.json` in the cell's folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from eartune.errors import InputError
from eartune.evaluation.metrics import Score
from eartune.files import read_json, write_json

FILE = "result.json"
CELLS = "cells.json"


class Listening(TypedDict):
    """Whether the answers follow the audio."""

    listens: bool
    swapped: float
    """How much the answers' log-probability changes when clips are swapped, in nats a token."""
    silence: float
    """The main metric of answers to silence."""
    sentence: str


@dataclass(frozen=True)
class RunResult:
    """One scheme, budget and seed: numbers only, small enough to commit. A failed one has an error and no score."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    experiment: str
    question: str
    name: str
    scheme: str
    budget: str | None
    seed: int
    status: Literal["finished", "failed"]
    error: str | None
    main_metric: str
    scores: dict[str, Score]
    answers: dict[str, int]
    text_utterances: int
    speech_utterances: int
    speech_hours: float
    pool_utterances: int
    test: dict[str, int]
    listening: Listening | None
    seconds: dict[str, float]
    settings: dict[str, Any]
    made_with: dict[str, Any]
    free_hours: float = 0.0
    """Of speech that no budget limits: of voices, of other languages, for alignment."""
    definitions: dict[str, str] = field(default_factory=dict)
    """What each score means, in a sentence."""

    def __post_init__(self) -> None:
        if self.finished and self.main_metric not in self.scores:
            raise InputError(f"{self.name} is finished but has no score {self.main_metric!r}")

    @property
    def finished(self) -> bool:
        """Whether its numbers may be shown."""
        return self.status == "finished"


def write_result(folder: Path, result: RunResult) -> None:
    """Write `folder/result.json`."""
    row = {one.name: getattr(result, one.name) for one in fields(result)}
    write_json(folder / FILE, row | {"scores": {key: score.to_json() for key, score in result.scores.items()}})


def read_results(run_folder: Path) -> tuple[RunResult, ...]:
    """The results of a run's cells, by folder name; raises InputError naming the file that does not fit.

    Where the run has written down which cells its grid has, those of earlier grids, left there, are passed over.
    """
    named = run_folder / CELLS
    cells = read_json(named)["cells"] if named.is_file() else None
    paths = [path for path in sorted(run_folder.glob(f"*/{FILE}")) if cells is None or path.parent.name in cells]
    if not paths:
        raise InputError(f"{run_folder}: holds no */{FILE}, so there is nothing to report")
    return tuple(_read(path) for path in paths)


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
