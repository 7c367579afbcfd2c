"""The disk that a run takes, by hand for known sizes and against the files of a tiny stage."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from builders import pool
from eartune.data.example import as_speech, as_text
from eartune.models.architecture import Architecture
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import RowMaker
from eartune.models.size import KNOWN, QWEN2_AUDIO_7B
from eartune.models.size_from_config import size_of_config
from eartune.settings import Component, Decoding, Lora, Training
from eartune.tasks.slu import SluTask
from eartune.training.callbacks import TrainingLog
from eartune.training.disk_estimate import cache_bytes, checkpoint_bytes, disk_estimate, weight_bytes
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY, DevSet, Stage
from eartune.training.trainer import save_weights, train_stage
from tiny_models import tiny

POCKET = KNOWN["pocket"]
ENCODER, ADAPTER, LANGUAGE_MODEL = 20_590_592 - 1500 * 512, 295_488, 162_830_016  # of the encoder not the sinusoids
LABELS = SluTask().labels(pool(1))
TEXT = Stage("text", as_text(pool(3)), 1, 1e-3, 0, LANGUAGE_MODEL_ONLY)
MIXED = Stage("mixed", as_speech(pool(3, 2.0)), 1, 1e-3, 0, EVERYTHING)
ALIGN = replace(MIXED, name="align", trainable=(Component.MODALITY_ADAPTER,))


def settings(precision: Any = "bfloat16", **training: Any) -> tuple[Architecture, Training]:
    return Architecture(type="qwen2-audio", checkpoint="pocket", precision=precision), Training(**training)


@pytest.mark.parametrize(
    ("stages", "changes", "weights", "optimizer"),
    [
        ((TEXT,), {}, 2 * LANGUAGE_MODEL, 12 * LANGUAGE_MODEL),
        ((TEXT,), {"precision": "float32"}, 4 * LANGUAGE_MODEL, 12 * LANGUAGE_MODEL),
        ((TEXT,), {"optimizer": "adamw-8bit"}, 2 * LANGUAGE_MODEL, 2 * LANGUAGE_MODEL),
        ((TEXT,), {"lora": Lora(rank=2)}, 2 * 2 * 305_280, 12 * 2 * 305_280),
        ((MIXED,), {}, 2 * (ENCODER + ADAPTER + LANGUAGE_MODEL), 12 * (ENCODER + ADAPTER + LANGUAGE_MODEL)),
        # What an earlier stage trained is saved again with the weights, but needs no optimizer any more.
        ((ALIGN, TEXT), {}, 2 * (ADAPTER + LANGUAGE_MODEL), 12 * LANGUAGE_MODEL),
        ((TEXT, ALIGN), {}, 2 * (ADAPTER + LANGUAGE_MODEL), 12 * ADAPTER),
    ],
)
def test_a_checkpoint_holds_all_trained_weights_and_the_optimizer_of_its_stage(
    stages: tuple[Stage, ...], changes: dict[str, Any], weights: int, optimizer: int
) -> None:
    assert weight_bytes(POCKET, stages, *settings(**changes)) == weights
    assert checkpoint_bytes(POCKET, stages, *settings(**changes)) == weights + optimizer


def test_a_run_keeps_all_weights_two_checkpoints_of_the_largest_stage_and_the_cache() -> None:
    architecture, training = settings(encoded_gb=3.0)
    found = disk_estimate(POCKET, [(TEXT,), (TEXT, MIXED), (MIXED,)], MIXED.examples, architecture, training)
    everything = ENCODER + ADAPTER + LANGUAGE_MODEL
    assert found.stages == 3
    assert found.weights == 2 * (LANGUAGE_MODEL + 2 * everything)
    assert found.checkpoints == 2 * 14 * everything
    assert found.encoder_cache == 3 * 2.0 * 50 * 1280 * 2
    assert found.total == found.weights + found.checkpoints + found.encoder_cache


@pytest.mark.parametrize("lora", [None, Lora(rank=2)])
def test_the_weights_of_the_best_epoch_lie_beside_the_checkpoints(lora: Lora | None) -> None:
    architecture, training = settings(lora=lora)
    dev, several = DevSet(as_speech(pool(3, 2.0)), Decoding()), replace(TEXT, epochs=2)
    plain, choosing, once = (
        disk_estimate(POCKET, [(one,)], (), architecture, training)
        for one in (several, replace(several, dev=dev), replace(TEXT, dev=dev))
    )
    assert once.checkpoints == plain.checkpoints  # of one epoch none is the best
    assert choosing.checkpoints - plain.checkpoints == weight_bytes(POCKET, (TEXT,), architecture, training)
    assert (plain.encoder_cache, choosing.encoder_cache) == (0, 3 * 2.0 * 50 * 1280 * 2)


def test_a_checkpoint_of_the_7b_model_takes_108_gb() -> None:
    assert checkpoint_bytes(QWEN2_AUDIO_7B, (TEXT,), *settings()) == pytest.approx(108.6e9, rel=1e-3)


def test_the_encoder_cache_is_bounded_and_holds_each_recording_once() -> None:
    examples = as_speech(pool(3, 2.0))
    assert cache_bytes(POCKET, [*examples, *examples], *settings()) == 3 * 2.0 * 50 * 1280 * 2
    assert cache_bytes(POCKET, examples, *settings(encoded_gb=1e-6)) == 1000
    assert cache_bytes(POCKET, as_text(pool(3)), *settings()) == 0


def test_a_stage_that_trains_its_encoder_caches_nothing() -> None:
    architecture, training = settings()
    assert disk_estimate(POCKET, [(MIXED,)], (), architecture, training).encoder_cache == 0
    assert disk_estimate(POCKET, [(ALIGN,)], (), architecture, training).encoder_cache > 0


class SavingLog(TrainingLog):
    """A log that asks for a checkpoint after the first step."""

    def on_step_end(self, args: object, state: Any, control: Any, **kwargs: object) -> None:
        control.should_save = state.global_step == 1


@pytest.mark.parametrize("lora", [None, Lora(rank=4)], ids=["all", "lora"])
def test_the_files_of_a_trained_stage_are_as_large_as_was_estimated(tmp_path: Path, lora: Lora | None) -> None:
    model = tiny(Qwen2Audio)
    size = size_of_config("qwen2-audio", model.module.config)
    architecture, training = settings("float32", lora=lora, batch_size=1)
    if lora is not None:
        model.lora.add(lora, seed=0)
    model.components.set_trainable(ALIGN.trainable)  # stands for a stage before
    rows = RowMaker(model, SluTask(), LABELS, architecture)
    log = SavingLog(tmp_path / "train.jsonl", lambda *_: None)
    train_stage(model, TEXT, rows.to_learn, training, 0, tmp_path, log)
    save_weights(model, tmp_path / "weights.safetensors")
    saved = load_file(tmp_path / "weights.safetensors")
    assert sum(value.nbytes for value in saved.values()) == weight_bytes(size, (ALIGN, TEXT), architecture, training)
    on_disk = sum(file.stat().st_size for file in (tmp_path / "checkpoint-1").iterdir())
    headers = 60_000  # names and shapes of tensors, the state of the random numbers, the trainer's own state
    estimate = checkpoint_bytes(size, (ALIGN, TEXT), architecture, training)
    assert estimate < on_disk < estimate + headers
