"""Rows of a pack are read as each alone, by every kind of decoder that is said to take packs."""

import pytest
import torch

from decoders import DECODERS, decoder_of, padded
from eartune.models.fused_layers import fuse_layers
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
from tiny_models import is_supported, tiny


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


@pytest.mark.parametrize("n_shared", [0, 11])
@pytest.mark.parametrize("lengths", [(8, 8), (10, 11, 12, 30, 31), (21, 20, 19), (16,)], ids=str)
@pytest.mark.parametrize("kind", ["llama", "granite", "gemma2"])
def test_gradients_of_rows_side_by_side_are_those_of_each_alone(
    kind: str, lengths: tuple[int, ...], n_shared: int
) -> None:
    """Rows of one length leave no padding, and some packs need no filling."""
    found = []
    for packs in (True, False):
        decoder = decoder_of(kind, **DECODERS[kind])
        embeds, mask = padded(n_shared, lengths)
        embeds.requires_grad_()
        torch.manual_seed(2)
        weights = torch.randn(embeds.shape) * mask[..., None]
        weights[:, :n_shared] = 0  # as in training: only answers, which are behind the prefix, are learned
        if packs:
            attend_by_row(decoder.config)
            fuse_layers(decoder)
            rows = PackedRows(mask, n_shared)
            states = decoder(
                inputs_embeds=rows.pack(embeds),
                attention_mask=rows.lengths,
                position_ids=rows.pack((mask.cumsum(dim=1) - 1).clamp(min=0)),
                use_cache=False,
            ).last_hidden_state
            (rows.unpack(states) * weights).sum().backward()
        else:
            for row, kept, own in zip(embeds, mask.bool(), weights, strict=True):
                (decoder(inputs_embeds=row[kept][None]).last_hidden_state[0] * own[kept]).sum().backward()
        named = {name: value.grad for name, value in decoder.named_parameters() if value.grad is not None}
        found.append({**named, "own": embeds.grad[:, n_shared:]})
        if n_shared:
            found[-1]["shared"] = embeds.grad[:, :n_shared].sum(dim=0)
    for name, value in found[1].items():
        assert (found[0][name] - value).abs().max() <= 2e-5 * max(1.0, float(value.abs().max())), name


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
