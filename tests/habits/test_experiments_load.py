"""Every experiment that is shipped can be read, and is found under its own name."""

from pathlib import Path

import pytest

from eartune.experiments.experiment import read_experiment

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").rglob("*.yaml"))


def test_there_is_a_demo() -> None:
    assert "demo" in [path.stem for path in EXPERIMENTS]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_loads(path: Path) -> None:
    experiment = read_experiment(path)
    assert experiment.name == path.stem
    assert experiment.question.endswith("?")
    assert experiment.cells()
