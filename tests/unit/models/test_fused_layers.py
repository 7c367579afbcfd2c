"""Fused layers give the states, gradients and caches of the library's layers."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache

from decoders import DECODERS, decoder_of, padded
from eartune.models.fused_layers import FUSED, FusedLayer, fuse_layers
from eartune.models.packed_attention import PackedRows, attend_by_row

KINDS = ("llama", "mistral", "qwen2", "qwen2 with windows", "qwen3")


def fused(kind: str) -> Any:
    decoder = decoder_of(kind, **DECODERS[kind])
    attend_by_row(decoder.config)
    fuse_layers(decoder)
    return decoder


def states_of(decoder: Any, embeds: Tensor, mask: Tensor) -> Tensor:
    states: Tensor = decoder(inputs_embeds=embeds, attention_mask=mask, use_cache=False).last_hidden_state
    return states * mask[..., None]


@pytest.mark.parametrize("kind", KINDS)
def test_states_and_gradients_are_those_of_the_library(kind: str) -> None:
    found = []
    for decoder in (fused(kind), decoder_of(kind, **DECODERS[kind])):
        embeds, mask = padded(0)
        embeds.requires_grad_()
        states = states_of(decoder, embeds, mask)
        torch.manual_seed(2)
        (states * torch.randn(states.shape)).sum().backward()
        named = {name: value.grad for name, value in decoder.named_parameters() if value.grad is not None}
        found.append({"states": states, "embeds": embeds.grad, **named})
    assert found[0].keys() == found[1].keys()
    for name, value in found[1].items():
        assert (found[0][name] - value).abs().max() <= 1e-5 * value.abs().max(), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_shared", [0, 11])
def test_packed_rows_are_read_as_each_alone(kind: str, n_shared: int) -> None:
    decoder, stock = fused(kind), decoder_of(kind, **DECODERS[kind])
    embeds, mask = padded(n_shared)
    rows = PackedRows(mask, n_shared)
    with torch.no_grad():
        together = decoder(
            inputs_embeds=rows.pack(embeds),
            attention_mask=rows.lengths,
            position_ids=rows.pack((mask.cumsum(dim=1) - 1).clamp(min=0)),
            use_cache=False,
        ).last_hidden_state
        for row, kept, found in zip(embeds, mask, rows.unpack(together), strict=True):
            alone = stock(inputs_embeds=row[kept.bool()][None]).last_hidden_state[0]
            assert (found[kept.bool()] - alone).abs().max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_is_filled_and_read_as_by_the_library(kind: str) -> None:
    found = []
    embeds = padded(0)[0][:, :20]
    for decoder in (fused(kind), decoder_of(kind, **DECODERS[kind])):
        cache = DynamicCache(config=decoder.config)
        with torch.no_grad():
            parts = [
                decoder(inputs_embeds=part, past_key_values=cache).last_hidden_state for part in embeds.split(7, 1)
            ]
        found.append(torch.cat(parts, dim=1))
    assert (found[0] - found[1]).abs().max() < 1e-5


def test_layers_of_other_kinds_stay_the_librarys() -> None:
    for kind in ("granite", "smollm3", "gemma2"):
        assert not any(isinstance(layer, FusedLayer) for layer in fused(kind).layers)


def test_a_layer_with_another_activation_stays_the_librarys() -> None:
    decoder = decoder_of("llama", hidden_act="gelu")
    fuse_layers(decoder)
    assert not any(isinstance(layer, FusedLayer) for layer in decoder.layers)


def test_names_of_weights_stay() -> None:
    assert fused("qwen3").state_dict().keys() == decoder_of("qwen3", **DECODERS["qwen3"]).state_dict().keys()
    assert all(issubclass(ours, theirs) for theirs, ours in FUSED.items())
