"""Linear layers that read the same states as one product, with their LoRA updates and a residual.

(q, k, v) or (gate, up) -> one weight, one pair of low-rank factors -> one product with all, one gradient
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import linear

from eartune.models.fused_operations import computes_in


class Factors(NamedTuple):
    """A linear layer as plain tensors."""

    weight: Tensor
    """(outputs, inputs)"""
    bias: Tensor | None
    """(outputs,)"""
    down: Tensor | None
    """LoRA's first factor, (rank, inputs); None without LoRA."""
    up: Tensor | None
    """LoRA's second factor, (outputs, rank)."""
    scale: float
    """What LoRA's update is multiplied by."""


def project(states: Tensor, modules: Sequence[nn.Module], residual: Tensor | None = None) -> Tensor:
    """Return the outputs of linear layers side by side, (..., all outputs), of states (..., inputs) that all read.

    `residual`, of the shape of the result, is added. Layers that are more than a weight with LoRA (weights in 4 bits,
    DoRA, dropout) are called one by one.
    """
    found = [_factors(module) for module in modules]
    layers = [layer for layer in found if layer is not None]
    if (
        len(layers) < len(modules)
        or len({(layer.bias is None, layer.down is None, layer.scale) for layer in layers}) > 1
    ):
        outputs = torch.cat([module(states) for module in modules], dim=-1)
        return outputs if residual is None else residual + outputs
    join_weights([layer.weight for layer in layers])
    tensors = [tensor for layer in layers for tensor in layer[:4]]
    outputs = _Projection.apply(states, residual, layers[0].scale, *tensors)
    return outputs


def _factors(module: nn.Module) -> Factors | None:
    """The tensors of a layer; None if there is more to it."""
    if type(module) is nn.Linear:
        return Factors(module.weight, module.bias, None, None, 1.0)
    if not isinstance(module, LoraLinear) or module.merged or module.disable_adapters:
        return None
    base, names = module.get_base_layer(), module.active_adapters
    if type(base) is not nn.Linear or len(names) != 1 or names[0] in module.lora_variant:
        return None
    if not isinstance(module.lora_dropout[names[0]], nn.Identity):
        return None
    down, up = module.lora_A[names[0]], module.lora_B[names[0]]
    if down.weight.dtype != base.weight.dtype or up.bias is not None:
        return None
    return Factors(base.weight, base.bias, down.weight, up.weight, module.scaling[names[0]])


def join_weights(weights: Sequence[Tensor]) -> None:
    """Let weights of the same inputs lie one after another in memory, so that `joined` needs no copy.

    They are copied once; a model that was moved or converted is joined again at its next step.
    """
    if len(weights) > 1 and not _are_adjacent(weights):
        whole = torch.cat([weight.detach() for weight in weights])
        for weight, part in zip(weights, whole.split([len(weight) for weight in weights]), strict=True):
            weight.data = part


def joined(weights: Sequence[Tensor]) -> Tensor:
    """Return weights that lie one after another as one, (all outputs, inputs), without a copy."""
    first = weights[0]
    shape = (sum(len(weight) for weight in weights), first.shape[1])
    return first.detach().as_strided(shape, first.stride(), first.storage_offset())


def _are_adjacent(weights: Sequence[Tensor]) -> bool:
    ends = [weight.data_ptr() + weight.nbytes for weight in weights]
    same = len({weight.untyped_storage().data_ptr() for weight in weights}) == 1
    return same and all(w.data_ptr() == end for w, end in zip(weights[1:], ends, strict=False))


class _Projection(Function):
    """y = x W^T + b + s (x A^T) B^T + r, where W and A hold the weights of several layers, and B is block-diagonal."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, residual: Tensor | None, scale: float, *tensors: Tensor | None) -> Tensor:
        layers = [Factors(*tensors[i : i + 4], scale) for i in range(0, len(tensors), 4)]  # type: ignore[arg-type]
        x = states.flatten(0, -2)
        dtype = computes_in(x, len(x))
        weight, down, up = _whole(layers, dtype)
        bias = None if layers[0].bias is None else torch.cat([layer.bias for layer in layers if layer.bias is not None])
        exact = x.to(dtype)
        y = linear(exact, weight, None if bias is None else bias.to(dtype))
        low = None
        if down is not None and up is not None:
            low = linear(exact, down)
            y.addmm_(low, up.t())
            low = low.to(x.dtype)
        if residual is not None:
            y += residual.reshape(y.shape)
        ctx.scale = scale
        ctx.save_for_backward(x, low, *tensors)
        ctx.shape = states.shape
        return y.to(x.dtype).view(*states.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        x, low, *tensors = ctx.saved_tensors
        layers = [Factors(*tensors[i : i + 4], ctx.scale) for i in range(0, len(tensors), 4)]
        sizes = [len(layer.weight) for layer in layers]
        dy = outer[0].flatten(0, -2)
        dtype = computes_in(x, len(x))
        exact_x, exact_dy = x.to(dtype), dy.to(dtype)
        weight, down, up = _whole(layers, dtype)
        needs = [ctx.needs_input_grad[3 + i : 7 + i] for i in range(0, len(tensors), 4)]
        found: list[list[Tensor | None]] = [[None] * 4 for _ in layers]

        def share(kind: int, whole: Tensor, cut: Sequence[int]) -> None:
            for own, part in zip(found, whole.to(x.dtype).split(list(cut)), strict=True):
                own[kind] = part

        if any(need[0] for need in needs):
            share(0, exact_dy.t() @ exact_x, sizes)
        if any(need[1] for need in needs):
            share(1, exact_dy.sum(dim=0), sizes)
        dx = exact_dy @ weight if ctx.needs_input_grad[0] else None
        if down is not None and up is not None:
            d_low = exact_dy @ up
            if dx is not None:
                dx.addmm_(d_low, down)
            if any(need[2] for need in needs):
                ranks = [len(layer.down) for layer in layers if layer.down is not None]
                share(2, d_low.t() @ exact_x, ranks)
                of_up = (exact_dy.t() @ low.to(dtype)).mul_(ctx.scale).to(x.dtype)
                for own, rows in zip(found, of_up.split(sizes), strict=True):
                    own[3] = rows
                first = 0
                for own, rank in zip(found, ranks, strict=True):
                    rows = own[3]
                    assert rows is not None
                    own[3] = rows[:, first : first + rank]
                    first += rank
        d_states = None if dx is None else dx.to(x.dtype).view(ctx.shape)
        of_layers = [gradient for own in found for gradient in own]
        return d_states, outer[0] if ctx.needs_input_grad[1] else None, None, *of_layers


def _whole(layers: Sequence[Factors], dtype: torch.dtype) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """All weights, all first factors, and all second factors as one block-diagonal matrix that is scaled already."""
    weight = joined([layer.weight for layer in layers]).to(dtype)
    downs = [layer.down for layer in layers if layer.down is not None]
    ups = [layer.up for layer in layers if layer.up is not None]
    if not downs:
        return weight, None, None
    up = torch.block_diag(*ups) * layers[0].scale
    return weight, torch.cat(downs).to(dtype), up.to(dtype)
