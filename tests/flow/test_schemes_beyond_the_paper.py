"""Schemes beyond the paper, each a whole run on a tiny model: what they write, and that it can be loaded again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from eartune.data.audio import write_audio
from eartune.data.example import Example
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.experiments.experiment import Experiment
from eartune.experiments.finished_model import load_finished_model, read_finished_model
from eartune.experiments.runner import run as run_experiment
from eartune.export.exporting import exported_settings
from eartune.files import read_json, read_lines
from eartune.inference import self_labelling
from eartune.models.batch import Clip
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import RowMaker
from eartune.report import read_results
from eartune.training import trainer
from eartune.training.callbacks import TrainingLog
from tiny_models import tiny

FRAMES = (
    SemanticFrame.of("light", "on", [Entity("room", "hall")]),
    SemanticFrame.of("light", "off", [Entity("room", "bath")]),
    SemanticFrame.of("music", "play"),
)

REAL, REAL_SAVE, REAL_CLIP = trainer.train_stage, trainer.save_weights, RowMaker._clip_to_learn


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint and three manifests; the "speech" is noise."""
    folder = tmp_path_factory.mktemp("data")
    tiny(Qwen2Audio).save(folder / "tiny")
    for name, count in (("text", 8), ("speech", 6), ("test", 3)):
        rows = [utterance(folder, name, i, spoken=name != "text") for i in range(count)]
        write_manifest(folder / f"{name}.jsonl", rows)
    return folder


def utterance(folder: Path, name: str, i: int, spoken: bool) -> Utterance:
    recordings = ()
    if spoken:
        path = folder / "recordings" / f"{name}{i}.wav"
        write_audio(path, np.random.default_rng(i).standard_normal(4000 + 100 * i).astype(np.float32) * 0.1)
        recordings = (Recording(path, (4000 + 100 * i) / 16_000),)
    return Utterance(f"{name}{i}", f"request {i}", "en", FRAMES[i % 3], recordings)


def experiment(data: Path, scheme: dict[str, Any], **changes: Any) -> Experiment:
    """One scheme at half of the speech, on two recordings a step."""
    rates = {"text_epochs": 1, "text_learning_rate": 1e-3, "speech_learning_rate": 1e-3}
    rates = {} if scheme["type"] == "stages" else rates
    pools = {name: [{"corpus": "manifest", "path": f"{name}.jsonl"}] for name in ("text", "speech", "test")}
    settings = {
        "name": "tiny",
        "question": "Does it run?",
        "data": pools | changes.pop("pools", {}),
        "architecture": {"type": "qwen2-audio", "checkpoint": str(data / "tiny"), "precision": "float32"},
        "grid": {"schemes": [rates | scheme], "budgets": ["50%"]},
        "training": {"batch_size": 2} | changes.pop("training", {}),
        "decoding": {"beams": 1, "max_new_tokens": 5, "batch_size": 3} | changes.pop("decoding", {}),
    }
    return Experiment.model_validate(settings | changes)


def run(settings: Experiment, data: Path, runs: Path) -> Path:
    """The folder of the only model, which did not fail."""
    outcome = run_experiment(settings, data, runs, Console(quiet=True))
    (result,) = read_results(outcome.folder.path)
    assert outcome.failed == () and result.status == "finished", result.error
    return outcome.folder.path / result.name


# --- the words, then the frame -----------------------------------------------------------------------------------


@pytest.mark.parametrize("constrain", ["nothing", "schema"])
def test_words_then_frame_answers_the_test_and_later_recordings_with_the_words_first(
    data: Path, tmp_path: Path, constrain: str
) -> None:
    model = run(experiment(data, {"type": "words-then-frame"}, decoding={"constrain": constrain}), data, tmp_path)
    assert read_json(model / "plan.json")["asked"] == "words-then-frame"
    predictions = [row for _, row in read_lines(model / "predictions.jsonl")]
    if constrain == "schema":
        assert {row["status"] for row in predictions} == {"OK"}
        assert all(row["text"].partition("\n")[2].startswith('{"scenario"') for row in predictions)
    loaded = load_finished_model(model)
    (again,) = loaded.stream([data / "recordings" / "test0.wav"])
    assert again.text == predictions[0]["text"]
    assert exported_settings(read_finished_model(model))["asked"] == "words-then-frame"


