"""What training must keep of each position for the way back, found by running a model that has no weights."""

from collections.abc import Callable
from weakref import WeakSet

import torch
from torch import Tensor, nn

from eartune.models.components import Parts
from eartune.settings import Component

SHORT, LONG = 64, 128  # tokens


class Kept:
    """A tensor that autograd holds on to, as long as it does."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def kept_by_decoder(decoder: nn.Module, inputs_of: Callable[[int], dict[str, Tensor]]) -> int:
    """The bytes of one token in bfloat16, without attention matrices; decoder and inputs lie on the meta device.

    Those grow with the square of the length, so that two lengths tell them apart from all else.
    """
    decoder.to(torch.bfloat16)
    short, long = (_kept_bytes(decoder, inputs_of(length)) for length in (SHORT, LONG))
    return round((4 * short - long) / (4 * SHORT - LONG))


def _kept_bytes(decoder: nn.Module, inputs: dict[str, Tensor]) -> int:
    held: WeakSet[Kept] = WeakSet()

    def hold(tensor: Tensor) -> Kept:
        held.add(kept := Kept(tensor))
        return kept

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda kept: kept.tensor):
        output = decoder(**inputs, use_cache=False)
    storages = {kept.tensor.untyped_storage()._cdata: kept.tensor.untyped_storage().nbytes() for kept in held}
    del output  # until here it held the graph
    weights = {value.untyped_storage()._cdata for value in decoder.parameters()}
    return sum(size for storage, size in storages.items() if storage not in weights)


def kept_by_encoder(module: nn.Module, parts: Parts) -> int:
    """About the bytes of one position in bfloat16: the inputs and outputs of the encoder's linear layers.

    Of a Whisper layer that is 36 for each unit of its width; by Korthikanti et al. 2022, section 4.1, 34 without
    attention matrices.
    """
    linears = [(name, layer) for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    ours = [layer for name, layer in linears if parts.component_of(f"{name}.weight") is Component.AUDIO_ENCODER]
    return sum(2 * (layer.in_features + layer.out_features) for layer in ours)
