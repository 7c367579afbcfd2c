"""Pack a batch's rows into one sequence, so that padding is never computed and a shared prefix only once.

All layers of a transformer treat each position alone, except attention, which is computed here row by row.
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
"""The length of a packed sequence is a multiple of it; products of bfloat16 on a CPU are up to a quarter faster so."""
STEP = 64
"""Causal masks are made for lengths that are a multiple of it, so that few are made."""
PACKABLE = frozenset(
    (
        *("gemma2", "gemma3_text", "gemma4_text", "gpt_oss", "granite", "llama", "mistral", "phi3", "phi4_multimodal"),
        *("qwen2", "qwen2_5_omni_text", "qwen3", "qwen3_omni_moe_text", "smollm3"),
    )
)
"""The model types of decoders that tests show to compute packed rows as each row alone.

Others may mix neighbouring rows, or not pass sliding windows to their attention.
"""
PREFIX = "by_row_"
"""Put before the name of one of the library's attentions: the same, row by row where rows are packed."""


class PackedRows:
    """The place of each token of a padded batch in one packed sequence: the shared prefix first, then row after row."""

    def __init__(self, mask: Tensor, n_shared: int = 0) -> None:
        """`mask` (rows, tokens) is 0 on padding; its first `n_shared` columns are the prefix that all rows share."""
        self.n_shared = n_shared
        self.kept = mask != 0
        self.kept[1:, :n_shared] = False
        lengths = [n_shared, *mask[:, n_shared:].sum(dim=1).tolist()]
        self.n_filling = -sum(lengths) % TILE
        self.lengths = torch.tensor([*lengths, self.n_filling])[None, None, None]
        """How many tokens the prefix, each row, and the padding at the end have, int64, (1, 1, 1, 1 + rows + 1).

        Layers are given it as their attention mask: the library passes a mask of four dimensions on unchanged.
        """

    def pack(self, values: Tensor) -> Tensor:
        """Turn values of the padded batch, (rows, tokens, ...), into those of the packed sequence, (1, packed, ...)."""
        packed = values[self.kept]
        return pad(packed, (*(0, 0) * (packed.dim() - 1), 0, self.n_filling))[None]

    def unpack(self, states: Tensor) -> Tensor:
        """Turn states of the packed sequence, (1, packed, width), into (rows, tokens, width), zero on padding."""
        empty = states.new_zeros((*self.kept.shape, states.shape[-1]))
        own = empty.masked_scatter(self.kept[..., None], states)
        if not self.n_shared:
            return own
        prefix = own[:1, : self.n_shared].expand(len(own), -1, -1)
        return torch.cat([prefix, own[:, self.n_shared :]], dim=1)


def takes_packs(decoder: Any) -> bool:
    """Return whether a decoder is known to compute packed rows as each row alone."""
    return decoder.config.model_type in PACKABLE


def has_sliding_windows(decoder: Any) -> bool:
    """Return whether some layers attend only to a window of the last tokens."""
    config = decoder.config
    kinds = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    return (
        window is not None and window < config.max_position_embeddings and (not kinds or "sliding_attention" in kinds)
    )


def attend_by_row(config: Any) -> None:
    """Let the layers of the model with this configuration accept packed rows as well.

    On a CPU the plain product is faster than the fused kernel, for rows of a second as for rows of half a minute.
    """
    fused = torch.cuda.is_available() and config._attn_implementation in ("sdpa", f"{PREFIX}sdpa")
    config._attn_implementation = {"": f"{PREFIX}{'sdpa' if fused else 'eager'}"}


def _attend(
    plain: bool,
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **settings: Any,
) -> tuple[Tensor, Tensor | None]:
    """The library's attention on (rows, heads, tokens, head width); on packed rows, once for each of them."""
    # The model's own plain attention, as some models bend or add to what others have.
    attend: Any = sys.modules[type(module).__module__].eager_attention_forward if plain else sdpa_attention_forward
    if attention_mask is None or attention_mask.dtype != torch.int64:
        output: tuple[Tensor, Tensor | None] = attend(module, query, key, value, attention_mask, **settings)
        return output
    lengths: list[int] = attention_mask.flatten().tolist()
    prefix, *rows = zip(*(torch.split(part, lengths, dim=2) for part in (query, key, value)), strict=True)
    if lengths[0]:
        rows = [(q, *(torch.cat(pair, dim=2) for pair in zip(prefix[1:], own, strict=True))) for q, *own in rows]
    window = settings.get("sliding_window")
    longest = -(-(lengths[0] + max(lengths[1:])) // STEP) * STEP
    mask = _causal(longest, window, key.dtype, key.device) if module.is_causal else None
    found = []
    for q, k, v in (prefix, *rows):
        first, end = k.shape[2] - q.shape[2], k.shape[2]
        fastest = not plain and not first and not window  # the fused kernel knows by itself what is ahead
        seen = None if mask is None or fastest else mask[..., first:end, :end]
        if end > first:
            found.append(attend(module, q, k, v, seen, **settings)[0])
    return torch.cat(found, dim=1), None


@lru_cache(maxsize=8)  # shared by all layers, and by most batches
def _causal(length: int, window: int | None, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A mask to add to scores, (1, 1, length, length): lowest on later tokens and on those before the window."""
    place = torch.arange(length, device=device)
    back = place[:, None] - place[None, :]
    unseen = (back < 0) | (back >= (window or length))
    return torch.zeros_like(unseen, dtype=dtype).masked_fill(unseen, torch.finfo(dtype).min)[None, None]


for _name, _library_mask in (("eager", eager_mask), ("sdpa", sdpa_mask)):
    AttentionInterface.register(PREFIX + _name, partial(_attend, _name == "eager"))
    AttentionMaskInterface.register(PREFIX + _name, _library_mask)
