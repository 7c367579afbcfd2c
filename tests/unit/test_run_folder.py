"""The run's folder: one owner of its names, and states that survive a cut at any place."""

import errno
import json
from pathlib import Path

import pytest

from builders import left_half_written
from eartune import run_folder
from eartune.files import atomic
from eartune.run_folder import ModelState, RunFolder, StageFolder, partial


def test_a_folder_that_was_killed_on_its_way_to_other_settings_belongs_to_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody tries other settings, the process is killed at once, and the first settings are run again.

    The result was still there and the answers were gone: the model counted as finished.
    """
    model = RunFolder(tmp_path).model("text-only-seed0")
    model.begin("k1")
    for path in (model.predictions, model.scores, model.result):
        path.write_text('{"status": "finished"}')
    removed: list[Path] = []
    unlink = Path.unlink

    def killed_at_the_third(path: Path, missing_ok: bool = False) -> None:
        if len(removed) == 2:
            raise KeyboardInterrupt
        removed.append(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        model.begin("k2")
    monkeypatch.undo()
    assert not model.predictions.exists() and model.state("k1") is ModelState.NEW


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    (tmp_path / "stages" / "text-1").mkdir(parents=True)
    left_half_written(tmp_path / "stages" / "text-1" / "weights.safetensors").write_text("half")
    with atomic(tmp_path / "stages" / "text-1" / "weights.safetensors") as being_written:
        being_written.write_text("half")
        kept = run.model("untuned-seed0").path / "predictions.part.jsonl"
        kept.parent.mkdir()
        kept.write_text("")
        run.remove_leftovers()
        assert {path.name for path in tmp_path.rglob("*part*")} == {being_written.name, "predictions.part.jsonl"}


def test_weights_that_safetensors_had_half_written_are_removed_by_who_trains_the_stage(tmp_path: Path) -> None:
    """They have a temporary name that eartune did not give, and take 15 GB for a model of 7B."""
    stage = RunFolder(tmp_path).stage("mixed", "k1")
    stage.path.mkdir(parents=True)
    (stage.path / ".tmp8XNQii").write_text("half")
    stage.weights.write_text("whole")
    stage.begin()
    assert list(stage.path.iterdir()) == [stage.weights]


def test_a_stage_is_finished_when_its_note_and_its_weights_are_there(tmp_path: Path) -> None:
    stage = StageFolder(tmp_path)
    (tmp_path / "checkpoint-3").mkdir()
    assert not stage.is_finished
    stage.weights.write_bytes(b"")
    assert not stage.is_finished
    stage.finish(12.5, {})
    assert stage.is_finished and stage.seconds == 12.5 and not (tmp_path / "checkpoint-3").exists()
    stage.weights.unlink()
    assert not stage.is_finished


def test_a_copy_of_a_stage_is_finished_when_all_of_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, stage = (RunFolder(tmp_path / name).stage("text", "k1") for name in ("one", "two"))
    assert RunFolder(tmp_path / "two").stage_of_other_run(stage) is None
    for name in ("stage.json", "train.jsonl", "weights.safetensors", ".tmpAbCdEf"):
        (other.path / name).parent.mkdir(parents=True, exist_ok=True)
        (other.path / name).write_text("{}")
    assert RunFolder(tmp_path / "two").stage_of_other_run(stage) == other
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(run_folder, "link_or_copy", no_space)
        stage.copy(other)
    assert not stage.note.exists()
    (stage.path / "checkpoint-3").mkdir()
    stage.copy(other)
    assert stage.is_finished and stage.weights.samefile(other.weights) and not stage.log.samefile(other.log)
    assert sorted(path.name for path in stage.path.iterdir()) == ["stage.json", "train.jsonl", "weights.safetensors"]


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_model_goes_through_its_states(tmp_path: Path) -> None:
    model = RunFolder(tmp_path).model("text-only-seed0")
    states = [model.state("k1")]
    model.begin("k1")
    states.append(model.state("k1"))
    for path, content in (
        (partial(model.predictions), ""),
        (model.predictions, ""),
        (model.result, '{"status": "failed"}'),
        (model.result, '{"status": "finished"}'),
    ):
        path.write_text(content)
        states.append(model.state("k1"))
    assert states == [
        *(ModelState.NEW, ModelState.NEW, ModelState.DECODING, ModelState.DECODED),
        *(ModelState.FAILED, ModelState.FINISHED),
    ]


def test_answers_of_other_settings_are_not_taken_up_and_those_of_the_same_are(tmp_path: Path) -> None:
    model = RunFolder(tmp_path).model("text-only-seed0")
    model.begin("k1")
    for path in (model.predictions, partial(model.predictions), model.scores, model.result):
        path.write_text('{"status": "finished"}')
    model.begin("k1")
    assert model.state("k1") is ModelState.FINISHED and model.state("k2") is ModelState.NEW
    model.begin("k2")
    assert model.state("k2") is ModelState.NEW and model.state("k1") is ModelState.NEW
    assert [path.name for path in model.path.iterdir()] == ["fingerprint.json"]


def test_models_of_the_grid_and_stages_of_a_model_are_found(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.model_names() is None
    run.write_model_names(["b-seed0", "a-seed0"])
    assert run.model_names() == ("b-seed0", "a-seed0")
    model = run.model("b-seed0")
    model.path.mkdir()
    model.plan.write_text(json.dumps({"stages": [{"folder": "../stages/text-1"}]}))
    (stage,) = model.read_stage_folders()
    assert stage.path.resolve() == run.stage("text", "1").path.resolve()


def test_a_recogniser_of_any_name_has_a_file_of_its_own(tmp_path: Path) -> None:
    path = RunFolder(tmp_path).transcripts("k", "openai/whisper-tiny")
    assert path == tmp_path / "transcripts" / "k" / "openai-whisper-tiny.jsonl"
