"""Canaries: seconds to find out whether a model hears, alone and in a batch, and learns, before days of training."""

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
"""How far logits may be apart, as a share of the largest, and still be the same: bfloat16 has eight bits."""


@dataclass(frozen=True)
class Canary:
    """What was found, and what to do if it is not fine."""

    fine: bool
    found: str
    remedy: str


def canaries(model: AudioLLM) -> list[Canary]:
    """All of them; the model has an adapter afterwards and is of no other use."""
    return [hears(model), hears_alike_in_a_batch(model), learns_through_its_adapter(model)]


def hears(model: AudioLLM) -> Canary:
    """Another sound, or none, must change what it would say."""
    low, high, silence = (
        logits(model, [heard(model, wave)])[0] for wave in (sweep(200, 800), sweep(900, 3000), none())
    )
    change = min(apart(low, high), apart(low, silence))
    return Canary(
        change > 0.001,
        f"audio is heard: another sound, or none, changes its logits by {change:.1%} or more",
        "the recording does not reach the decoder; is the checkpoint of this type, and whole?",
    )


def hears_alike_in_a_batch(model: AudioLLM) -> Canary:
    """A longer clip and a text beside it must change nothing."""
    row = heard(model, sweep(200, 800))
    alone = logits(model, [row])[0]
    together = logits(
        model, [row, heard(model, sweep(900, 3000, 4.0)), Row(render(model.chat, QUESTION, "yes"), None, None)]
    )[0]
    change = apart(alone, together)
    return Canary(
        change < ROUNDING,
        f"a row is the same alone and in a batch, within {change:.1%}",
        "answers would depend on what stands beside them; set decoding.batch_size and training.micro_batch_size to 1",
    )


def learns_through_its_adapter(model: AudioLLM) -> Canary:
    """LoRA changes nothing before it has learned, and something after."""
    row = heard(model, sweep(200, 800))
    before = logits(model, [row])[0]
    device = model.device
    model.lora.add(Lora(rank=2), seed=0)
    model.module.to(device)
    fresh = logits(model, [row])[0]
    with torch.no_grad():
        for name, value in model.module.named_parameters():
            if "lora_B" in name:
                value.normal_(std=0.05)
    idle, active = apart(before, fresh), apart(before, logits(model, [row])[0])
    return Canary(
        idle < ROUNDING < active,
        f"an adapter matters: a fresh one changes logits by {idle:.1%}, one with weights by {active:.1%}",
        "LoRA does not reach the decoder; leave out training.lora, or use another version of peft",
    )


def heard(model: AudioLLM, wave: Wave) -> Row:
    """A clip and a question."""
    return Row(render(model.chat, QUESTION, None), model.features(wave), None)


@torch.no_grad()
def logits(model: AudioLLM, rows: list[Row]) -> Tensor:
    """Of the answer's first token, (rows, vocabulary), in float32."""
    model.module.eval()
    batch = model.collate(rows).to(model.device)
    return model.head(model.hidden(batch)[:, -1]).float()


def apart(one: Tensor, other: Tensor) -> float:
    """The largest difference as a share of the largest logit; more than anything, where a number is none."""
    difference = float((one - other).abs().max() / one.abs().max())
    return difference if np.isfinite(difference) else float("inf")


def sweep(start: float, end: float, seconds: float = 1.5) -> Wave:
    """A tone that rises, in hertz."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * (start * times + (end - start) * times**2 / (2 * seconds))
    return (0.3 * np.sin(phase)).astype(np.float32)


def none(seconds: float = 1.5) -> Wave:
    """Silence."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)
