"""A forecast from counted operations, each case counted by hand for the 7B model on an H100."""

from dataclasses import replace
from typing import Any

import pytest

from builders import experiment, pool
from eartune.data.example import as_speech, as_text
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.plan import Pools, plan_cells
from eartune.experiments.time_estimate import SECONDS_TO_START, Forecast, Tokens, training_flop
from eartune.models.size import QWEN2_AUDIO_7B
from eartune.settings import Augmentation, Component, Decoding, Training
from eartune.training.gpus import gpu_named
from eartune.training.memory_estimate import answer_tokens, row_tokens
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY, DevSet, Stage

H100 = gpu_named("H100")
CHECKPOINT = {"type": "qwen2-audio", "checkpoint": "Qwen/Qwen2-Audio-7B-Instruct"}
BODY, HEAD, ENCODER = 6_476_005_376, 156_032 * 4096, QWEN2_AUDIO_7B.parameters[Component.AUDIO_ENCODER]
TRAINED = 7_754_878_976  # parameters of the language model
TEXT, SPEECH = as_text(pool(1000)), as_speech(pool(1000, 3.0))


def settings(**changes: Any) -> Experiment:
    return experiment(architecture=CHECKPOINT, training={"batch_size": 128} | changes)


def forecast(wanted: Experiment, gpus: int = 1, n_test: int = 32) -> Forecast:
    test = as_speech(pool(n_test, 3.0, prefix="t"))
    return Forecast(wanted, Pools(pool(4), pool(4, 3.0), test, wanted.task.labels(pool(4))), H100, gpus)


def stage(examples: Any, trainable: Any = LANGUAGE_MODEL_ONLY, epochs: int = 2) -> Stage:
    return Stage("one", examples, epochs, 1e-4, 0, trainable)


def tokens(examples: Any) -> tuple[float, float]:
    task = settings().task
    rows = sum(row_tokens(example, QWEN2_AUDIO_7B, task) for example in examples)
    return rows, sum(answer_tokens(example, task) for example in examples)


def test_a_text_stage_is_three_passes_of_the_decoder_and_its_optimizer() -> None:
    """Two epochs of 1000 texts in 8 steps each: 6 FLOP for each weight and token, and 46 bytes for each weight."""
    rows, answers = tokens(TEXT)
    products = 2 * 6 * (BODY * rows + HEAD * answers) / (0.4 * 989e12)
    optimizer = 2 * 8 * 46 * TRAINED / (0.6 * 3.35e12)
    assert forecast(settings()).stage(stage(TEXT)) == pytest.approx(products + optimizer)


def test_an_example_of_text_takes_about_as_long_as_counted_by_operation() -> None:
    """benchmarks/on_paper.py counts 30.8 TFLOP for 8 texts of about 100 tokens, which share the chat's opening."""
    seconds = forecast(settings(optimizer="adamw-8bit")).stage(stage(TEXT, epochs=1))
    assert seconds / 1000 * 0.4 * 989 == pytest.approx(30.8 / 8, rel=0.25)


def test_with_lora_weights_have_no_gradients() -> None:
    rows, answers = tokens(TEXT)
    products = 2 * 4 * (BODY * rows + HEAD * answers) / (0.4 * 989e12)
    assert forecast(settings(lora={"rank": 16})).stage(stage(TEXT)) == pytest.approx(products, rel=0.01)


def test_recomputed_activations_are_one_more_pass_of_the_layers() -> None:
    rows, _ = tokens(TEXT)
    more = [forecast(settings(recompute_activations=again)).stage(stage(TEXT)) for again in (True, False)]
    assert more[0] - more[1] == pytest.approx(2 * 2 * BODY * rows / (0.4 * 989e12))