# --- a text teacher ----------------------------------------------------------------------------------------------

UNLABELLED = {"unlabelled": [{"corpus": "manifest", "path": "speech.jsonl"}]}


def test_a_distilled_model_learns_from_unlabelled_recordings_and_ends_as_one_that_was_cut(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = experiment(data, {"type": "distilled"}, pools=UNLABELLED)
    model = run(settings, data, tmp_path / "whole")
    (stage,) = (tmp_path / "whole" / "tiny" / "stages").glob("distilled-*")
    chosen = {row["id"] for row in read_json(model / "selection.json")["utterances"]}
    taught = [row["id"] for _, row in read_lines(stage / "teacher.jsonl")]
    assert sorted(taught) == sorted({f"speech{i}" for i in range(6)} - chosen)
    assert read_json(model / "plan.json")["stages"][1]["speech_examples"] == 6
    assert not (stage / "teacher").exists()

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "train_stage", lambda *args: (args[1].name == "distilled" and cut()) or REAL(*args))
    with pytest.raises(KeyboardInterrupt):
        run(settings, data, tmp_path / "cut")
    monkeypatch.undo()
    resumed = run(settings, data, tmp_path / "cut")
    assert (resumed / "predictions.jsonl").read_text() == (model / "predictions.jsonl").read_text()
    weights = [
        next((tmp_path / name).rglob("distilled-*/weights.safetensors")).read_bytes() for name in ("whole", "cut")
    ]
    assert weights[0] == weights[1]


def test_a_teacher_changes_what_is_learned(data: Path, tmp_path: Path) -> None:
    losses = []
    for weight in (0.1, 2.0):
        run(experiment(data, {"type": "distilled", "teacher_weight": weight}), data, tmp_path / str(weight))
        (log,) = (tmp_path / str(weight)).rglob("distilled-*/train.jsonl")
        losses.append([row["loss"] for _, row in read_lines(log)])
    assert losses[0] != losses[1] and all(map(np.isfinite, losses[0] + losses[1]))


# --- labels of its own -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trainable", [["language-model"], ["audio-encoder", "modality-adapter", "language-model"]])
def test_self_training_labels_what_the_budget_left_and_learns_what_agrees(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainable: list[str]
) -> None:
    """Answers of random weights never agree, so that every second recording is said to."""
    calls = iter(range(100))
    monkeypatch.setattr(self_labelling, "agree", lambda *_: next(calls) % 2 == 0)
    settings = experiment(data, {"type": "self-training", "trainable": trainable}, pools=UNLABELLED)
    model = run(settings, data, tmp_path)
    (stage,) = (tmp_path / "tiny" / "stages").glob("self-labelled-*")
    chosen = {row["id"] for row in read_json(model / "selection.json")["utterances"]}
    labelled = [row for _, row in read_lines(stage / "labelled.jsonl")]
    assert [row["kept"] for row in labelled] == [True, False, True]
    assert {row["id"] for row in labelled} == {f"speech{i}" for i in range(6)} - chosen
    counted = read_json(stage / "labelled.json")
    assert (counted["recordings"], counted["kept"], counted["with_known_label"], counted["right"]) == (3, 2, 2, 0)
    assert not (stage / "labelling").exists()
    (mixed,) = (tmp_path / "tiny" / "stages").glob("mixed-*")
    steps = [len(list(read_lines(folder / "train.jsonl"))) for folder in (mixed, stage)]
    assert steps == [4 + 2, 4 + 3]  # 8 texts and 3 recordings in batches of two; then two recordings more


