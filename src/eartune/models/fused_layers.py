"""Decoder layers of Llama's kind, run as few large operations; their weights, names and results stay the same.

norm -> q, k, v in one product -> rotary -> attention -> output + residual -> norm -> gate, up in one -> down + residual
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.models.llama.modeling_llama import LlamaDecoderLayer
from transformers.models.mistral.modeling_mistral import MistralDecoderLayer
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer
from transformers.models.qwen3.modeling_qwen3 import Qwen3DecoderLayer

from eartune.models.fused_linear import project
from eartune.models.fused_operations import gated, rms_norm, rotate


class FusedLayer:
    """The forward pass of a decoder layer, mixed into the library's class; it adds no parameter."""

    def forward(
        self: Any,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = False,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        **settings: Any,
    ) -> Tensor:
        """Return the layer's output (rows, tokens, width), as the library's layer does."""
        assert position_embeddings is not None
        attention, mlp, config = self.self_attn, self.mlp, self.self_attn.config
        normed = _normed(hidden_states, self.input_layernorm)
        query, key, value = _heads(attention, normed, *position_embeddings)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, attention.layer_idx)
        attend = AttentionInterface()[config._attn_implementation]
        settings["sliding_window"] = getattr(attention, "sliding_window", getattr(config, "sliding_window", None))
        attended, _ = attend(
            attention, query, key, value, attention_mask, dropout=0.0, scaling=attention.scaling, **settings
        )
        states = project(attended.flatten(-2), [attention.o_proj], residual=hidden_states)
        normed = _normed(states, self.post_attention_layernorm)
        return project(gated(project(normed, [mlp.gate_proj, mlp.up_proj])), [mlp.down_proj], residual=states)


def _normed(states: Tensor, norm: Any) -> Tensor:
    return rms_norm(states, norm.weight, norm.variance_epsilon)


def _heads(attention: Any, states: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, each (rows, heads, tokens, head width), with positions."""
    config, width = attention.config, attention.head_dim
    n_queries, n_keys = config.num_attention_heads, config.num_key_value_heads
    together = project(states, [attention.q_proj, attention.k_proj, attention.v_proj])
    heads = together.view(*states.shape[:-1], n_queries + 2 * n_keys, width)
    turning, value = torch.split(heads, [n_queries + n_keys, n_keys], dim=-2)
    if hasattr(attention, "q_norm"):
        query, key = torch.split(turning, [n_queries, n_keys], dim=-2)
        turning = torch.cat([_normed(query, attention.q_norm), _normed(key, attention.k_norm)], dim=-2)
    query, key = torch.split(rotate(turning, cos, sin), [n_queries, n_keys], dim=-2)
    return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)


class FusedLlamaLayer(FusedLayer, LlamaDecoderLayer):
    """The library's layer of Llama, with the fused forward pass in front of its own."""


class FusedMistralLayer(FusedLayer, MistralDecoderLayer):
    """The library's layer of Mistral, with the fused forward pass in front of its own."""


class FusedQwen2Layer(FusedLayer, Qwen2DecoderLayer):
    """The library's layer of Qwen2, with the fused forward pass in front of its own."""


class FusedQwen3Layer(FusedLayer, Qwen3DecoderLayer):
    """The library's layer of Qwen3, with the fused forward pass in front of its own."""


FUSED: dict[type[nn.Module], type[FusedLayer]] = {
    LlamaDecoderLayer: FusedLlamaLayer,
    MistralDecoderLayer: FusedMistralLayer,
    Qwen2DecoderLayer: FusedQwen2Layer,
    Qwen3DecoderLayer: FusedQwen3Layer,
}
"""The library's layers whose code is the same but for norms of queries and keys, and windows."""


def fuse_layers(decoder: Any) -> None:
    """Let the layers of a decoder run fused, if they are of a known kind; others stay as they are.

    Only the classes of the layers change, so that names of weights stay.
    """
    config = decoder.config
    if getattr(config, "hidden_act", None) != "silu" or getattr(config, "attention_dropout", 0.0):
        return
    for layer in decoder.layers:
        if type(layer) in FUSED:
            layer.__class__ = FUSED[type(layer)]
