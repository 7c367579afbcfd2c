"""Tiny decoders with random weights, and rows of several lengths for them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel

from tiny_models import TINY_DECODER, scale_up

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


def padded(n_shared: int, lengths: Sequence[int] = LENGTHS) -> tuple[Tensor, Tensor]:
    """Embeddings of rows with a shared beginning at the left and padding behind it, and their mask."""
    torch.manual_seed(1)
    embeds = torch.randn(len(lengths), n_shared + max(lengths), TINY_DECODER["hidden_size"])
    embeds[:, :n_shared] = embeds[0, :n_shared].clone()
    places = torch.arange(max(lengths))
    own = (places >= max(lengths) - torch.tensor(lengths)[:, None]).long()
    return embeds, torch.cat([own.new_ones(len(lengths), n_shared), own], dim=1)
