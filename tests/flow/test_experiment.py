"""A whole experiment on the real classes at toy size: it finishes, does nothing twice, goes on where it was cut."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from rich.console import Console
from safetensors.torch import load_file

import eartune.experiments.model_run as model_run
from eartune.data.audio import write_audio
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, read_manifest, write_manifest
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.finished_model import load_finished_model, read_finished_model
from eartune.experiments.runner import run as run_experiment
from eartune.export.exporting import export_run
from eartune.files import read_lines
from eartune.models import registry
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.transformers_version import transformers_is_at_least
from eartune.report import read_results
from eartune.settings import Decoding, Lora, Training
from eartune.training import trainer
from tiny_models import tiny

FRAMES = (
    SemanticFrame.of("light", "on", [Entity("room", "hall")]),
    SemanticFrame.of("light", "off", [Entity("room", "bath")]),
    SemanticFrame.of("music", "play"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint and three manifests; the "speech" is noise."""
    folder = tmp_path_factory.mktemp("data")
    tiny(Qwen2Audio).save(folder / "tiny")
    for name, count in (("text", 12), ("speech", 6), ("test", 4)):
        rows = []
        for i in range(count):
            recordings = ()
            if name != "text":
                path = folder / "recordings" / f"{name}{i}.wav"
                write_audio(path, np.random.default_rng(i).standard_normal(4000 + 100 * i).astype(np.float32) * 0.1)
                recordings = (Recording(path, (4000 + 100 * i) / 16_000),)
            rows.append(Utterance(f"{name}{i}", f"request {i}", "en", FRAMES[i % 3], recordings))
        write_manifest(folder / f"{name}.jsonl", rows)
    return folder


def experiment(data: Path, **grid: object) -> Experiment:
    schemes = [
        {"type": "untuned"},
        {"type": "text-only", "epochs": 2, "learning_rate": 1e-3},
        {"type": "direct-mixing", "epochs": 1, "learning_rate": 1e-3},
        {"type": "curriculum", "text_learning_rate": 1e-3, "speech_learning_rate": 1e-3},
    ]
    pool = {name: [{"corpus": "manifest", "path": f"{name}.jsonl"}] for name in ("text", "speech", "test")}
    return Experiment.model_validate(
        {
            "name": "tiny",
            "question": "Does it run?",
            "data": pool,
            "architecture": {"type": "qwen2-audio", "checkpoint": str(data / "tiny"), "precision": "float32"},
            "grid": {"schemes": schemes, "budgets": ["50%", "100%"]} | grid,
            "training": {"batch_size": 4, "micro_batch_size": 2},
            "decoding": {"beams": 2, "max_new_tokens": 5, "batch_size": 3},
        }
    )


def run(settings: Experiment, data: Path, runs: Path, console: Console) -> Path:
    """The folder of a run in which no model failed."""
    outcome = run_experiment(settings, data, runs, console)
    assert outcome.failed == ()
    return outcome.folder.path


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(experiment(data), data, tmp_path_factory.mktemp("runs"), Console(quiet=True))


def contents(folder: Path) -> dict[str, float]:
    """When each file was last written."""
    return {str(path.relative_to(folder)): path.stat().st_mtime for path in folder.rglob("*") if path.is_file()}


def test_every_cell_has_a_result_and_a_row_in_the_report(finished: Path) -> None:
    results = read_results(finished)
    assert sorted(result.name for result in results) == [
        "curriculum-100pct-seed0",
        "curriculum-50pct-seed0",
        "direct-mixing-100pct-seed0",
        "direct-mixing-50pct-seed0",
        "text-only-seed0",
        "untuned-seed0",
    ]
    page = (finished / "report.html").read_text()
    for result in results:
        assert result.status == "finished" and (result.test["recordings"], result.test["sentences"]) == (4, 4)
        assert result.scheme_type == result.scheme
        assert result.scheme_role == {
            "untuned": "untuned",
            "text-only": "text reference",
            "direct-mixing": "baseline",
        }.get(result.scheme, "other")
        assert result.scheme in page
        predictions = [row for _, row in read_lines(finished / result.name / "predictions.jsonl")]
        assert [row["id"] for row in predictions] == ["test0", "test1", "test2", "test3"]
        assert all(row["log_probability"] < 0 <= row["margin"] for row in predictions)


