"""Pack a batch's rows into one sequence, so that padding is never computed and a shared prefix only once.

All layers of a transformer treat each position alone, except attention, for which the rows are laid side by side.
"""

import sys
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask

from eartune.models.fused_operations import computes_in

TILE = 16
"""The length of a packed sequence is a multiple of it; products of bfloat16 on a CPU are up to a quarter faster so."""
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
"""Put before the name of one of the library's attentions: the same, where rows are packed each within itself."""
PLAIN = frozenset(
    (
        *("LlamaAttention", "MistralAttention", "Qwen2Attention", "Qwen3Attention"),
        *("AudioFlamingo3Attention", "Qwen2AudioAttention"),
    )
)
"""The library's attentions that are softmax(q k^T) v and nothing more, for which `attend_plainly` stands in."""


class PackedRows:
    """The place of each token of a padded batch in one packed sequence: the shared prefix first, then row after row."""

    def __init__(self, mask: Tensor, n_shared: int = 0) -> None:
        """`mask` (rows, tokens) is 0 on padding; its first `n_shared` columns are the prefix that all rows share."""
        self.n_shared = n_shared
        self.kept = mask != 0
        self.kept[1:, :n_shared] = False
        lengths = [n_shared, *mask[:, n_shared:].sum(dim=1).tolist()]
        self.n_filling = TILE - sum(lengths) % TILE  # at least one token, for the padding of rows
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

    On a CPU the plain product is faster in training than the fused kernel, for rows of a second as for half a minute.
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
    """The library's attention on (rows, heads, tokens, head width); on packed rows, within each of them."""
    # The model's own plain attention, as some models bend or add to what others have.
    own: Any = sys.modules[type(module).__module__].eager_attention_forward if plain else sdpa_attention_forward
    attend: Any = attend_plainly if plain and type(module).__name__ in PLAIN else own
    if attention_mask is None or attention_mask.dtype != torch.int64:
        output: tuple[Tensor, Tensor | None] = attend(module, query, key, value, attention_mask, **settings)
        return output
    prefix, *lengths, n_filling = attention_mask.flatten().tolist()
    slots = _slots(tuple(lengths), n_filling, query.device)
    within = partial(attend, module, **settings)
    if prefix:
        cut = [torch.split(part, [prefix, part.shape[2] - prefix], dim=2) for part in (query, key, value)]
        return _behind_a_prefix(within, cut, slots, plain, settings.get("sliding_window")), None
    rows = [slots.lay_out(part) for part in (query, key, value)]
    window = settings.get("sliding_window")
    knows = not plain and module.is_causal and not window  # the fused kernel needs no mask to hide what is ahead
    return slots.collect(within(*rows, None if knows else slots.mask(module.is_causal, window, key.dtype))[0]), None


def _behind_a_prefix(
    within: Any, cut: Sequence[tuple[Tensor, ...]], slots: "Slots", plain: bool, window: int | None
) -> Tensor:
    """Attention of a prefix, and of rows that see the prefix and themselves; `cut` holds both parts of q, k and v."""
    (query, key, value), rows = ([parts[i] for parts in cut] for i in (0, 1))
    n, dtype, device = key.shape[2], key.dtype, key.device
    of_prefix = within(query, key, value, _causal(n, n, window, dtype, device) if plain or window else None)[0]
    own_query, *own = (slots.lay_out(part) for part in rows)
    shared = (part.expand(len(slots.lengths), -1, -1, -1) for part in (key, value))
    keys, values = (torch.cat(pair, dim=2) for pair in zip(shared, own, strict=True))
    mask = _causal(slots.longest, n + slots.longest, window, dtype, device)
    return torch.cat([of_prefix, slots.collect(within(own_query, keys, values, mask)[0])], dim=1)


