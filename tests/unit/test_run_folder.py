"""The run's folder: one owner of its names, states that survive a cut at any place, one process at a time."""

import json
from pathlib import Path

import pytest

from eartune.errors import InputError
from eartune.run_folder import ModelState, RunFolder, RunsFolder, StageFolder, partial


def test_a_run_is_alone_in_its_folder_and_leaves_it_free(tmp_path: Path) -> None:
    run = RunsFolder(tmp_path).run("alarms")
    with run.lock(), pytest.raises(InputError, match="another eartune run is at work there"), run.lock():
        pass
    with run.lock():
        pass


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    (tmp_path / "stages" / "text-1").mkdir(parents=True)
    for name in (".scores.part-123-x.json", "stages/text-1/.weights.part-123-x.safetensors"):
        (tmp_path / name).write_text("half")
    kept = run.model("untuned-seed0").path / "predictions.part.jsonl"
    kept.parent.mkdir()
    kept.write_text("")
    with run.lock():
        assert [path.name for path in sorted(tmp_path.rglob("*part*"))] == ["predictions.part.jsonl"]


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
