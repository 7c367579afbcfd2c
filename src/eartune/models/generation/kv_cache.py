"""A decoder with a cache of the keys and values of the tokens that it has read, for the steps of a search."""

from collections.abc import Sequence
from copy import copy
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

SPARE_COLUMNS = 64
"""The number of extra columns of keys and values that a buffer gets when it grows."""


class CachedDecoder:
    """A decoder and its key-value cache.

    Padding may stand anywhere, but a decoder with sliding windows counts the padding between tokens.
    """

    def __init__(self, decoder: Any) -> None:
        self.decoder = decoder
        self.cache = DynamicCache(config=decoder.config)
        # Layers with sliding windows stay the library's own.
        self.cache.layers = [BufferedLayer() if type(layer) is DynamicLayer else layer for layer in self.cache.layers]
        self.mask: Tensor | None = None
        """1 on tokens and 0 on padding, (rows, all tokens so far)."""
        self.prompts: list[int] = []
        """During a search, the index of the prompt that each row continues."""

    def extend(self, inputs: dict[str, Tensor], mask: Tensor) -> Tensor:
        """Run the decoder over further tokens and keep their keys and values.

        `inputs` are its arguments, each (rows, tokens, ...); `mask` (rows, tokens) is 0 on padding. Returns the last
        hidden states of these tokens, (rows, tokens, width).
        """
        for layer in self.cache.layers:
            if isinstance(layer, BufferedLayer) and layer.buffers:
                layer.reserve(mask.shape[1])
        self.mask = mask if self.mask is None else torch.cat([self.mask, mask], dim=1)
        positions = (self.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -mask.shape[1] :]
        states: Tensor = self.decoder(
            **inputs, attention_mask=self.mask, position_ids=positions, past_key_values=self.cache, use_cache=True
        ).last_hidden_state
        return states

    def repeat(self, rows: int) -> None:
        """Continue the only row as `rows` rows, without a copy of its keys and values."""
        assert self.mask is not None
        self.mask = self.mask.expand(rows, -1)
        for layer in self.cache.layers:
            if layer.get_seq_length():
                layer.keys = layer.keys.expand(rows, -1, -1, -1)
                layer.values = layer.values.expand(rows, -1, -1, -1)

    def fork(self) -> "CachedDecoder":
        """Return another that has read the same and goes on by itself; before a search nothing needs to be copied."""
        other = CachedDecoder(self.decoder)
        other.cache.layers = [copy(layer) for layer in self.cache.layers]
        other.mask = self.mask
        return other

    def begin_search(self) -> None:
        """Take what was read as prompts; from here on tokens come in small steps and need no gradients."""
        assert self.mask is not None
        self.prompts = list(range(len(self.mask)))
        for layer in self.cache.layers:
            if isinstance(layer, BufferedLayer) and layer.get_seq_length():  # some layers use another's keys
                layer.begin_search()

    def select(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order; one may be named several times.

        Where beams of a prompt change places among themselves, the keys and values of the prompt are not copied.
        """
        assert self.mask is not None
        chosen = torch.tensor(rows, device=self.mask.device)
        self.mask = self.mask[chosen]
        prompts = [self.prompts[row] for row in rows]
        for layer in self.cache.layers:
            if prompts == self.prompts and isinstance(layer, BufferedLayer) and layer.buffers:
                layer.reorder_answers(chosen)
            else:
                layer.batch_select_indices(chosen)
        self.prompts = prompts


class BufferedLayer(DynamicLayer):
    """The library's layer of keys and values, (rows, heads, columns, head width), with spare columns in a search.

    The library's own copies all keys and values for each token.
    """

    def __init__(self) -> None:
        super().__init__()
        self.buffers: list[Tensor] = []
        """Keys and values with spare columns; empty before a search."""
        self.n_prompt = self.n_columns = 0

    def begin_search(self) -> None:
        """Put what was read so far into buffers."""
        self.n_prompt = self.n_columns = self.keys.shape[-2]
        self.buffers = [self.keys, self.values]

    def reserve(self, n_new: int) -> None:
        """Let the buffers have room for `n_new` more columns."""
        if self.n_columns + n_new > self.buffers[0].shape[-2]:
            n_spare = n_new + SPARE_COLUMNS
            self.buffers = [pad(buffer[:, :, : self.n_columns], (0, 0, 0, n_spare)) for buffer in self.buffers]
            self._set_views()

    def get_mask_sizes(self, *args: Any, **kwargs: Any) -> tuple[int, int]:
        """Return how many columns attention sees, spare ones included, and that none are missing before them.

        Spare columns lie ahead of every token, so that the mask hides them.
        """
        if not self.buffers:
            found: tuple[int, int] = super().get_mask_sizes(*args, **kwargs)
            return found
        return self.buffers[0].shape[-2], 0

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append the keys and values of further tokens; return all of them, in a search with the spare columns.

        Buffers are used as they are: a part of them would be copied for each product, and shapes would never repeat.
        """
        if not self.buffers:
            found: tuple[Tensor, Tensor] = super().update(key_states, value_states, *args, **kwargs)
            return found
        first, self.n_columns = self.n_columns, self.n_columns + key_states.shape[-2]
        for buffer, states in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[:, :, first : self.n_columns] = states
        self._set_views()
        return self.buffers[0], self.buffers[1]

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows only, in this order."""
        if not self.buffers:
            super().batch_select_indices(indices)
            return
        self.buffers = [buffer[indices] for buffer in self.buffers]
        self._set_views()

    def reorder_answers(self, indices: Tensor) -> None:
        """Replace each row's columns after the prompt by those of the row that `indices` names for it."""
        for buffer in self.buffers:
            answers = buffer[:, :, self.n_prompt : self.n_columns]
            answers.copy_(answers[indices])

    def _set_views(self) -> None:
        self.keys, self.values = (buffer[:, :, : self.n_columns] for buffer in self.buffers)
