"""What a decoder has read of some rows: its keys and values, after which it reads on."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 64
"""Columns that a buffer of keys and values has free when it is made anew."""


class Reader:
    """A decoder, and the keys and values of what it has read so far.

    Padding may stand anywhere, but between tokens it is counted by the windows of decoders that have such.
    """

    def __init__(self, decoder: Any) -> None:
        self.decoder = decoder
        self.cache = DynamicCache(config=decoder.config)
        self.mask: Tensor | None = None
        self.prompts: list[int] = []
        """Once a search has begun: the prompt that each row goes on from."""

    def read(self, inputs: dict[str, Tensor], mask: Tensor) -> Tensor:
        """The last hidden states (rows, tokens, width) of further tokens, whose mask (rows, tokens) is 0 on padding."""
        self.mask = mask if self.mask is None else torch.cat([self.mask, mask], dim=1)
        positions = (self.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -mask.shape[1] :]
        states: Tensor = self.decoder(
            **inputs, attention_mask=self.mask, position_ids=positions, past_key_values=self.cache, use_cache=True
        ).last_hidden_state
        return states

    def spread(self, rows: int) -> None:
        """Go on with one row as many; nothing is copied."""
        assert self.mask is not None
        self.mask = self.mask.expand(rows, -1)
        for layer in self.cache.layers:
            if layer.get_seq_length():
                layer.keys = layer.keys.expand(rows, -1, -1, -1)
                layer.values = layer.values.expand(rows, -1, -1, -1)

    def begin_search(self) -> None:
        """What was read are the prompts; what comes now is read token by token, and needs no gradients."""
        assert self.mask is not None
        self.prompts = list(range(len(self.mask)))
        layers = self.cache.layers
        layers[:] = [
            Buffered(layer) if type(layer) is DynamicLayer and layer.get_seq_length() else layer for layer in layers
        ]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order; the same may stand there several times.

        Where beams of a prompt change places among themselves, what they share stays where it is.
        """
        assert self.mask is not None
        chosen = torch.tensor(rows, device=self.mask.device)
        self.mask = self.mask[chosen]
        prompts = [self.prompts[row] for row in rows]
        for layer in self.cache.layers:
            if prompts == self.prompts and isinstance(layer, Buffered):
                layer.reorder_written(chosen)
            else:
                layer.batch_select_indices(chosen)
        self.prompts = prompts


class Buffered(DynamicLayer):
    """Keys and values in buffers with room at their end: the library's layer copies all of them for each token."""

    def __init__(self, layer: DynamicLayer) -> None:
        super().__init__()
        self.lazy_initialization(layer.keys, layer.values)
        self.n_prompt = self.n_columns = layer.keys.shape[-2]
        self.buffers = [layer.keys, layer.values]
        self._show()

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """All keys and values, with those of further tokens."""
        first, self.n_columns = self.n_columns, self.n_columns + key_states.shape[-2]
        if self.n_columns > self.buffers[0].shape[-2]:
            self.buffers = [
                torch.nn.functional.pad(b[:, :, :first], (0, 0, 0, key_states.shape[-2] + ROOM)) for b in self.buffers
            ]
        for buffer, states in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[:, :, first : self.n_columns] = states
        self._show()
        on_cpu = self.keys.device.type == "cpu"  # whose product with keys that are not contiguous is four times as slow
        return self.keys.contiguous() if on_cpu else self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Only these rows."""
        self.buffers = [buffer[indices] for buffer in self.buffers]
        self._show()

    def reorder_written(self, indices: Tensor) -> None:
        """These rows' columns after the prompt in place of each row's own."""
        for buffer in self.buffers:
            written = buffer[:, :, self.n_prompt : self.n_columns]
            written.copy_(written[indices])

    def _show(self) -> None:
        self.keys, self.values = (buffer[:, :, : self.n_columns] for buffer in self.buffers)
