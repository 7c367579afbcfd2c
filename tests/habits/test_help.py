"""Every command's help shows how it is called."""

import pytest
from typer.testing import CliRunner

from eartune.cli.app import app

VERBS = sorted(command.name or "" for command in app.registered_commands)


def test_the_verbs_are_known() -> None:
    assert {"list", "check", "run", "score", "report", "predict", "doctor"} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_shows_an_example(verb: str) -> None:
    shown = CliRunner().invoke(app, [verb, "--help"])
    assert shown.exit_code == 0
    assert f"Example: eartune {verb}" in shown.output


def test_without_a_verb_the_help_is_shown() -> None:
    shown = CliRunner().invoke(app, [])
    assert all(verb in shown.output for verb in VERBS)
