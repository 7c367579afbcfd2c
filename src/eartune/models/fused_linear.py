"""Linear layers that read the same states as one product, with their LoRA updates and a residual.

(q, k, v) or (gate, up) -> one weight, one pair of low-rank factors -> one product with all, one gradient
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import linear

from eartune.models.fused_operations import computes_in, has_bfloat16_kernels

PACKED_BYTES = 2 << 30
"""The most memory for packed copies of weights; those beyond it are read as they are."""
FEW_ROWS = 128
"""Products of fewer rows spend more time on packing a weight than on multiplying it."""
ROWS_OF_A_TOKEN = 8
"""The number of rows that packed weights are laid out for."""


class Packed(NamedTuple):
    """The joined weight of some layers in the order in which the CPU's kernel reads it, and what belongs to it."""

    weight: Tensor
    """(all outputs, inputs), and with LoRA as many columns more as it has ranks: its second factors, scaled."""
    bias: Tensor | None
    down: Tensor | None
    """LoRA's first factors, (ranks, inputs), in the same order; None without LoRA."""

    def product(self, rows: Tensor) -> Tensor:
        """Return the outputs of rows (rows, inputs), LoRA's among them, summed together and rounded once."""
        inputs = rows.to(self.weight.dtype)
        if self.down is not None:
            inputs = torch.cat([inputs, _packed_product(inputs, self.down, None)], dim=1)
        return _packed_product(inputs, self.weight, self.bias).to(rows.dtype)


PackedWeights = dict[nn.Module, Packed | None]
"""Packed weights by the first layer of those that are joined; None for layers that are not packed."""
_PACKED: ContextVar[PackedWeights | None] = ContextVar("packed", default=None)


@contextmanager
def packed_weights(known: PackedWeights | None = None) -> Iterator[None]:
    """Let products of few rows read packed copies of the weights, which must not change until this ends.

    Without packing, torch packs a weight at every product; a search would do so for each token. `known` are copies
    that were made before, to which those of now are added; the weights must not change as long as they are used.
    """
    token = _PACKED.set(({} if known is None else known) if has_packed_kernels() else None)
    try:
        yield
    finally:
        _PACKED.reset(token)


