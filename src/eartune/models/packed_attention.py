"""The rows of a batch one after another as a single one: no layer computes padding, nor a shared beginning twice.

All of a transformer's layers look at each position alone, but for their attention, which takes the rows apart.
"""

import sys
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask

TILE = 16
"""What a pack's length is a multiple of: products are up to a quarter slower otherwise (bfloat16 on a CPU)."""
STEP = 64
"""Masks are made for lengths that are a multiple of it, so that few are."""
PACKED = frozenset(
    (
        *("gemma2", "gemma3_text", "gemma4_text", "gpt_oss", "granite", "llama", "mistral", "phi3", "phi4_multimodal"),
        *("qwen2", "qwen2_5_omni_text", "qwen3", "qwen3_omni_moe_text", "smollm3"),
    )
)
"""Decoders that a test shows to read packs rightly; others may mix neighbours, or hide their windows from attention."""
PREFIX = "by_row_"
"""Before the name of an attention of the library's: the same, row by row where it is given a pack."""


class Pack:
    """Where each position of a batch stands: the beginning that all rows share, then what is each row's own."""

    def __init__(self, mask: Tensor, n_shared: int = 0) -> None:
        """The mask (rows, tokens) is 0 on padding, and nowhere in the first `n_shared` columns."""
        self.n_shared = n_shared
        self.kept = mask != 0
        self.kept[1:, :n_shared] = False
        lengths = [n_shared, *mask[:, n_shared:].sum(dim=1).tolist()]
        self.n_filling = -sum(lengths) % TILE
        self.segments = torch.tensor([*lengths, self.n_filling])[None, None, None]
        """What layers are given as their mask: four dimensions make the library hand it through to the attention."""

    def lay(self, values: Tensor) -> Tensor:
        """(rows, tokens, ...) to (1, packed, ...)."""
        packed = values[self.kept]
        return pad(packed, (*(0, 0) * (packed.dim() - 1), 0, self.n_filling))[None]

    def lift(self, states: Tensor) -> Tensor:
        """(1, packed, width) to (rows, tokens, width), zero on padding."""
        empty = states.new_zeros((*self.kept.shape, states.shape[-1]))
        own = empty.masked_scatter(self.kept[..., None], states)
        if not self.n_shared:
            return own
        beginning = own[:1, : self.n_shared].expand(len(own), -1, -1)
        return torch.cat([beginning, own[:, self.n_shared :]], dim=1)


def takes_packs(decoder: Any) -> bool:
    """Whether a decoder is known to read the rows of a pack as each alone."""
    return decoder.config.model_type in PACKED


def has_windows(decoder: Any) -> bool:
    """Whether some layers look back only so far."""
    config = decoder.config
    kinds = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    return (
        window is not None and window < config.max_position_embeddings and (not kinds or "sliding_attention" in kinds)
    )


def attend_by_row(config: Any) -> None:
    """Let the layers of a configuration take packs beside what they took before.

    On a CPU the plain product is faster than the fused kernel, for rows of a second as of half a minute.
    """
    fused = torch.cuda.is_available() and config._attn_implementation in ("sdpa", f"{PREFIX}sdpa")
    config._attn_implementation = {"": f"{PREFIX}{'sdpa' if fused else 'eager'}"}


def attend_as_ever(config: Any) -> None:
    """Take no packs any more; on a CPU the plain product stays."""
    config._attn_implementation = {"": config._attn_implementation.removeprefix(PREFIX)}


def _attend(
    plain: bool,
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **settings: Any,
) -> tuple[Tensor, Tensor | None]:
    """The library's attention, for which heads stand before positions; given a pack, once for each of its rows."""
    # The model's own plain attention, as some models bend or add to what others have.
    attend: Any = sys.modules[type(module).__module__].eager_attention_forward if plain else sdpa_attention_forward
    if attention_mask is None or attention_mask.dtype != torch.int64:
        output: tuple[Tensor, Tensor | None] = attend(module, query, key, value, attention_mask, **settings)
        return output
    lengths: list[int] = attention_mask.flatten().tolist()
    beginning, *rows = zip(*(torch.split(part, lengths, dim=2) for part in (query, key, value)), strict=True)
    if lengths[0]:
        rows = [(q, *(torch.cat(pair, dim=2) for pair in zip(beginning[1:], own, strict=True))) for q, *own in rows]
    window = settings.get("sliding_window")
    longest = -(-(lengths[0] + max(lengths[1:])) // STEP) * STEP
    mask = _causal(longest, window, key.dtype, key.device) if module.is_causal else None
    found = []
    for q, k, v in (beginning, *rows):
        first, end = k.shape[2] - q.shape[2], k.shape[2]
        fastest = not plain and not first and not window  # the fused kernel knows by itself what is ahead
        seen = None if mask is None or fastest else mask[..., first:end, :end]
        if end > first:
            found.append(attend(module, q, k, v, seen, **settings)[0])
    return torch.cat(found, dim=1), None


@lru_cache(maxsize=8)  # of all layers, and of most batches
def _causal(length: int, window: int | None, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(1, 1, length, length), low where a position would look ahead, or further back than its window."""
    place = torch.arange(length, device=device)
    back = place[:, None] - place[None, :]
    unseen = (back < 0) | (back >= (window or length))
    return torch.zeros_like(unseen, dtype=dtype).masked_fill(unseen, torch.finfo(dtype).min)[None, None]


for _name, _library_mask in (("eager", eager_mask), ("sdpa", sdpa_mask)):
    AttentionInterface.register(PREFIX + _name, partial(_attend, _name == "eager"))
    AttentionMaskInterface.register(PREFIX + _name, _library_mask)