def test_self_training_that_is_cut_while_it_labels_goes_on_to_the_same_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = experiment(data, {"type": "self-training"}, pools=UNLABELLED)
    monkeypatch.setattr(self_labelling, "agree", lambda *_: True)
    run(settings, data, tmp_path / "whole")
    real, seen = self_labelling._answers, []

    def cut(*args: Any) -> list[str]:
        seen.append(args)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(self_labelling, "_answers", cut)
    with pytest.raises(KeyboardInterrupt):
        run(settings, data, tmp_path / "cut")
    monkeypatch.setattr(self_labelling, "_answers", real)
    run(settings, data, tmp_path / "cut")
    for name in ("labelled.jsonl", "weights.safetensors"):
        whole, cut_once = (next((tmp_path / folder).rglob(f"self-labelled-*/{name}")) for folder in ("whole", "cut"))
        assert whole.read_bytes() == cut_once.read_bytes()


def test_self_training_without_recordings_to_label_is_refused(data: Path) -> None:
    with pytest.raises(ValueError, match=r"'self-training' needs recordings to label under data\.unlabelled"):
        experiment(data, {"type": "self-training"})


# --- transcription beside text -----------------------------------------------------------------------------------


# --- changed recordings ------------------------------------------------------------------------------------------


def test_recordings_change_at_each_showing_and_a_cut_stage_hears_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three recordings in two epochs; the stage is cut after four of its steps, from a checkpoint after each."""
    scheme = {"type": "curriculum", "speech_epochs": 2, "trainable": ["language-model"], "augment": {"noise": 1}}
    settings = experiment(data, scheme)
    heard: list[tuple[str, int, bytes]] = []

    def note(self: RowMaker, example: Example, recording: Recording) -> Clip:
        clip = REAL_CLIP(self, example, recording)
        if clip.mel is not None:
            heard.append((example.utterance.id, example.showing, clip.mel.numpy().tobytes()))
        return clip

    monkeypatch.setattr(RowMaker, "_clip_to_learn", note)
    monkeypatch.setattr(TrainingLog, "on_step_end", save_always)
    run(settings, data, tmp_path / "whole")
    whole = [mel for mel in heard if mel[0].startswith("speech")]
    assert len(whole) == len(set(whole)) == 6
    assert sorted(showing for _, showing, _ in whole) == [0, 0, 0, 1, 1, 1]

    heard.clear()
    monkeypatch.setattr(TrainingLog, "on_step_begin", cut_before_step(4))
    with pytest.raises(KeyboardInterrupt):
        run(settings, data, tmp_path / "cut")
    monkeypatch.undo()
    run(settings, data, tmp_path / "cut")
    weights = [next((tmp_path / n).rglob("mixed-*/weights.safetensors")).read_bytes() for n in ("whole", "cut")]
    assert weights[0] == weights[1]


def save_always(self: TrainingLog, args: Any, state: Any, control: Any, **_: Any) -> None:
    control.should_save = state.global_step < state.max_steps


def cut_before_step(step: int) -> Callable[..., None]:
    def cut(self: TrainingLog, args: Any, state: Any, control: Any, **_: Any) -> None:
        if "mixed" in str(self.path) and state.global_step == step:
            raise KeyboardInterrupt

    return cut


# --- stages that the YAML lists ----------------------------------------------------------------------------------


def test_listed_stages_are_trained_one_after_another_and_the_model_answers(data: Path, tmp_path: Path) -> None:
    """Text, two phases of a ramp, and an anneal with short recordings first; each stage goes on from the one before."""
    rate = {"learning_rate": 1e-3}
    sequence = [
        rate,
        *({"text": "50%", "speech": share} | rate for share in ("50%", "100%")),
        {"text": "0%", "speech": "100%", "order": "by-length"} | rate,
    ]
    settings = experiment(data, {"type": "stages", "sequence": sequence})
    model = run(settings, data, tmp_path)
    rows = read_json(model / "plan.json")["stages"]
    assert [(row["name"], row["text_examples"], row["speech_examples"]) for row in rows] == [
        *(("text", 8, 0), ("mixed", 4, 2), ("mixed-2", 4, 3), ("speech", 0, 3)),
    ]
    assert all((model / row["folder"] / "stage.json").is_file() for row in rows)
    (answer,) = load_finished_model(model).stream([data / "recordings" / "test0.wav"])
    assert answer.text == next(read_lines(model / "predictions.jsonl"))[1]["text"]
