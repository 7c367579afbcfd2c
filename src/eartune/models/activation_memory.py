"""Bytes of activations that the backward pass needs for each position, measured on a model without weights."""

from collections.abc import Callable
from weakref import WeakSet

import torch
from torch import Tensor, nn

from eartune.models.components import Components
from eartune.settings import Component

SHORT, LONG = 64, 128  # tokens


class SavedTensor:
    """A tensor that autograd saves for the backward pass; it lives as long as autograd keeps it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def decoder_bytes_per_token(decoder: nn.Module, inputs_of: Callable[[int], dict[str, Tensor]]) -> int:
    """Return the bytes that a decoder saves for one token's backward pass, in bfloat16, without attention matrices.

    The decoder is on the meta device, and so are the inputs that `inputs_of` makes for a number of tokens. Attention
    matrices grow with the square of the length, so that two lengths separate them from all else.
    """
    decoder.to(torch.bfloat16)
    short, long = (_saved_bytes(decoder, inputs_of(length)) for length in (SHORT, LONG))
    return round((4 * short - long) / (4 * SHORT - LONG))


def _saved_bytes(decoder: nn.Module, inputs: dict[str, Tensor]) -> int:
    held: WeakSet[SavedTensor] = WeakSet()

    def hold(tensor: Tensor) -> SavedTensor:
        held.add(saved := SavedTensor(tensor))
        return saved

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda saved: saved.tensor):
        output = decoder(**inputs, use_cache=False)
    storages = {saved.tensor.untyped_storage()._cdata: saved.tensor.untyped_storage().nbytes() for saved in held}
    del output  # until here it held the graph
    weights = {value.untyped_storage()._cdata for value in decoder.parameters()}
    return sum(size for storage, size in storages.items() if storage not in weights)


def encoder_bytes_per_state(module: nn.Module, components: Components) -> int:
    """Return roughly the bytes that an encoder saves for the backward pass of one position, in bfloat16.

    Counted are the inputs and outputs of its linear layers. For a Whisper layer they are 36 for each unit of its width,
    where Korthikanti et al. 2022, section 4.1, count 34 without attention matrices.
    """
    linears = [(name, layer) for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    ours = [layer for name, layer in linears if components.component_of(f"{name}.weight") is Component.AUDIO_ENCODER]
    return sum(2 * (layer.in_features + layer.out_features) for layer in ours)
