"""What a decoder has read of some rows: its keys and values, after which it reads on."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache


class Reader:
    """A decoder, and the keys and values of what it has read so far; padding may stand anywhere."""

    def __init__(self, decoder: Any) -> None:
        self.decoder = decoder
        self.cache = DynamicCache(config=decoder.config)
        self.mask: Tensor | None = None

    def read(self, inputs: dict[str, Tensor], mask: Tensor) -> Tensor:
        """The last hidden states (rows, tokens, width) of further tokens, whose mask (rows, tokens) is 0 on padding."""
        self.mask = mask if self.mask is None else torch.cat([self.mask, mask], dim=1)
        positions = (self.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -mask.shape[1] :]
        states: Tensor = self.decoder(
            **inputs, attention_mask=self.mask, position_ids=positions, past_key_values=self.cache, use_cache=True
        ).last_hidden_state
        return states

    def spread(self, rows: int) -> None:
        """Go on with one row as many; a view, through which gradients of all come back to the one."""
        assert self.mask is not None
        self.mask = self.mask.expand(rows, -1)
        for layer in self.cache.layers:
            if layer.get_seq_length():
                layer.keys = layer.keys.expand(rows, -1, -1, -1)
                layer.values = layer.values.expand(rows, -1, -1, -1)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order; the same may stand there several times."""
        assert self.mask is not None
        chosen = torch.tensor(rows, device=self.mask.device)
        self.mask = self.mask[chosen]
        self.cache.batch_select_indices(chosen)
