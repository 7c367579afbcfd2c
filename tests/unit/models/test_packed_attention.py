"""Rows of a pack are read as each alone, by every kind of decoder that is said to take packs."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel

from eartune.models.packed_attention import (
    PACKABLE,
    PREFIX,
    TILE,
    PackedRows,
    attend_by_row,
    has_sliding_windows,
    takes_packs,
)
from eartune.models.registry import FAMILIES
from tiny_models import TINY_DECODER, is_supported, scale_up, tiny

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
    decoder.config._attn_implementation = attention
    embeds, mask = padded(n_shared)
    with torch.no_grad():
        alone = [decoder(inputs_embeds=row[kept.bool()][None]) for row, kept in zip(embeds, mask, strict=True)]
        decoder.config._attn_implementation = PREFIX + attention
        rows = PackedRows(mask, n_shared)
        together = decoder(
            inputs_embeds=rows.pack(embeds),
            attention_mask=rows.lengths,
            position_ids=rows.pack((mask.cumsum(dim=1) - 1).clamp(min=0)),
            use_cache=False,
        )
    assert takes_packs(decoder)
    assert together.last_hidden_state.shape[1] % TILE == 0
    found = rows.unpack(together.last_hidden_state)
    for row, kept, expected in zip(found, mask, alone, strict=True):
        assert (row[kept.bool()] - expected.last_hidden_state[0]).abs().max() < 1e-5
    assert not found[mask == 0].any()


def test_every_decoder_that_takes_packs_is_held_to_it() -> None:
    """Those of families by the contract suite, which compares them with the library's own forward."""
    if not all(is_supported(family) for family in FAMILIES.values()):
        pytest.skip("this transformers does not know all families")
    of_families = {tiny(family).language_model.config.model_type for family in FAMILIES.values()}
    assert {kind.split()[0] for kind in DECODERS} | of_families == PACKABLE


@pytest.mark.parametrize("kind", DECODERS)
def test_windows_are_known(kind: str) -> None:
    assert has_sliding_windows(decoder_of(kind, **DECODERS[kind])) == ("sliding_window" in DECODERS[kind])


def test_the_padding_computed_is_less_than_a_tile() -> None:
    embeds, mask = padded(0)
    assert PackedRows(mask).pack(embeds).shape[1] - int(mask.sum()) in range(TILE)


def test_an_attention_is_replaced_once() -> None:
    config, name = decoder_of("llama").config, "sdpa" if torch.cuda.is_available() else "eager"
    attend_by_row(config)
    attend_by_row(config)  # a module may be wrapped twice
    assert config._attn_implementation == f"{PREFIX}{name}"