def test_cells_share_their_text_stage(finished: Path) -> None:
    """Text-only with the curriculum's text settings, and both curricula, need one text stage between them."""
    stages = sorted(path.name.split("-")[0] for path in (finished / "stages").iterdir())
    assert stages == ["mixed"] * 4 + ["text"]


def test_a_stage_that_another_run_has_trained_is_taken_from_it(
    finished: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eleven targets of one source language each trained the same two stages on it."""
    runs = tmp_path / "runs"
    shutil.copytree(finished, runs / "tiny")
    train, trained = trainer.train_stage, []
    monkeypatch.setattr(trainer, "train_stage", lambda *given: trained.append(given[1].name) or train(*given))
    console = Console(file=StringIO(), width=200)
    other = experiment(data).model_copy(update={"name": "other", "decoding": Decoding(beams=1, max_new_tokens=4)})
    (runs / "tiny" / one_stage(runs / "tiny", "text") / "stage.json").unlink()  # so it is not finished there
    run(other, data, runs, console)
    assert trained == ["text"]  # those after it have equal weights before them, whoever trained these
    assert isinstance(console.file, StringIO)
    said = "direct-mixing-50pct-seed0: the mixed stage is that of tiny, whose settings and data for it are the same"
    assert said in console.file.getvalue()
    weights = [path / "weights.safetensors" for path in sorted((runs / "other" / "stages").glob("mixed-*"))]
    assert len(weights) == 4 and all(path.stat().st_nlink == 2 for path in weights)
    assert load_finished_model(runs / "other" / "curriculum-100pct-seed0").model


def one_stage(folder: Path, name: str) -> Path:
    (path,) = folder.glob(f"stages/{name}-*")
    return path.relative_to(folder)


def test_a_test_is_encoded_once_for_all_models_whose_encoder_stays(finished: Path) -> None:
    """Untuned and text-only; those that learn from speech train the encoder too."""
    assert len(list((finished / "encoded").glob("*.safetensors"))) == 4


def test_models_of_a_grid_share_what_a_frozen_encoder_made(data: Path, tmp_path: Path) -> None:
    frozen = [{"type": "direct-mixing", "epochs": 2, "learning_rate": 1e-3, "trainable": ["language-model"]}]
    losses = []
    for most_gb in (10.0, 0.0):
        settings = experiment(data, schemes=frozen)
        training = settings.training.model_copy(update={"encoded_gb": most_gb})
        folder = run(
            settings.model_copy(update={"training": training}), data, tmp_path / str(most_gb), Console(quiet=True)
        )
        stages = sorted((folder / "stages").glob("*/train.jsonl"))
        assert len(stages) == 2  # two budgets
        losses.append([row["loss"] for stage in stages for _, row in read_lines(stage)])
        assert len(list(folder.glob("encoded/*"))) == (6 if most_gb else 0)  # the test has the samples of four of them
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_second_run_does_nothing_again(finished: Path, data: Path) -> None:
    before = {name: when for name, when in contents(finished).items() if not name.startswith(("report", "curve"))}
    run(experiment(data), data, finished.parent, Console(quiet=True))
    after = {name: when for name, when in contents(finished).items() if not name.startswith(("report", "curve"))}
    assert after == before


def test_a_cut_run_goes_on_to_the_same_answers(
    finished: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut when the third cell has answered but nothing of it is scored."""
    calls = []

    def cut(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt

    real = model_run.score
    monkeypatch.setattr(model_run, "score", lambda *args: (cut(), real(*args))[1])
    with pytest.raises(KeyboardInterrupt):
        run(experiment(data), data, tmp_path, Console(quiet=True))
    monkeypatch.undo()
    again = run(experiment(data), data, tmp_path, Console(quiet=True))
    for result in read_results(finished):
        answers = [(folder / result.name / "predictions.jsonl").read_text() for folder in (finished, again)]
        assert answers[0] == answers[1]


@pytest.mark.parametrize("decoded_again", [False, True])
def test_the_time_of_decoding_counts_what_earlier_sessions_took(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded_again: bool
) -> None:
    """It was that of the last session alone: 0 where all answers were there when the run was cut."""

    def cut(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(model_run, "score", cut)
    settings = experiment(data, schemes=[{"type": "untuned"}], budgets=[])
    with pytest.raises(KeyboardInterrupt):
        run(settings, data, tmp_path, Console(quiet=True))
    monkeypatch.undo()
    cell = tmp_path / "tiny" / "untuned-seed0"
    assert json.loads((cell / "decoding.json").read_text())["seconds"] > 0
    (cell / "decoding.json").write_text('{"seconds": 100.0}')
    if decoded_again:
        (cell / "predictions.jsonl").unlink()
    (result,) = read_results(run(settings, data, tmp_path, Console(quiet=True)))
    seconds = json.loads((cell / "decoding.json").read_text())["seconds"]
    assert seconds > 100 if decoded_again else seconds == 100
    assert result.seconds["decode"] == round(seconds, 1)


def test_other_settings_under_the_same_name_are_run_anew(finished: Path, data: Path, tmp_path: Path) -> None:
    only = [{"type": "text-only", "epochs": 1, "learning_rate": 1e-3}]
    first = run(experiment(data, schemes=only), data, tmp_path, Console(quiet=True))
    before = (first / "text-only-seed0" / "result.json").read_text()
    changed = [{"type": "text-only", "epochs": 2, "learning_rate": 1e-3}]
    run(experiment(data, schemes=changed), data, tmp_path, Console(quiet=True))
    after = json.loads((first / "text-only-seed0" / "result.json").read_text())
    assert after["made_with"]["fingerprint"] != json.loads(before)["made_with"]["fingerprint"]


def test_models_of_an_earlier_grid_stay_but_are_not_reported(data: Path, tmp_path: Path) -> None:
    wide = experiment(data, schemes=[{"type": "untuned"}, {"type": "text-only", "epochs": 1}], budgets=[])
    narrow = experiment(data, schemes=[{"type": "untuned"}], budgets=[])
    for settings, reported in ((wide, ["text-only-seed0", "untuned-seed0"]), (narrow, ["untuned-seed0"])):
        root = run(settings, data, tmp_path, Console(quiet=True))
        assert [result.name for result in read_results(root)] == reported
    assert (root / "text-only-seed0" / "result.json").exists()
    assert "| text-only" not in (root / "report.md").read_text()


def test_predict_answers_in_the_order_given(finished: Path, data: Path) -> None:
    first, second = data / "recordings" / "test3.wav", data / "recordings" / "test0.wav"
    model = load_finished_model(finished / "curriculum-50pct-seed0")
    rows = [prediction.to_json(model.task) for prediction in model.stream([first, second])]
    assert [row["file"] for row in rows] == [str(first), str(second)]
    written = (finished / "curriculum-50pct-seed0" / "predictions.jsonl").read_text()
    stored = [json.loads(line) for line in written.splitlines()]
    assert [row["text"] for row in rows] == [stored[3]["text"], stored[0]["text"]]


def test_predict_says_which_models_a_run_holds(finished: Path, data: Path) -> None:
    with pytest.raises(ValueError, match="models in it: curriculum-100pct-seed0"):
        load_finished_model(finished)


def test_the_paper_scale_settings_survive_the_round_trip(finished: Path) -> None:
    written = json.loads((finished / "untuned-seed0" / "settings.json").read_text())
    assert Experiment.model_validate(written).grid.budgets[0].amount == 50


def test_a_failed_cell_is_written_down_as_failed_and_has_no_score(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*arguments: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(model_run, "score", explode)
    settings = experiment(data, schemes=[{"type": "untuned"}])
    assert run_experiment(settings, data, tmp_path, Console(quiet=True)).failed == ("untuned-seed0",)
    (result,) = read_results(tmp_path / "tiny")
    assert (result.status, result.error, result.scores) == ("failed", "RuntimeError: out of memory", {})


def test_one_failed_model_does_not_end_the_grid_and_the_report_is_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = model_run.score, []

    def explode(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) in (1, 3):  # it is tried again after the other model
            raise RuntimeError("out of memory")
        return real(*arguments)

    monkeypatch.setattr(model_run, "score", explode)
    settings = experiment(data, schemes=[{"type": "untuned"}, {"type": "text-only", "epochs": 1}], budgets=[])
    outcome = run_experiment(settings, data, tmp_path, Console(quiet=True))
    assert outcome.failed == ("untuned-seed0",) and len(calls) == 3
    assert {r.name: r.status for r in read_results(outcome.folder.path)} == {
        "untuned-seed0": "failed",
        "text-only-seed0": "finished",
    }
    assert "out of memory" in outcome.folder.markdown.read_text()
    assert run_experiment(settings, data, tmp_path, Console(quiet=True)).failed == ()  # it is tried again


def test_a_model_that_fails_once_is_tried_again(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = model_run.score, []

    def explode_once(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("the network was gone")
        return real(*arguments)

    monkeypatch.setattr(model_run, "score", explode_once)
    settings = experiment(data, schemes=[{"type": "untuned"}], budgets=[])
    (result,) = run_experiment(settings, data, tmp_path, Console(quiet=True)).results
    assert result.finished and result.error is None


def test_a_run_shows_its_losses_where_it_is_asked_to(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: pip install 'eartune[tensorboard]'")
    settings = experiment(data, schemes=[{"type": "text-only", "epochs": 1}], budgets=[])
    outcome = run_experiment(settings, data, tmp_path, Console(quiet=True), track="tensorboard")
    (events,) = outcome.folder.tracking.rglob("events.out.*")
    assert events.parent.name == "text-only-seed0-text"
    with pytest.raises(InputError, match="clearml"):
        run_experiment(settings, data, tmp_path, Console(quiet=True), track="clearml")


def test_a_fault_of_the_input_ends_the_grid_with_a_report(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> Any:
        raise InputError("r1.wav: is no recording")

    monkeypatch.setattr(model_run, "score", refuse)
    settings = experiment(data, schemes=[{"type": "untuned"}, {"type": "text-only", "epochs": 1}], budgets=[])
    with pytest.raises(InputError, match="is no recording"):
        run_experiment(settings, data, tmp_path, Console(quiet=True))
    assert (tmp_path / "tiny" / "report.html").exists()
    assert not (tmp_path / "tiny" / "text-only-seed0").exists()


def test_an_interruption_before_the_first_result_is_not_hidden_by_the_report(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of an earlier grid has a result, and none of this one; there is nothing to report."""
    run(experiment(data, schemes=[{"type": "untuned"}], budgets=[]), data, tmp_path, Console(quiet=True))

    def interrupt(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(model_run, "score", interrupt)
    other = experiment(data, schemes=[{"type": "text-only", "epochs": 1}], budgets=[])
    with pytest.raises(KeyboardInterrupt):
        run_experiment(other, data, tmp_path, Console(quiet=True))


# --- what is reused -----------------------------------------------------------------------------------------------


def with_other_beams(settings: Experiment) -> Experiment:
    return settings.model_copy(update={"decoding": settings.decoding.model_copy(update={"beams": 1})})


@pytest.fixture(scope="module")
def curriculum(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, Path]:
    schemes = [{"type": "curriculum", "text_learning_rate": 1e-2, "speech_learning_rate": 1e-2}]
    settings = experiment(data, schemes=schemes, budgets=["100%"])
    return settings, run(settings, data, tmp_path_factory.mktemp("runs"), Console(quiet=True))


def stage_weights(root: Path, name: str) -> dict[str, torch.Tensor]:
    (stage,) = (root / "stages").glob(f"{name}-*")
    return load_file(stage / "weights.safetensors")


@pytest.mark.parametrize("missing", ["text", "mixed"])
def test_a_hole_in_the_stages_is_never_filled_from_the_weights_of_a_later_stage(
    curriculum: tuple[Experiment, Path], data: Path, tmp_path: Path, missing: str
) -> None:
    """Somebody frees disk by deleting a stage, changes the decoding, and runs again."""
    settings, first = curriculum
    shutil.copytree(first, tmp_path / "tiny")
    (hole,) = (tmp_path / "tiny" / "stages").glob(f"{missing}-*")
    shutil.rmtree(hole)
    again = run(with_other_beams(settings), data, tmp_path, Console(quiet=True))
    fresh = run(with_other_beams(settings), data, tmp_path / "fresh", Console(quiet=True))
    for name in ("text", "mixed"):
        filled, right = stage_weights(again, name), stage_weights(first, name)
        assert filled.keys() == right.keys()
        assert all(torch.equal(filled[key], right[key]) for key in right)
    answers = [(root / "curriculum-100pct-seed0/predictions.jsonl").read_text() for root in (again, fresh)]
    assert answers[0] == answers[1]


def test_the_last_of_two_finished_stages_is_loaded(
    curriculum: tuple[Experiment, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the first one, a curriculum that is decoded again would be scored with the weights of its text stage."""
    from eartune.training import trainer

    settings, first = curriculum
    loaded: list[Path] = []
    real = trainer.load_weights
    monkeypatch.setattr(trainer, "load_weights", lambda model, path: (loaded.append(path), real(model, path))[1])
    shutil.copytree(first, tmp_path / "tiny")
    run(with_other_beams(settings), data, tmp_path, Console(quiet=True))
    assert [path.parent.name.split("-")[0] for path in loaded] == ["mixed"]


def test_a_new_label_decodes_again_what_is_held_to_the_labels(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    settings = experiment(data, schemes=[{"type": "untuned"}], budgets=[])
    decoding = settings.decoding.model_copy(update={"constrain": "schema"})
    settings = settings.model_copy(update={"decoding": decoding})
    root = run(settings, folder, tmp_path / "runs", Console(quiet=True))
    before = json.loads((root / "untuned-seed0/result.json").read_text())
    more = Utterance("text99", "a new one", "en", SemanticFrame.of("alarm", "set"))
    write_manifest(folder / "text.jsonl", [*read_manifest(folder / "text.jsonl"), more])
    run(settings, folder, tmp_path / "runs", Console(quiet=True))
    after = json.loads((root / "untuned-seed0/result.json").read_text())
    assert after["made_with"]["fingerprint"] != before["made_with"]["fingerprint"]
    assert "alarm_set" in (root / "untuned-seed0/labels.json").read_text()


def test_two_recordings_of_one_name_in_two_folders_each_get_their_own_answer(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    recordings = []
    for place, seconds in (("near", 0.3), ("far", 1.9)):
        path = folder / place / "1.wav"
        write_audio(path, np.random.default_rng(len(place)).standard_normal(int(16_000 * seconds)).astype(np.float32))
        recordings.append(Recording(path, seconds))
    rows = [Utterance("both", "light on", "en", FRAMES[0], tuple(recordings)), *read_manifest(folder / "test.jsonl")]
    write_manifest(folder / "test.jsonl", rows)
    settings = experiment(data, schemes=[{"type": "untuned"}], budgets=[])
    root = run(settings, folder, tmp_path / "runs", Console(quiet=True))
    written = [json.loads(line) for line in (root / "untuned-seed0/predictions.jsonl").read_text().splitlines()]
    assert [row["file"] for row in written[:2]] == ["near/1.wav", "far/1.wav"]
    alone = load_finished_model(root / "untuned-seed0").stream([recording.path for recording in recordings])
    assert [row["text"] for row in written[:2]] == [prediction.text for prediction in alone]
    assert written[0]["text"] != written[1]["text"]
    assert (root / "report.html").exists()


def test_a_test_with_one_meaning_is_not_called_deaf(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    rows = [replace(row, frame=FRAMES[2]) for row in read_manifest(folder / "test.jsonl")]
    write_manifest(folder / "test.jsonl", rows)
    settings = experiment(data, schemes=[{"type": "untuned"}], budgets=[])
    root = run(settings, folder, tmp_path / "runs", Console(quiet=True))
    (result,) = read_results(root)
    assert result.listening == {"reason": "all recordings of the test have one meaning, so there is nothing to swap"}
    assert "DOES NOT LISTEN" not in (root / "report.md").read_text()


def test_a_new_adapter_learns_words_first_and_nothing_else_moves(data: Path, tmp_path: Path) -> None:
    settings = experiment(data, schemes=[{"type": "untuned"}, {"type": "text-only", "epochs": 1}], budgets=[])
    aligned = settings.data.model_copy(update={"alignment": settings.data.speech})
    root = run(settings.model_copy(update={"name": "aligned", "data": aligned}), data, tmp_path, Console(quiet=True))
    (stage,) = (root / "stages").glob("align-*")  # shared by both
    assert set(load_file(stage / "weights.safetensors")) == {
        "model.multi_modal_projector.linear.weight",
        "model.multi_modal_projector.linear.bias",
    }
    assert [result.name for result in read_results(root)] == ["text-only-seed0", "untuned-seed0"]


# --- baselines ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def baselines(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    schemes = [
        {"type": "prompted", "examples": 2},
        {"type": "cascade", "epochs": 1},
        {"type": "text-only", "epochs": 1},
    ]
    settings = experiment(data, schemes=schemes, budgets=[]).model_copy(update={"name": "baselines"})
    return run(settings, data, tmp_path_factory.mktemp("runs"), Console(quiet=True))


def test_a_cascade_reads_what_the_model_heard_before_it_was_tuned(baselines: Path) -> None:
    (transcripts,) = (baselines / "transcripts").glob("*/self.jsonl")
    heard = [json.loads(line) for line in transcripts.read_text().splitlines()]
    assert [row["file"] for row in heard] == [f"recordings/test{i}.wav" for i in range(4)]
    results = {result.name: result for result in read_results(baselines)}
    assert results["cascade-seed0"].listening is None and results["text-only-seed0"].listening is not None
    assert len(list((baselines / "stages").iterdir())) == 1  # tuned once for both


def test_a_prompted_model_is_asked_with_its_examples_again(baselines: Path, data: Path) -> None:
    said = json.loads((baselines / "prompted-seed0" / "plan.json").read_text())["preface"]
    assert said.startswith("Scenarios: light, music.\nActions: off, on, play.\n") and said.count("\n") == 5
    (test, *_) = sorted((data / "recordings").glob("test*"))
    (again,) = load_finished_model(baselines / "prompted-seed0").stream([test])
    first = json.loads((baselines / "prompted-seed0" / "predictions.jsonl").read_text().splitlines()[0])
    assert again.text == first["text"]


def test_another_recogniser_transcribes_for_a_cascade_before_the_model_is_loaded(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def pipeline(task: str, model: str, device: int) -> Callable[[list[dict[str, Any]]], list[dict[str, str]]]:
        def hear(sounds: list[dict[str, Any]]) -> list[dict[str, str]]:
            asked.extend(len(sound["raw"]) for sound in sounds)
            return [{"text": f" {model} heard  it"} for _ in sounds]

        return hear

    loads: list[int] = []  # of the audio LLM: how many recordings were transcribed by then
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda architecture: (loads.append(len(asked)), load(architecture))[1])
    monkeypatch.setattr("transformers.pipeline", pipeline)
    schemes = [{"type": "cascade", "epochs": 1, "asr": "openai/whisper-tiny"}]
    settings = experiment(data, schemes=schemes, budgets=[]).model_copy(update={"name": "whisper"})
    root = run(settings, data, tmp_path, Console(quiet=True))
    heard = next((root / "transcripts").glob("*/openai-whisper-tiny.jsonl")).read_text().splitlines()
    assert {json.loads(line)["text"] for line in heard} == {"openai/whisper-tiny heard it"}
    assert sorted(asked) == [4000, 4100, 4200, 4300]
    assert loads == [4]  # once, and when the recogniser has done its work
    with pytest.raises(InputError, match="is a cascade, which needs the transcripts of openai/whisper-tiny; name anot"):
        load_finished_model(root / "cascade-seed0")


# --- export ------------------------------------------------------------------------------------------------------


exports = pytest.mark.skipif(
    not transformers_is_at_least("5.23"), reason="transformers before 5.23 writes names that others cannot read"
)


def with_lora(data: Path, mode: str) -> Experiment:
    settings = experiment(data, schemes=[{"type": "text-only", "epochs": 2, "learning_rate": 1e-2}], budgets=[])
    training = Training(batch_size=4, lora=Lora(rank=2, dora=mode == "dora"))
    four_bits = {"precision": "nf4"} if mode == "nf4" else {}
    architecture = settings.architecture.model_copy(update=four_bits)
    return settings.model_copy(update={"name": mode, "training": training, "architecture": architecture})


@exports
@pytest.mark.parametrize("mode", ["lora", "dora", "nf4"])
def test_a_model_with_lora_is_merged_and_plain_transformers_agrees(
    data: Path, tmp_path: Path, mode: str, request: pytest.FixtureRequest
) -> None:
    if mode == "nf4":
        pytest.importorskip("bitsandbytes")
    if mode != "lora":
        request.getfixturevalue("stock_here")
    cell = run(with_lora(data, mode), data, tmp_path, Console(quiet=True)) / "text-only-seed0"
    said: list[str] = []
    export_run(cell, tmp_path / "exported", said.append)
    agreement = re.match(
        r"plain transformers agrees: the same most probable token for ([\d.]+)% of .*, logits within (\S+)", said[-1]
    )
    # Weights in 4 bits are rounded to bfloat16 when LoRA is merged into them, which moves logits that nearly tie.
    assert agreement and float(agreement[1]) >= (97 if mode == "nf4" else 100)
    assert float(agreement[2]) < 0.03
    before, after = tiny(Qwen2Audio).module.state_dict(), load_file(tmp_path / "exported" / "model.safetensors")
    changed = {name for name in after if not torch.equal(after[name], before[hub_to_ours(name)].to(after[name].dtype))}
    assert changed and all(".layers." in name and "audio" not in name for name in changed)


@exports
@pytest.mark.parametrize("mode", ["lora", "dora"])
def test_an_adapter_alone_is_what_peft_loads(
    data: Path, tmp_path: Path, mode: str, request: pytest.FixtureRequest
) -> None:
    if mode != "lora":
        request.getfixturevalue("stock_here")
    cell = run(with_lora(data, mode), data, tmp_path, Console(quiet=True)) / "text-only-seed0"
    said: list[str] = []
    export_run(cell, tmp_path / "adapter", said.append, adapter=True)
    assert said[-1].startswith("plain transformers agrees: the same most probable token for 100.0% of ")
    there = {path.name for path in (tmp_path / "adapter").iterdir()}
    requests = {"answer.schema.json", "request.json", "prompt.jinja", "check", "check_server.py"}
    assert there == {"adapter_config.json", "adapter_model.safetensors", "README.md", *requests}
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert "library_name: peft" in card and "its class for Qwen2-Audio takes no LoRA" in card
    size = (tmp_path / "adapter" / "adapter_model.safetensors").stat().st_size
    assert size < (data / "tiny" / "model.safetensors").stat().st_size / 4


@exports
def test_an_adapter_that_is_not_all_that_was_trained_is_refused(finished: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no LoRA; export the whole model, without --adapter"):
        export_run(finished / "text-only-seed0", tmp_path / "adapter", lambda line: None, adapter=True)
    settings = experiment(data, schemes=[{"type": "direct-mixing", "epochs": 1}], budgets=["100%"])
    mixed = settings.model_copy(update={"name": "mixed", "training": Training(batch_size=4, lora=Lora(rank=2))})
    cell = run(mixed, data, tmp_path, Console(quiet=True)) / "direct-mixing-100pct-seed0"
    with pytest.raises(
        InputError, match="its audio-encoder was trained too, which an adapter cannot hold; export without"
    ):
        export_run(cell, tmp_path / "adapter", lambda line: None, adapter=True)
    assert not (tmp_path / "adapter").exists()


def hub_to_ours(name: str) -> str:
    """Checkpoints on the hub name their parts otherwise than the library's modules."""
    if name.startswith("language_model.lm_head"):
        return name.removeprefix("language_model.")
    if name.startswith("language_model.model."):
        return "model.language_model." + name.removeprefix("language_model.model.")
    return name if name.startswith(("model.", "lm_head")) else f"model.{name}"


@exports
@pytest.mark.usefixtures("stock_here")
def test_an_exported_model_has_all_that_others_need_and_a_card(finished: Path, tmp_path: Path) -> None:
    export_run(finished / "curriculum-100pct-seed0", tmp_path / "exported", lambda line: None)
    there = {path.name for path in (tmp_path / "exported").iterdir()}
    assert there >= {"config.json", "generation_config.json", "processor_config.json", "tokenizer.json", "README.md"}
    card = (tmp_path / "exported" / "README.md").read_text()
    assert "scheme: curriculum, 100% of the speech" in card and "| slu_f1 | " in card and "<|audio_bos|>" in card
    assert list(tmp_path.iterdir()) == [tmp_path / "exported"]
    written = Experiment.model_validate(yaml.safe_load(card.split("```yaml\n")[1].split("```")[0]))
    assert written.grid == read_finished_model(finished / "curriculum-100pct-seed0").experiment.grid


@exports
@pytest.mark.usefixtures("stock_here")
def test_nothing_is_left_of_an_export_on_which_transformers_disagrees(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Qwen2Audio.save

    def spoil(model: Qwen2Audio, folder: Path) -> None:
        with torch.no_grad():
            model.module.lm_head.weight.neg_()
        save(model, folder)
        with torch.no_grad():
            model.module.lm_head.weight.neg_()

    monkeypatch.setattr(Qwen2Audio, "save", spoil)
    with pytest.raises(InputError, match="plain transformers answers differently from the model that was trained"):
        export_run(finished / "text-only-seed0", tmp_path / "exported", lambda line: None)
    assert list(tmp_path.iterdir()) == []


@exports
def test_an_export_overwrites_nothing(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="exists already; name a new folder, or an empty one"):
        export_run(finished / "text-only-seed0", tmp_path, lambda line: None)