@pytest.mark.parametrize(
    ("trainable", "augment", "encoded_gb", "passes"),
    [
        (EVERYTHING, None, 10, 6),
        (LANGUAGE_MODEL_ONLY, None, 10, 1),
        (LANGUAGE_MODEL_ONLY, None, 0, 2),
        (LANGUAGE_MODEL_ONLY, Augmentation(), 10, 2),
    ],
)
def test_an_encoder_that_trains_has_three_passes_an_epoch_and_a_frozen_one_is_kept(
    trainable: Any, augment: Augmentation | None, encoded_gb: float, passes: int
) -> None:
    spoken = replace(stage(SPEECH, trainable), augment=augment)
    flop = training_flop(QWEN2_AUDIO_7B, spoken, Training(encoded_gb=encoded_gb), Tokens(0, 0, positions=150_000))
    assert flop == 2 * ENCODER * passes * 150_000


def test_small_micro_batches_wait_for_the_host() -> None:
    """2000 of them, 32 layers, 170 operations of 5 microseconds each, whatever the products."""
    of = forecast(settings(micro_batch_size=1, optimizer="adamw-8bit"))
    short = stage(TEXT[:1])
    optimizer = 2 * 16 * TRAINED / (0.6 * 3.35e12)
    assert of.stage(short) == pytest.approx(2 * 128 * 32 * 170 * 5e-6 + optimizer)


def test_gpus_of_one_model_divide_its_work() -> None:
    one, four = (forecast(settings(), gpus).stage(stage(TEXT)) for gpus in (1, 4))
    assert four == pytest.approx(one / 4)


def test_answers_wait_for_weights_to_be_read() -> None:
    """32 answers in two batches, each as long as its longest, a token of which reads the layers and the head."""
    wanted = settings()
    of = forecast(wanted)
    plan = plan_cells(wanted, Pools(pool(4), pool(4, 3.0), (), wanted.task.labels(pool(4))))[0]
    test = as_speech(pool(32, 3.0, prefix="t"))
    rows, _ = tokens(test)
    prompts = 2 * (BODY * rows + ENCODER * 150 * 32) / (0.4 * 989e12)
    longest = max(answer_tokens(example, wanted.task) for example in test)
    written = 2 * longest * 2 * (BODY + HEAD) / (0.6 * 3.35e12)
    assert of.decoding(plan) == pytest.approx(SECONDS_TO_START + prompts + written)


def test_a_cascade_reads_transcripts_that_are_written_first() -> None:
    wanted = experiment(architecture=CHECKPOINT, grid__schemes=[{"type": "text-only"}, {"type": "cascade"}])
    text_only, cascade = plan_cells(wanted, Pools(pool(4), (), (), wanted.task.labels(pool(4))))
    of = forecast(wanted)
    assert of.decoding(cascade) > of.decoding(text_only) + 0.1


def test_the_dev_set_is_answered_after_every_epoch() -> None:
    """Greedy answers to as many recordings as the test has, which is answered once."""
    greedy = settings().model_copy(update={"decoding": Decoding(beams=1)})
    plan = plan_cells(greedy, Pools(pool(4), pool(4, 3.0), as_speech(pool(1, 3.0)), greedy.task.labels(pool(4))))[0]
    alone, test = stage(TEXT, epochs=3), as_speech(pool(32, 3.0, prefix="t"))
    choosing = replace(alone, dev=DevSet(test, Decoding(beams=1)))
    found = forecast(greedy)
    expected = 3 * (found.decoding(plan) - SECONDS_TO_START)
    assert found.stage(choosing) - found.stage(alone) == pytest.approx(expected)
    prompted = replace(plan, prompts=plan.prompts * 3, dev=choosing.dev)
    assert found.decoding(prompted) - found.decoding(plan) == pytest.approx(expected)


def test_weights_in_float32_have_no_forecast() -> None:
    with pytest.raises(InputError, match=r"^alarms: a forecast for a GPU is for products in bfloat16; leave --gpu out"):
        forecast(experiment(architecture=CHECKPOINT | {"precision": "float32"}))


def test_the_forecast_says_what_it_is() -> None:
    assert forecast(settings()).source == (
        "A forecast from counted operations at 40% of the peak of an H100 (989 TFLOP/s in bfloat16), "
        "which was never measured on such a GPU."
    )
