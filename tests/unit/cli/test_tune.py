"""`eartune tune` refuses, before anything is written, what the experiment would refuse."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from eartune.cli.app import app


@pytest.mark.parametrize("seed", ["-1", str(2**32)])
def test_a_seed_that_an_experiment_cannot_have_is_refused(tmp_path: Path, seed: str) -> None:
    result = CliRunner().invoke(app, ["tune", str(tmp_path), "--seed", seed], env={"COLUMNS": "200"})
    assert result.exit_code == 2 and "Invalid value for '--seed'" in result.output