class Slots(NamedTuple):
    """The places of packed tokens in rows side by side, padded on the right to the longest."""

    lengths: tuple[int, ...]
    longest: int
    tokens: Tensor
    """For each slot (rows * longest,), the packed token behind the prefix that it shows; of padding, a filling one."""
    slots: Tensor
    """For each packed token behind the prefix, its slot; filling tokens stand behind the shortest row."""

    def lay_out(self, heads: Tensor) -> Tensor:
        """Turn packed heads behind the prefix, (1, heads, packed, width), into rows (rows, heads, longest, width)."""
        packed = heads[0].transpose(0, 1)
        rows: Tensor = _Moved.apply(packed, self.tokens, self.slots)  # type: ignore[no-untyped-call]
        return rows.view(len(self.lengths), self.longest, *packed.shape[1:]).transpose(1, 2)

    def collect(self, rows: Tensor) -> Tensor:
        """Turn outputs (rows, longest, heads, width) into those of the packed tokens, (1, packed, heads, width)."""
        packed: Tensor = _Moved.apply(rows.flatten(0, 1), self.slots, self.tokens)  # type: ignore[no-untyped-call]
        return packed[None]

    def mask(self, is_causal: bool, window: int | None, dtype: torch.dtype) -> Tensor:
        """A mask to add to scores: of what is ahead for all rows alike, or else of each row's padding."""
        if is_causal:  # padding on the right is always ahead
            return _causal(self.longest, self.longest, window, dtype, self.tokens.device)
        ends = torch.tensor(self.lengths, device=self.tokens.device)[:, None, None, None]
        unseen = torch.arange(self.longest, device=self.tokens.device) >= ends
        return torch.zeros_like(unseen, dtype=dtype).masked_fill(unseen, torch.finfo(dtype).min)


@lru_cache(maxsize=8)  # shared by all layers
def _slots(lengths: tuple[int, ...], n_filling: int, device: torch.device) -> Slots:
    shortest = min(range(len(lengths)), key=lengths.__getitem__)
    longest = max(*lengths, lengths[shortest] + n_filling)
    taken = torch.tensor(lengths)[:, None] > torch.arange(longest)
    own = taken.flatten().nonzero()[:, 0]
    filling = shortest * longest + lengths[shortest] + torch.arange(n_filling)
    slots = torch.cat([own, filling])
    tokens = torch.full((len(lengths) * longest,), len(own))  # the first filling token, which learns nothing
    tokens[slots] = torch.arange(len(slots))
    return Slots(lengths, longest, tokens.to(device), slots.to(device))


class _Moved(Function):
    """Rows of a matrix in other places, some of them twice; the gradient is moved back, and copies have none."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, there: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(there, back)
        return source.index_select(0, there)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None]:
        _, back = ctx.saved_tensors
        return outer[0].index_select(0, back), None, None


def attend_plainly(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, scaling: float, **_: Any
) -> tuple[Tensor, None]:
    """Attention of (rows, heads, tokens, head width) as few products: keys shared by heads are not repeated.

    The fused kernel is the faster one where no gradient is needed; its backward pass on a CPU takes up to three times
    as long as that of the plain products.

    `attention_mask` (rows or 1, 1, tokens or 1, keys) is added to the scores. Returns (rows, tokens, heads, width).
    """
    n_rows, n_keys, length, width = key.shape
    shared, n_new = query.shape[1] // n_keys, query.shape[2]
    dtype = computes_in(query, n_rows * n_new)
    if dtype == query.dtype and not torch.is_grad_enabled():
        output = scaled_dot_product_attention(query, key, value, attention_mask, scale=scaling, enable_gqa=True)
        return output.transpose(1, 2), None
    q = query.to(dtype).reshape(n_rows * n_keys, shared * n_new, width)
    k, v = (part.to(dtype).reshape(n_rows * n_keys, length, width) for part in (key, value))
    if attention_mask is None:
        scores = torch.bmm(q, k.transpose(1, 2)) * scaling
    else:
        seen = attention_mask.to(dtype).expand(-1, shared, n_new, length).flatten(1, 2)
        if len(seen) > 1:
            seen = seen.repeat_interleave(n_keys, dim=0)
        scores = torch.baddbmm(seen, q, k.transpose(1, 2), alpha=scaling)
    output = torch.bmm(scores.softmax(dim=-1), v).view(n_rows, n_keys * shared, n_new, width)
    return output.transpose(1, 2).to(query.dtype).contiguous(), None


@lru_cache(maxsize=8)  # shared by all layers
def _causal(n_last: int, length: int, window: int | None, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A mask to add to scores of the last tokens, (1, 1, n_last, length): lowest ahead of and before what they see."""
    place = torch.arange(length, device=device)
    back = place[-n_last:, None] - place[None, :]
    unseen = (back < 0) | (back >= (window or length))
    return torch.zeros_like(unseen, dtype=dtype).masked_fill(unseen, torch.finfo(dtype).min)[None, None]


for _name, _library_mask in (("eager", eager_mask), ("sdpa", sdpa_mask)):
    AttentionInterface.register(PREFIX + _name, partial(_attend, _name == "eager"))
    AttentionMaskInterface.register(PREFIX + _name, _library_mask)
