"""Checks of a model that take seconds: audio reaches the decoder, a batch mixes no rows, and LoRA has effect."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Row
from eartune.models.chat_format import render
from eartune.settings import Lora

QUESTION = "Repeat what is said."
ROUNDING = 0.03
"""The largest difference of logits that counts as equal, as a fraction of the largest logit: bfloat16 has 8 bits."""


@dataclass(frozen=True)
class CheckResult:
    """The finding of a check, whether it is fine, and what to do if it is not."""

    fine: bool
    found: str
    remedy: str


def check_model(model: AudioLLM) -> list[CheckResult]:
    """Run all checks; the model has random LoRA weights afterwards and cannot be used for anything else."""
    return [check_audio(model), check_batch(model), check_lora(model)]


def check_audio(model: AudioLLM) -> CheckResult:
    """Check that another sound, or silence, changes the logits of the answer."""
    low, high, none = (
        first_logits(model, [spoken_row(model, wave)])[0] for wave in (sweep(200, 800), sweep(900, 3000), silence())
    )
    change = min(relative_difference(low, high), relative_difference(low, none))
    return CheckResult(
        change > 0.001,
        f"audio reaches the decoder: another sound, or silence, changes its logits by {change:.1%} or more",
        "the recording does not reach the decoder; is the checkpoint complete, and of this type?",
    )


def check_batch(model: AudioLLM) -> CheckResult:
    """Check that a longer recording and a text in the same batch do not change the logits of a row."""
    row = spoken_row(model, sweep(200, 800))
    text_row = Row(render(model.chat, QUESTION, "yes"), None, None)
    alone = first_logits(model, [row])[0]
    together = first_logits(model, [row, spoken_row(model, sweep(900, 3000, 4.0)), text_row])[0]
    change = relative_difference(alone, together)
    return CheckResult(
        change < ROUNDING,
        f"a row has the same logits alone and in a batch, within {change:.1%}",
        "answers would depend on the rest of the batch; set decoding.batch_size and training.micro_batch_size to 1",
    )


def check_lora(model: AudioLLM) -> CheckResult:
    """Check that LoRA changes nothing before it is trained, and something once its weights are not zero."""
    row = spoken_row(model, sweep(200, 800))
    before = first_logits(model, [row])[0]
    model.lora.add(Lora(rank=2), seed=0)
    model.module.to(model.device)
    untrained = first_logits(model, [row])[0]
    with torch.no_grad():
        for name, value in model.module.named_parameters():
            if "lora_B" in name:
                value.normal_(std=0.05)
    idle = relative_difference(before, untrained)
    active = relative_difference(before, first_logits(model, [row])[0])
    return CheckResult(
        idle < ROUNDING < active,
        f"LoRA has effect: untrained it changes logits by {idle:.1%}, with random weights by {active:.1%}",
        "LoRA has no effect on the decoder; remove training.lora, or use another version of peft",
    )


def spoken_row(model: AudioLLM, wave: Wave) -> Row:
    """Return a row of a batch with a recording and a question."""
    return Row(render(model.chat, QUESTION, None), model.features(wave), None)


@torch.no_grad()
def first_logits(model: AudioLLM, rows: list[Row]) -> Tensor:
    """Return the logits of each answer's first token, shape (rows, vocabulary), in float32."""
    model.module.eval()
    batch = model.collate(rows).to(model.device)
    return model.head(model.hidden(batch)[:, -1]).float()


def relative_difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference as a share of the largest logit; infinity where a logit is not finite."""
    difference = float((one - other).abs().max() / one.abs().max())
    return difference if np.isfinite(difference) else float("inf")


def sweep(start: float, end: float, seconds: float = 1.5) -> Wave:
    """Return a tone that rises from `start` to `end` Hz."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * (start * times + (end - start) * times**2 / (2 * seconds))
    return (0.3 * np.sin(phase)).astype(np.float32)


def silence(seconds: float = 1.5) -> Wave:
    """Return samples that are all zero."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)