@cache
def has_packed_kernels() -> bool:
    """Return whether this torch has products with packed weights, which its compiler uses for frozen models."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")


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
    packed = _packed(states, modules)
    if packed is not None:
        rows = states.reshape(-1, states.shape[-1])
        return _with_residual(packed.product(rows), residual).view(*states.shape[:-1], -1)
    layers = _layers_of(modules)
    if layers is None:
        outputs = torch.cat([module(states) for module in modules], dim=-1)
        return outputs if residual is None else residual + outputs
    join_weights([layer.weight for layer in layers])
    if not torch.is_grad_enabled():
        return _outputs(states, residual, layers)[0]
    tensors = [tensor for layer in layers for tensor in layer[:4]]
    learned: Tensor = _Projection.apply(states, residual, layers[0].scale, *tensors)  # type: ignore[no-untyped-call]
    return learned


def _layers_of(modules: Sequence[nn.Module]) -> list[Factors] | None:
    """The layers as tensors; None if one has more to it, or if not all or none of them have LoRA of one scale."""
    found = [_factors(module) for module in modules]
    layers = [layer for layer in found if layer is not None]
    kinds = {(layer.down is None, layer.scale) for layer in layers}
    return layers if len(layers) == len(modules) and len(kinds) == 1 else None


def _factors(module: nn.Module) -> Factors | None:
    """The tensors of a layer; None if there is more to it."""
    if type(module) is nn.Linear:
        return Factors(module.weight, module.bias, None, None, 1.0)
    if not isinstance(module, LoraLinear) or module.merged or module.disable_adapters:
        return None
    base, names = module.get_base_layer(), module.active_adapters
    if type(base) is not nn.Linear:
        return None
    if len(names) != 1 or names[0] in module.lora_variant:
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
        for weight, part in zip(weights, torch.split(whole, [len(weight) for weight in weights]), strict=True):
            weight.data = part


def joined(weights: Sequence[Tensor]) -> Tensor:
    """Return weights that lie one after another as one, (all outputs, inputs), without a copy."""
    first = weights[0]
    shape = (sum(len(weight) for weight in weights), first.shape[1])
    return first.detach().as_strided(shape, first.stride(), first.storage_offset())


def _are_adjacent(weights: Sequence[Tensor]) -> bool:
    in_one = len({weight.untyped_storage().data_ptr() for weight in weights}) == 1
    return in_one and all(after.data_ptr() == one.data_ptr() + one.nbytes for one, after in pairwise(weights))


def _outputs(states: Tensor, residual: Tensor | None, layers: Sequence[Factors]) -> tuple[Tensor, list[Tensor]]:
    """The outputs of all layers; with LoRA also its first and second factors joined, and the states between them."""
    x = states.reshape(-1, states.shape[-1])
    dtype = computes_in(x, len(x))
    bias = _bias(layers)
    exact, weight = x.to(dtype), joined([layer.weight for layer in layers]).to(dtype)
    y = linear(exact, weight, None if bias is None else bias.to(dtype))
    factors = _joined_factors(layers, dtype)
    if factors:
        down, up = factors
        factors.append(linear(exact, down))
        y.addmm_(factors[-1], up.t())
    return _with_residual(y, residual).to(x.dtype).view(*states.shape[:-1], -1), factors


def _bias(layers: Sequence[Factors]) -> Tensor | None:
    """The biases one after another, zero for layers without one; None if no layer has one."""
    if all(layer.bias is None for layer in layers):
        return None
    biases = [layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias for layer in layers]
    return biases[0] if len(biases) == 1 else torch.cat(biases)


def _with_residual(outputs: Tensor, residual: Tensor | None) -> Tensor:
    return outputs if residual is None else outputs.add_(residual.reshape(outputs.shape))


def _packed(states: Tensor, modules: Sequence[nn.Module]) -> Packed | None:
    """The packed weights of layers for these states, made at their first use within `packed_weights`.

    None for many rows, which multiply so long that packing costs little, and for layers that are more than a weight.
    """
    known = _PACKED.get()
    if known is None or states.device.type != "cpu" or states.numel() >= FEW_ROWS * states.shape[-1]:
        return None
    first = modules[0]
    if first not in known:
        known[first] = _pack(modules, sum(packed.weight.nbytes for packed in known.values() if packed is not None))
    return known[first]


def _pack(modules: Sequence[nn.Module], n_bytes: int) -> Packed | None:
    """Pack the weights of layers, unless there is more to them or they take too much memory beside `n_bytes`.

    LoRA stays beside the weight: merged into it and rounded, it would be another model.
    """
    layers = _layers_of(modules)
    if layers is None:
        return None
    join_weights([layer.weight for layer in layers])
    weight = joined([layer.weight for layer in layers])
    if weight.dtype == torch.bfloat16 and not has_bfloat16_kernels():
        weight = weight.float()
    if n_bytes + weight.nbytes > PACKED_BYTES:
        return None
    bias = _bias(layers)
    bias = None if bias is None else bias.to(weight.dtype)
    factors = _joined_factors(layers, weight.dtype)
    if not factors:
        return Packed(_reordered(weight), bias, None)
    down, up = factors
    return Packed(_reordered(torch.cat([weight, up], dim=1)), bias, _reordered(down))


def _reordered(weight: Tensor) -> Tensor:
    reordered: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS_OF_A_TOKEN)
    return reordered


def _packed_product(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    outputs: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return outputs


class _Projection(Function):
    """y = x W^T + b + s (x A^T) B^T + r, where W and A hold the weights of several layers, and B is block-diagonal."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, residual: Tensor | None, scale: float, *tensors: Any) -> Tensor:
        outputs, of_lora = _outputs(states, residual, _layers(tensors, scale))
        ctx.scale, ctx.n_tensors = scale, len(tensors)
        ctx.save_for_backward(states, *tensors, *of_lora)
        return outputs

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        states, *saved = ctx.saved_tensors
        layers, of_lora = _layers(saved[: ctx.n_tensors], ctx.scale), saved[ctx.n_tensors :]
        x, dy = states.flatten(0, -2), outer[0].flatten(0, -2)
        dtype = computes_in(x, len(x))
        weight = joined([layer.weight for layer in layers]).to(dtype)
        exact_x, exact_dy = x.to(dtype), dy.to(dtype)
        needs_states, needs_residual, _, *needs = ctx.needs_input_grad
        dx = exact_dy @ weight if needs_states else None
        of_weights: Parts = exact_dy.t() @ exact_x if any(needs[0::4]) else None
        of_biases: Parts = exact_dy.sum(dim=0) if any(needs[1::4]) else None
        of_downs: Parts = None
        of_ups: Parts = None
        if of_lora:
            down, up, low = of_lora
            d_low = exact_dy @ up
            dx = None if dx is None else dx.addmm_(d_low, down)
            if any(needs[2::4]):
                of_downs = d_low.t() @ exact_x
                of_ups = (exact_dy.t() @ low).mul_(ctx.scale)
        d_states = None if dx is None else dx.to(x.dtype).view(states.shape)
        d_layers = _of_layers(layers, of_weights, of_biases, of_downs, of_ups)
        return d_states, outer[0] if needs_residual else None, None, *d_layers


Parts = Tensor | None


def _of_layers(
    layers: Sequence[Factors], of_weights: Parts, of_biases: Parts, of_downs: Parts, of_ups: Parts
) -> list[Tensor | None]:
    """The gradients of each layer's tensors in turn, cut out of those of all layers together."""
    found: list[Tensor | None] = []
    row = rank = 0
    for weight, bias, down, _, _ in layers:
        rows = slice(row, row + len(weight))
        ranks = slice(rank, rank + (0 if down is None else len(down)))
        cuts = (
            (of_weights, rows),
            (None if bias is None else of_biases, rows),
            (of_downs, ranks),
            (of_ups, (rows, ranks)),
        )
        found += [None if whole is None else whole[cut].to(weight.dtype) for whole, cut in cuts]
        row, rank = rows.stop, ranks.stop
    return found


def _layers(tensors: Sequence[Any], scale: float) -> list[Factors]:
    return [
        Factors(tensors[i], tensors[i + 1], tensors[i + 2], tensors[i + 3], scale) for i in range(0, len(tensors), 4)
    ]


def _joined_factors(layers: Sequence[Factors], dtype: torch.dtype) -> list[Tensor]:
    """LoRA's first factors one after another, and its second ones as a block-diagonal matrix, scaled; or nothing."""
    downs = [layer.down for layer in layers if layer.down is not None]
    ups = [layer.up for layer in layers if layer.up is not None]
    if not downs:
        return []
    up: Tensor = torch.block_diag(*ups).to(dtype) * layers[0].scale  # type: ignore[no-untyped-call]
    return [torch.cat(downs).to(dtype), up]
