"""A share of an update lies between the weights before and after it, and nothing else is moved."""

import pytest
import torch

from eartune.models.audio_llm import AudioLLM
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.settings import Component, Lora
from eartune.training.scaling import keep_share
from tiny_models import tiny


def learned(has_lora: bool) -> Qwen2Audio:
    """A model of which every parameter of the adapter, and of the language model or its LoRA, was moved at random."""
    model = tiny(Qwen2Audio)
    if has_lora:
        model.lora.add(Lora(rank=2), seed=0)
    model.components.set_trainable((Component.MODALITY_ADAPTER, Component.LANGUAGE_MODEL))
    torch.manual_seed(1)
    for value in model.components.trainable():
        value.data += 0.1 * torch.randn(value.shape)
    return model


def merged(model: AudioLLM) -> dict[str, torch.Tensor]:
    model.lora.merge()
    return {name: value.detach() for name, value in model.module.named_parameters()}


@pytest.mark.parametrize("share", [0.25, 1.0])
@pytest.mark.parametrize("has_lora", [False, True])
def test_the_language_model_is_moved_back_and_the_adapter_stays(has_lora: bool, share: float) -> None:
    model = learned(has_lora)
    keep_share(model, (Component.LANGUAGE_MODEL,), share, lambda: tiny(Qwen2Audio))
    before, after, found = merged(tiny(Qwen2Audio)), merged(learned(has_lora)), merged(model)
    for name, value in found.items():
        is_moved = model.components.component_of(name) is Component.LANGUAGE_MODEL
        expected = before[name] + (share if is_moved else 1) * (after[name] - before[name])
        torch.testing.assert_close(value, expected, atol=1e-5, rtol=1e-5)


def test_lora_needs_no_second_model() -> None:
    def never() -> AudioLLM:
        raise AssertionError

    keep_share(learned(has_lora=True), (Component.LANGUAGE_MODEL,), 0.5, never)
