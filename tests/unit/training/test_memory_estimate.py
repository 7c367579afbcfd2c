"""What a stage takes, counted by hand for the pocket and the 7B model; benchmarks/footprint.py measures it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import pool

from eartune.data.example import Asked, Example, as_speech, as_text
from eartune.models.architecture import Architecture
from eartune.models.size import KNOWN, QWEN2_AUDIO_7B, Rate
from eartune.settings import Component, Lora, Training
from eartune.tasks.slu import SluTask
from eartune.training.gpus import gpu_named
from eartune.training.memory_estimate import (
    ENOUGH_POSITIONS,
    Footprint,
    activations,
    answer_tokens,
    content_tokens,
    footprint,
    largest_micro_batch,
    row_tokens,
)
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY, Stage

POCKET = KNOWN["pocket"]
ENCODER, ADAPTER, LANGUAGE_MODEL = Component
TEXT, SPEECH = as_text(pool(3)), as_speech(pool(3, 2.0))


def stage(examples: tuple[Example, ...], *components: Component) -> Stage:
    return Stage("one", examples, 1, 1e-4, 0, components)


def taken(
    components: tuple[Component, ...] = LANGUAGE_MODEL_ONLY,
    examples: tuple[Example, ...] = TEXT,
    precision: Any = "bfloat16",
    **training: Any,
) -> Footprint:
    architecture = Architecture(type="qwen2-audio", checkpoint="pocket", precision=precision)
    return footprint(
        POCKET, stage(examples, *components), architecture, Training(micro_batch_size=2, **training), SluTask()
    )


@pytest.mark.parametrize(
    ("components", "lora", "trained"),
    [
        (LANGUAGE_MODEL_ONLY, None, 162_830_016),
        (EVERYTHING, None, 162_830_016 + 295_488 + 20_590_592 - 1500 * 512),  # not the sinusoids
        (LANGUAGE_MODEL_ONLY, Lora(rank=16), 16 * 305_280),
        (LANGUAGE_MODEL_ONLY, Lora(rank=16, dora=True), 16 * 305_280 + 155_520),
        ((ADAPTER, LANGUAGE_MODEL), Lora(rank=8), 295_488 + 8 * 305_280),
        ((ADAPTER,), Lora(rank=8), 295_488),
    ],
)
def test_parameters_that_train(components: tuple[Component, ...], lora: Lora | None, trained: int) -> None:
    assert taken(components, lora=lora).trained == trained


@pytest.mark.parametrize(
    ("settings", "weights", "optimizer"),
    [
        ({}, 2 * 162_830_016, 12 * 162_830_016),
        ({"precision": "float32"}, 4 * 162_830_016, 12 * 162_830_016),
        ({"optimizer": "adamw-8bit"}, 2 * 162_830_016, 2 * 162_830_016),
        ({"lora": Lora(rank=1)}, 2 * (162_830_016 + 305_280), 12 * 305_280),
    ],
    ids=str,
)
def test_weights_and_their_optimizer_by_hand(settings: dict[str, Any], weights: int, optimizer: int) -> None:
    part = taken(**settings).parts[LANGUAGE_MODEL]
    assert (part.weights, part.optimizer) == (weights, optimizer)


def test_four_bits_are_a_quarter_of_bfloat16_and_scales() -> None:
    lora = Lora(rank=1)
    sixteen, four = (taken(lora=lora, precision=p).parts[LANGUAGE_MODEL].weights for p in ("bfloat16", "nf4"))
    assert sixteen - four == pytest.approx(POCKET.wrapped * (2 - 0.5 - 0.0159), rel=1e-3)


def test_the_peak_is_in_the_step_or_on_the_way_back() -> None:
    full, lora = taken(), taken(lora=Lora(rank=1))
    assert full.total == pytest.approx(2 * 183_716_096 + (12 + 4) * 162_830_016)
    kept = sum(part.weights + part.gradients + part.optimizer for part in lora.parts.values())
    assert lora.total == kept + lora.activations


def test_the_eight_bit_optimizer_keeps_no_float32_gradients() -> None:
    found = taken(optimizer="adamw-8bit")
    assert found.total == pytest.approx(2 * 183_716_096 + (2 + 2) * 162_830_016 + found.activations)


def test_a_micro_batch_is_its_longest_rows() -> None:
    """Two of three rows; 65 tokens of prompt, 25 a second, and an answer, whose logits are kept."""
    short, long = as_speech(pool(2, 1.0)), as_speech(pool(1, 4.0, prefix="l"))
    answer = len('{"scenario":"alarm","action":"set","entities":[{"date":"friday"}]}') / 3
    tokens = 2 * 65 + 25 * (1.0 + 4.0) + 2 * answer
    found = taken(examples=(*short, *long), lora=Lora(rank=1)).activations
    assert found == pytest.approx(tokens * POCKET.token_bytes + 2 * answer * POCKET.vocabulary * 2 * 2)


def test_a_budget_of_positions_bounds_the_rows_but_keeps_one() -> None:
    def kept(**limits: int) -> float:
        training = Training(lora=Lora(rank=1), **limits)
        return activations(POCKET, stage(as_speech(pool(3, 20.0)), LANGUAGE_MODEL), 2, training, SluTask())

    one = kept(micro_batch_size=1)
    longest = 65 + 25 * 20.0 + answer_tokens(SPEECH[0], SluTask())
    assert kept(micro_batch_tokens=10_000) == pytest.approx(3 * one)
    assert kept(micro_batch_tokens=int(2 * longest) + 1) == pytest.approx(2 * one)
    assert kept(micro_batch_tokens=1) == one
    assert kept(micro_batch_tokens=10_000, micro_batch_size=2) == pytest.approx(2 * one)


def test_without_limits_as_many_rows_are_counted_as_use_a_gpu_well() -> None:
    rows = as_speech(pool(50, 2.0))
    training = Training(lora=Lora(rank=1))
    found = largest_micro_batch(POCKET, stage(rows, LANGUAGE_MODEL), training, SluTask())
    assert 500 < sum(row_tokens(row, POCKET, SluTask()) for row in found) <= ENOUGH_POSITIONS


def test_an_encoder_that_trains_keeps_its_positions() -> None:
    more = taken(EVERYTHING, SPEECH).activations - taken(LANGUAGE_MODEL_ONLY, SPEECH).activations
    assert more == pytest.approx(2 * 2.0 * 50 * POCKET.state_bytes)


def test_recomputing_keeps_the_layers_inputs_and_one_layer() -> None:
    training = Training(micro_batch_size=1, lora=Lora(rank=1))
    again = training.model_copy(update={"recompute_activations": True})
    kept, recomputed = (
        activations(QWEN2_AUDIO_7B, stage(TEXT, LANGUAGE_MODEL), 2, one, SluTask()) for one in (training, again)
    )
    a_token = 32 * 2 * 4096 + QWEN2_AUDIO_7B.token_bytes / 32
    tokens = (kept - recomputed) / (QWEN2_AUDIO_7B.token_bytes - a_token)
    assert tokens == pytest.approx(65 + content_tokens(TEXT[0], QWEN2_AUDIO_7B) + answer_tokens(TEXT[0], SluTask()))


def test_a_window_of_30_seconds_costs_as_much_whatever_is_said() -> None:
    voxtral = replace(POCKET, tokens=Rate(12.5, least_seconds=30))
    assert content_tokens(SPEECH[0], voxtral) == content_tokens(as_speech(pool(1, 9.0))[0], voxtral) == 375


def test_words_that_are_asked_for_are_learned() -> None:
    asked = tuple(replace(example, asked=Asked.WORDS) for example in SPEECH)
    assert taken(examples=asked).activations < taken(examples=SPEECH).activations


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lora": Lora(rank=16)}, "24 GB (L4, A10, RTX 4090)"),
        ({"lora": Lora(rank=16), "precision": "nf4"}, "12 GB (RTX 4070)"),
        ({"optimizer": "adamw-8bit"}, "80 GB (A100, H100)"),
        ({}, "192 GB (B200)"),
    ],
    ids=str,
)
def test_which_gpu_holds_the_7b_model(settings: dict[str, Any], said: str) -> None:
    precision = settings.pop("precision", "bfloat16")
    architecture = Architecture(type="qwen2-audio", checkpoint="pocket", precision=precision)
    training = Training(micro_batch_size=2, **settings)
    assert footprint(QWEN2_AUDIO_7B, stage(TEXT, LANGUAGE_MODEL), architecture, training, SluTask()).gpu == said


def test_what_no_gpu_holds_is_said_so() -> None:
    architecture = Architecture(type="qwen2-audio", checkpoint="pocket", precision="float32")
    rows = as_speech(pool(64, 30.0))
    found = footprint(QWEN2_AUDIO_7B, stage(rows, *EVERYTHING), architecture, Training(micro_batch_size=64), SluTask())
    assert found.gpu == "more than one GPU has"


@pytest.mark.parametrize(("gpus", "gigabytes"), [(1, 134.4), (2, 84.0), (4, 58.8), (8, 46.2)])
def test_gpus_that_train_a_model_together_share_masters_and_moments(gpus: int, gigabytes: float) -> None:
    """16.8 GB of weights and 16.8 of gradients on each, 100.8 of AdamW divided; activations come on top.

    One GPU has its peak in the step, where gradients are in float32.
    """
    architecture = Architecture(type="qwen2-audio", checkpoint="pocket")
    training = Training(micro_batch_size=1)
    found = footprint(QWEN2_AUDIO_7B, stage(SPEECH, *EVERYTHING), architecture, training, SluTask(), gpus)
    kept = sum(part.weights + part.gradients + part.optimizer for part in found.parts.values())
    assert kept / 1e9 == pytest.approx(gigabytes, abs=0.1)
    if gpus > 1:
        assert found.total == kept + found.activations


def test_the_step_of_a_share_needs_a_share_of_float32_gradients() -> None:
    architecture = Architecture(type="qwen2-audio", checkpoint="pocket")
    one, four = (
        footprint(POCKET, stage(TEXT, LANGUAGE_MODEL), architecture, Training(), SluTask(), gpus) for gpus in (1, 4)
    )
    assert four.step == one.step / 4 > 0
    assert four.activations == one.activations


@pytest.mark.parametrize(
    ("gpus", "training", "name", "fits"),
    [
        (1, {}, "H200", False),
        (4, {}, "H100", True),
        (2, {}, "H100", False),
        (2, {"recompute_activations": True}, "H100", False),
        (2, {"optimizer": "adamw-8bit"}, "H100", True),
        (1, {"optimizer": "adamw-8bit"}, "H100", True),
        (1, {"optimizer": "adamw-8bit"}, "L40S", False),
    ],
    ids=str,
)
def test_which_gpus_hold_all_weights_of_the_7b_model(gpus: int, training: Any, name: str, fits: bool) -> None:
    architecture = Architecture(type="qwen2-audio", checkpoint="pocket")
    rows = as_speech(pool(64, 4.0))
    found = footprint(QWEN2_AUDIO_7B, stage(rows, *EVERYTHING), architecture, Training(**training), SluTask(), gpus)
    assert found.fits(gpu_named(name)) == fits
