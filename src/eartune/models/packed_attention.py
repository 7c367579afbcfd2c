"""Pack a batch's rows into one sequence, so that padding is never computed and a shared prefix only once.

All layers of a transformer treat each position alone, except attention, for which the rows are laid side by side.
"""

import math
import sys
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
SPREAD = {"cpu": 1.25}
"""How many times as long as the shortest row of a group its longest may be, so that little padding is computed.

Elsewhere all rows are one group: a GPU computes the padding of short rows in less time than it takes to launch more.
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
    groups = _groups(tuple(lengths), n_filling, query.device)
    cut = [torch.split(part, [prefix, *(group.n_tokens for group in groups)], dim=2) for part in (query, key, value)]
    within = partial(attend, module, **settings)
    window = settings.get("sliding_window")
    shared = [part[0] for part in cut]
    outputs = []
    if prefix:
        mask = _causal(prefix, prefix, window, key.dtype, key.device) if plain or window else None
        outputs.append(within(*shared, mask)[0])
    for group, *rows in zip(groups, *(part[1:] for part in cut), strict=True):
        own_query, *own = (group.lay_out(part) for part in rows)
        if prefix:
            own = [
                torch.cat([part.expand(len(group.lengths), -1, -1, -1), after], dim=2)
                for part, after in zip(shared[1:], own, strict=True)
            ]
        knows = not (plain or prefix or window) and module.is_causal  # the fused kernel hides what is ahead by itself
        mask = None if knows else group.mask(module.is_causal, prefix, window, key.dtype)
        outputs.append(group.collect(within(own_query, *own, mask)[0]))
    return torch.cat(outputs, dim=1), None


class Group(NamedTuple):
    """Neighbouring rows of a pack, and their places side by side, padded on the right to the longest."""

    lengths: tuple[int, ...]
    longest: int
    n_tokens: int
    """How many packed tokens the rows have, with those that fill up the pack in its last group."""
    tokens: Tensor
    """For each slot (rows * longest,), the token of the group that it shows; of padding, any."""
    slots: Tensor
    """For each token of the group, (n_tokens,), its slot; filling tokens stand behind the shortest row."""
    padding: Tensor
    """The slots that show padding."""

    def lay_out(self, heads: Tensor) -> Tensor:
        """Turn heads of the group's tokens, (1, heads, tokens, width), into rows (rows, heads, longest, width)."""
        packed = heads[0].transpose(0, 1)
        rows: Tensor = _Moved.apply(packed, self.tokens, self.slots, None)  # type: ignore[no-untyped-call]
        return rows.view(len(self.lengths), self.longest, *packed.shape[1:]).transpose(1, 2)

    def collect(self, rows: Tensor) -> Tensor:
        """Turn outputs (rows, longest, heads, width) into those of the group's tokens, (1, tokens, heads, width)."""
        given = (rows.flatten(0, 1), self.slots, self.tokens, self.padding)
        packed: Tensor = _Moved.apply(*given)  # type: ignore[no-untyped-call]
        return packed[None]

    def mask(self, is_causal: bool, n_shared: int, window: int | None, dtype: torch.dtype) -> Tensor:
        """A mask to add to scores: of what is ahead, for all rows alike, or else of each row's padding."""
        if is_causal:  # padding on the right is always ahead
            return _causal(self.longest, n_shared + self.longest, window, dtype, self.tokens.device)
        ends = torch.tensor(self.lengths, device=self.tokens.device)[:, None, None, None]
        unseen = torch.arange(self.longest, device=self.tokens.device) >= ends
        return torch.zeros_like(unseen, dtype=dtype).masked_fill(unseen, torch.finfo(dtype).min)


@lru_cache(maxsize=8)  # shared by all layers
def _groups(lengths: tuple[int, ...], n_filling: int, device: torch.device) -> list[Group]:
    """Cut rows into groups of neighbours with similar lengths; rows of a micro-batch are sorted by length."""
    spread = SPREAD.get(device.type, math.inf)
    groups: list[list[int]] = [[]]
    for length in lengths:
        if groups[-1] and max(*groups[-1], length) > spread * min(*groups[-1], length):
            groups.append([])
        groups[-1].append(length)
    return [_group(tuple(rows), n_filling if rows is groups[-1] else 0, device) for rows in groups]


def _group(lengths: tuple[int, ...], n_filling: int, device: torch.device) -> Group:
    shortest = min(range(len(lengths)), key=lengths.__getitem__)
    longest = max(*lengths, lengths[shortest] + n_filling)
    taken = torch.tensor(lengths)[:, None] > torch.arange(longest)
    filling = shortest * longest + lengths[shortest] + torch.arange(n_filling)
    slots = torch.cat([taken.flatten().nonzero()[:, 0], filling])
    tokens = torch.full((len(lengths) * longest,), -1)
    tokens[slots] = torch.arange(len(slots))
    padding = (tokens < 0).nonzero()[:, 0]
    return Group(lengths, longest, len(slots), tokens.clamp(0).to(device), slots.to(device), padding.to(device))


class _Moved(Function):
    """Rows of a matrix in other places, some of them twice; their gradient is moved back.

    What is moved back to `padding` is zero, as padding is read by nobody.
    """

    @staticmethod
    def forward(ctx: Any, source: Tensor, there: Tensor, back: Tensor, padding: Tensor | None) -> Tensor:
        ctx.save_for_backward(back, padding)
        return source.index_select(0, there)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None, None]:
        back, padding = ctx.saved_tensors
        gradient = outer[0].index_select(0, back)
        return gradient if padding is None else gradient.index_fill_(0, padding, 0), None, None, None


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
    if not torch.is_grad_enabled():
        mask = None if attention_mask is None else attention_mask.to(dtype)
        q, k, v = (part.to(dtype) for part in (query, key, value))
        output = scaled_dot_product_attention(q, k, v, mask, scale=scaling, enable_gqa=True)
        return output.to(query.dtype).transpose(1, 2), None
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
