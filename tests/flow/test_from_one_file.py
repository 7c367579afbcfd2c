"""From one file of somebody's own to a run: `prepare --hold-out`, then `run` from anywhere, also after a move."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from builders import sound_file
from eartune.cli.app import app
from eartune.files import read_json
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.prepare.starting_model import POCKET, StartingModel
from tiny_models import tiny


def eartune(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def table(folder: Path, with_words: bool) -> Path:
    """Twelve recordings of three speakers."""
    (folder / "wavs").mkdir(parents=True)
    rows = ["file,sentence,intent,slots,speaker"]
    for n in range(12):
        sound_file(folder / "wavs" / f"c{n}.wav", 0.5 + n / 50)
        words = f"latte number {n}" if with_words else ""
        rows.append(f"c{n}.wav,{words},{'order' if n % 2 else 'stop'},drink=latte; number={n},s{n % 3}")
    (folder / "calls.csv").write_text("\n".join(rows) + "\n")
    return folder / "calls.csv"


def with_a_tiny_model(experiment: Path, folder: Path) -> None:
    tiny(Qwen2Audio).save(folder)
    text = experiment.read_text().replace("checkpoint: pocket", f"checkpoint: {folder}, precision: float32")
    experiment.write_text(text.replace("max_new_tokens: 80", "max_new_tokens: 4").replace("[25%, 50%, 100%]", "[100%]"))


@pytest.mark.parametrize("with_words", [True, False])
def test_two_commands_lead_to_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_words: bool) -> None:
    monkeypatch.setattr("eartune.cli.prepare.starting_model", lambda: POCKET)
    calls, elsewhere = table(tmp_path / "mine", with_words), tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert "of 1 of 3 speakers" in eartune("prepare", calls, "--to", "data/calls", "--hold-out", "30%")
    with_a_tiny_model(Path("data/calls/experiment.yaml"), tmp_path / "tiny")
    monkeypatch.chdir(elsewhere)
    eartune("run", "../mine/data/calls/experiment.yaml")
    model = "curriculum-100pct-seed0" if with_words else "direct-mixing-100pct-seed0"
    result = read_json(Path("runs/calls") / model / "result.json")
    assert result["status"] == "finished"
    assert "root" not in result["settings"]["data"]  # where the folder was is in no result


def test_what_is_moved_is_known_to_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eartune.cli.prepare.starting_model", lambda: POCKET)
    calls = table(tmp_path / "mine", False)
    monkeypatch.chdir(tmp_path)
    eartune("prepare", calls, "--to", tmp_path / "mine" / "data", "--hold-out", "30%", "--copy")
    with_a_tiny_model(tmp_path / "mine" / "data" / "experiment.yaml", tmp_path / "tiny")
    eartune("run", tmp_path / "mine" / "data" / "experiment.yaml")
    shutil.move(tmp_path / "mine" / "data", tmp_path / "data")
    shutil.rmtree(tmp_path / "mine")
    assert "all of them finished" in eartune("run", tmp_path / "data" / "experiment.yaml")


def test_one_command_tunes_a_model_and_prints_what_it_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny(Qwen2Audio).save(tmp_path / "tiny")
    architecture = f"{{type: qwen2-audio, checkpoint: {tmp_path / 'tiny'}, precision: float32}}"
    for command in ("prepare", "tune"):
        monkeypatch.setattr(
            f"eartune.cli.{command}.starting_model", lambda: StartingModel(architecture, "", 1e-3, 1e-3)
        )
    monkeypatch.chdir(tmp_path)
    eartune("prepare", table(tmp_path / "mine", True), "--to", "calls", "--hold-out", "30%")
    shown = eartune("tune", "calls")
    assert "calls: 8 rows with words, 8 rows with recordings, no voice for its language" in shown
    assert Path("calls/tune/experiment.yaml").read_text() in shown
    assert shown.splitlines()[-1] == "the experiment that was run: calls/tune/experiment.yaml"
    result = read_json(Path("runs/calls-tuned/text-only-seed0/result.json"))
    assert result["status"] == "finished" and result["settings"]["decoding"]["through"] == "words"
    assert "all of them finished" in eartune("tune", "calls")
