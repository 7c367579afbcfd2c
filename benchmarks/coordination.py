"""What it costs to share work out: a grid of 1,000 models of which none is trained, and two workers against one.

    python benchmarks/coordination.py

The first part makes the keys, claims, plans and results of 1,000 models whose training and decoding is left out. The
second trains tiny models with two workers, and half as many in one process, in turns; with as many cores as workers the
ratio of their times would be 1 if coordination cost nothing. Writes benchmarks/coordination.json.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # for the tiny experiment of the suite

from rich.console import Console

from eartune.data.budget import parse_budget
from eartune.evaluation.metrics import Score
from eartune.experiments import cell
from eartune.experiments.experiment import Experiment
from eartune.experiments.provenance import made_with
from eartune.experiments.resources import Resources
from eartune.experiments.runner import run
from eartune.files import write_json
from eartune.report import RunResult
from killed_runs import experiment, make_data

ROUNDS = 3
MODELS = 1000
SCORE = Score(value=0.5, low=0.4, high=0.6, n=5)


def main() -> None:
    """Time both parts, print them and write them."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_data(root / "data")
        many = seconds_of_many(root)
        pairs = [pair(root, number) for number in range(ROUNDS)]
    ratio = median(two / one for one, two in pairs)
    print(f"{MODELS} models without training: {many:.2f} s")
    print(f"two workers against one process with half of the models: {ratio:.2f} times as long, median of {ROUNDS}")
    found = {"models": MODELS, "seconds": many, "one process and two workers, seconds": pairs, "ratio": ratio}
    write_json(Path(__file__).with_suffix(".json"), found | {"made_with": made_with()})


def seconds_of_many(root: Path) -> float:
    """Return how long a run of 1,000 models takes that all are there at once, without its report."""
    made = cell.make_model
    cell.make_model = there_at_once  # type: ignore[assignment]
    try:
        settings = seeds_of(experiment(root / "data", schemes=("direct-mixing", "curriculum")), MODELS // 8)
        budgets = tuple(parse_budget(f"{share}%") for share in (25, 50, 75, 100))
        settings = settings.model_copy(update={"grid": settings.grid.model_copy(update={"budgets": budgets})})
        started = time.monotonic()
        run_models(settings, root, "many", 1)
        return time.monotonic() - started
    finally:
        cell.make_model = made


def there_at_once(context: Any, plan: Any, keys: Any, result: RunResult) -> RunResult:
    """Return a finished result, as `make_model` does after hours."""
    return replace(result, status="finished", scores={result.main_metric: SCORE})


def pair(root: Path, number: int) -> tuple[float, float]:
    """Return the seconds of one process with half of the models, and of two workers with all of them."""
    settings, seconds = experiment(root / "data", schemes=("direct-mixing",)), []
    for n_workers in (1, 2):
        started = time.monotonic()
        run_models(seeds_of(settings, 8 * n_workers), root, f"pair {number} {n_workers}", n_workers)
        seconds.append(time.monotonic() - started)
    return seconds[0], seconds[1]


def seeds_of(settings: Experiment, n_seeds: int) -> Experiment:
    """Return the experiment with so many seeds."""
    grid = settings.grid.model_copy(update={"seeds": tuple(range(n_seeds))})
    return settings.model_copy(update={"grid": grid})


def run_models(settings: Experiment, root: Path, name: str, n_workers: int) -> None:
    """Run an experiment in a folder of its own."""
    outcome = run(settings, root / "data", root / name, Console(quiet=True), Resources(workers=n_workers))
    assert outcome.failed == ()


if __name__ == "__main__":
    main()
