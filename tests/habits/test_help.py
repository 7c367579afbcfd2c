"""Every command's help shows how it is called, and the help of all is true of each."""

from importlib import import_module

import pytest
from typer.testing import CliRunner

from eartune.cli.app import VERBS, app


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_shows_an_example(verb: str) -> None:
    shown = CliRunner().invoke(app, [verb, "--help"])
    assert shown.exit_code == 0
    assert "pip install 'eartune'" not in shown.output  # where the name of an extra was taken for markup
    assert f"Example: eartune {verb}" in shown.output and f"Usage: root {verb}" in shown.output


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_said_of_a_verb_is_the_first_line_of_its_own_help(verb: str) -> None:
    place, said = VERBS[verb]
    module, function = place.split(".")
    assert getattr(import_module(f"eartune.cli.{module}"), function).__doc__.splitlines()[0] == said


def test_without_a_verb_the_help_is_shown() -> None:
    shown = CliRunner().invoke(app, [])
    assert all(verb in shown.output for verb in VERBS)


def test_an_unknown_verb_is_named() -> None:
    shown = CliRunner().invoke(app, ["trian"])
    assert shown.exit_code == 2 and "trian" in shown.output
