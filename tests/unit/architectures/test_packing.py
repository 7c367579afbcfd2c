"""Rows of a pack are read as each alone, by every kind of decoder that is said to take packs."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel

from eartune.architectures.packing import PREFIX, TILE, Pack, attend_as_ever, attend_by_row, has_windows, takes_packs
from eartune.architectures.tiny import TINY_DECODER, scale_up

LENGTHS = (5, 30, 1, 17)
ENDS = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}
DECODERS: dict[str, dict[str, Any]] = {
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "llama": {},
    "granite": {},
    "phi3": {},
    "smollm3": {},
    "mistral": {"sliding_window": 7},
    "qwen2 with windows": {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
    "gemma2": {"sliding_window": 7, "head_dim": 8},
    "gemma3_text": {"sliding_window": 7, "head_dim": 8, "layer_types": ["sliding_attention", "full_attention"]},
    "gpt_oss": {"sliding_window": 7, "head_dim": 8, "num_local_experts": 2, "num_experts_per_tok": 1},
}


def decoder_of(kind: str, **settings: Any) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind.split()[0], **TINY_DECODER | ENDS | settings, vocab_size=60)
    decoder = AutoModel.from_config(config).eval()
    scale_up(decoder)
    return decoder


def padded(n_shared: int) -> tuple[Tensor, Tensor]:
    """Embeddings of rows with a shared beginning at the left and padding behind it, and their mask."""
    torch.manual_seed(1)
    embeds = torch.randn(len(LENGTHS), n_shared + max(LENGTHS), TINY_DECODER["hidden_size"])
    embeds[:, :n_shared] = embeds[0, :n_shared]
    places = torch.arange(max(LENGTHS))
    own = (places >= max(LENGTHS) - torch.tensor(LENGTHS)[:, None]).long()
    return embeds, torch.cat([own.new_ones(len(LENGTHS), n_shared), own], dim=1)


@pytest.mark.parametrize("n_shared", [0, 11])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", DECODERS)
def test_rows_are_read_as_each_alone(kind: str, attention: str, n_shared: int) -> None:
    decoder = decoder_of(kind, **DECODERS[kind])
    if attention == "sdpa" and not decoder._supports_sdpa:
        pytest.skip("this decoder has no fused attention")
    if attention == "sdpa" and getattr(decoder.config, "attn_logit_softcapping", None):
        pytest.skip("the library's fused attention bends no logits")
    decoder.config._attn_implementation = attention
    embeds, mask = padded(n_shared)
    with torch.no_grad():
        alone = [decoder(inputs_embeds=row[kept.bool()][None]) for row, kept in zip(embeds, mask, strict=True)]
        decoder.config._attn_implementation = PREFIX + attention
        pack = Pack(mask, n_shared)
        together = decoder(
            inputs_embeds=pack.lay(embeds),
            attention_mask=pack.segments,
            position_ids=pack.lay((mask.cumsum(dim=1) - 1).clamp(min=0)),
            use_cache=False,
        )
    assert takes_packs(decoder)
    assert together.last_hidden_state.shape[1] % TILE == 0
    found = pack.lift(together.last_hidden_state)
    for row, kept, expected in zip(found, mask, alone, strict=True):
        assert (row[kept.bool()] - expected.last_hidden_state[0]).abs().max() < 1e-5
    assert not found[mask == 0].any()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("lfm2", {"layer_types": ["conv", "full_attention"]}),  # which mixes neighbours without attention
        ("mamba", {}),  # which hands on a state
        ("llama4_text", {"layer_types": ["chunked_attention", "full_attention"], "moe_layers": []}),
        ("bloom", {"n_head": 4}),  # whose positions lie in the mask
    ],
)
def test_others_are_left_as_they_are(kind: str, settings: dict[str, Any]) -> None:
    assert not takes_packs(decoder_of(kind, **settings))


@pytest.mark.parametrize("kind", DECODERS)
def test_windows_are_known(kind: str) -> None:
    assert has_windows(decoder_of(kind, **DECODERS[kind])) == ("sliding_window" in DECODERS[kind])


def test_the_padding_computed_is_less_than_a_tile() -> None:
    embeds, mask = padded(0)
    assert Pack(mask).lay(embeds).shape[1] - int(mask.sum()) in range(TILE)


def test_an_attention_is_given_back() -> None:
    config = decoder_of("llama").config
    attend_by_row(config)
    attend_by_row(config)  # a model may get a second face
    assert config._attn_implementation.startswith(PREFIX)
    attend_as_ever(config)
    assert config._attn_implementation in ("eager", "sdpa")
