"""NF4 quantisation: linear layers in 4 bits with quantised scales (QLoRA, arXiv 2305.14314), and back again."""

from collections.abc import Iterable
from typing import Any, cast

from torch import nn
from torch.nn import Parameter

from eartune.errors import InputError


def quantise_nf4(linears: Iterable[tuple[nn.Module, str, nn.Linear]]) -> None:
    """Replace linear layers, each given with its parent module and its name there, by layers of 4 bits.

    bitsandbytes quantises the weights when they are moved to a device. Raises InputError without bitsandbytes.
    """
    try:
        from bitsandbytes.nn import Linear4bit, Params4bit
    except ImportError as error:
        raise InputError("architecture.precision nf4 needs bitsandbytes: pip install 'eartune[train]'") from error
    for parent, name, linear in linears:
        weight, bias = linear.weight, linear.bias
        four_bits = Linear4bit(
            linear.in_features,
            linear.out_features,
            bias=bias is not None,
            compute_dtype=weight.dtype,
            quant_type="nf4",
            device="meta",
        )
        four_bits.weight = Params4bit(weight.data, requires_grad=False, quant_type="nf4", module=four_bits)
        four_bits.bias = bias
        four_bits.support_avx512bf16_for_cpu = False  # its packed weights could not be merged any more
        setattr(parent, name, four_bits)


def dequantised(layer: Any) -> nn.Linear:
    """Return the layer itself, or, if its weights are in 4 bits, a linear layer with the weights that these encode."""
    if not hasattr(layer.weight, "quant_state"):
        return cast(nn.Linear, layer)
    from bitsandbytes.functional import dequantize_4bit

    plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
    plain.weight = Parameter(dequantize_4bit(layer.weight.data, layer.weight.quant_state), requires_grad=False)
    plain.bias = layer.bias
    return plain
