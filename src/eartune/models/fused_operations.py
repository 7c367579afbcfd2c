"""Operations of a decoder layer in as few passes over memory as torch allows, each with its gradient in closed form.

Elementwise work, not products, is most of a step where a machine multiplies matrices fast. Each function equals the
library's own in float32 up to the order of sums; `tests/unit/models/test_fused_operations.py` holds them to it.
"""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import silu

ROWS_OF_LOGITS = {"cpu": 16, "cuda": 256}
"""How many rows of logits are turned into probabilities at a time: few on a CPU, so that they stay in its cache."""
ROWS_WORTH_CONVERTING = 512
"""With fewer rows, converting the weights takes longer than is gained by multiplying them faster."""
ROWS_WORTH_CONVERTING_WITHOUT_KERNELS = 16
"""The same where `has_bfloat16_kernels` is False: there, products of bfloat16 take up to nine times as long."""
CPUINFO = Path("/proc/cpuinfo")


def rms_norm(states: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Divide states (..., width) by their root mean square, computed in float32, and multiply by `weight` (width,)."""
    if not torch.is_grad_enabled():
        return torch.rms_norm(states, (states.shape[-1],), weight, epsilon)
    found: Tensor = _RMSNorm.apply(states, weight, epsilon)  # type: ignore[no-untyped-call]
    return found


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary position embeddings to heads (..., tokens, heads, head width), as `apply_rotary_pos_emb` does.

    `cos` and `sin` are (..., tokens, head width) and get no gradient.
    """
    signed = torch.cat([-sin[..., : sin.shape[-1] // 2], sin[..., sin.shape[-1] // 2 :]], dim=-1)
    if not torch.is_grad_enabled():
        return _turned(heads, cos, signed)
    found: Tensor = _Rotate.apply(heads, cos, signed)  # type: ignore[no-untyped-call]
    return found


def gated(gate_up: Tensor) -> Tensor:
    """Return silu(gate) * up, (..., width), of a gate and an input side by side, (..., 2 width)."""
    if not torch.is_grad_enabled():
        gate, up = gate_up.chunk(2, dim=-1)
        return silu(gate).mul_(up)
    found: Tensor = _Gated.apply(gate_up)  # type: ignore[no-untyped-call]
    return found


def summed_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross entropy summed over rows, a float32 scalar, of logits (rows, vocabulary) and labels (rows,).

    The gradient is computed beside the loss, where the probabilities are at hand, and kept in the precision of the
    logits; float32 logits of the whole batch are never made.
    """
    found: Tensor = _SummedCrossEntropy.apply(logits, labels)  # type: ignore[no-untyped-call]
    return found


def computes_in(tensor: Tensor, n_rows: int) -> torch.dtype:
    """Return the precision in which products with this tensor are fastest on its device.

    Products of bfloat16 are summed in float32 and rounded once. Where a CPU multiplies float32 faster, the same is done
    by hand: the operands are converted, multiplied, and the result rounded.
    """
    if tensor.dtype != torch.bfloat16 or tensor.device.type != "cpu" or multiplies_bfloat16():
        return tensor.dtype
    enough = ROWS_WORTH_CONVERTING if has_bfloat16_kernels() else ROWS_WORTH_CONVERTING_WITHOUT_KERNELS
    return torch.float32 if n_rows >= enough else tensor.dtype


@cache
def multiplies_bfloat16() -> bool:
    """Return whether this CPU multiplies bfloat16 faster than float32.

    Matrix units (AMX) do. AMD's cores with AVX512_BF16 do, while Intel's run it at half the rate of float32. The rule
    depends on the processor alone and not on a measurement, so that a run is the same every time.
    """
    if not CPUINFO.exists():
        return True
    lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    flags = {flag for line in lines if line.startswith("flags") for flag in line.split()}
    is_amd = any("AuthenticAMD" in line for line in lines)
    return not flags or "amx_bf16" in flags or ("avx512_bf16" in flags and is_amd)


@cache
def has_bfloat16_kernels() -> bool:
    """Return whether oneDNN is there and has kernels for bfloat16; of x86 CPUs, those without AVX-512 have none."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class _RMSNorm(Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        exact = states.float()
        inverse = torch.linalg.vector_norm(exact, dim=-1, keepdim=True)
        inverse.square_().div_(states.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(states, weight, inverse)
        normed = torch.empty_like(states, memory_format=torch.contiguous_format)
        return torch.mul(exact, inverse, out=normed).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor | None, None]:
        """With r = 1 / rms(x), g = dy * w: dx = r g - x r^3 mean(g x), and dw = sum(dy r x)."""
        (dy,) = outer
        states, weight, inverse = ctx.saved_tensors
        exact, dx = states.float(), (dy * weight).float()
        of_weight = None
        if ctx.needs_input_grad[1]:
            normed = (exact * inverse).to(states.dtype)
            of_weight = (dy * normed).flatten(0, -2).sum(dim=0)
        dot = torch.linalg.vecdot(dx, exact)[..., None]
        along = dot.mul_(inverse.pow(3)).div_(-states.shape[-1])
        dx.mul_(inverse).addcmul_(exact, along)
        return dx.to(states.dtype), of_weight, None


class _Rotate(Function):
    @staticmethod
    def forward(ctx: Any, heads: Tensor, cos: Tensor, signed_sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, signed_sin)
        return _turned(heads, cos, signed_sin)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None]:
        """Turning back is turning by the opposite angle."""
        cos, signed_sin = ctx.saved_tensors
        return _turned(outer[0], cos, -signed_sin), None, None


def _turned(heads: Tensor, cos: Tensor, signed_sin: Tensor) -> Tensor:
    """Turn pairs of the two halves of each head; `signed_sin` is negative in the first half."""
    swapped = torch.roll(heads, heads.shape[-1] // 2, dims=-1)
    return torch.addcmul(heads * cos[..., None, :], swapped, signed_sin[..., None, :])


class _Gated(Function):
    @staticmethod
    def forward(ctx: Any, gate_up: Tensor) -> Tensor:
        gate, up = gate_up.chunk(2, dim=-1)
        opened = silu(gate)
        ctx.save_for_backward(gate_up, opened)
        return opened * up

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Tensor:
        (dy,) = outer
        gate_up, opened = ctx.saved_tensors
        gate, up = gate_up.chunk(2, dim=-1)
        both = torch.empty_like(gate_up)
        of_gate, of_up = both.chunk(2, dim=-1)
        torch.mul(dy, opened, out=of_up)
        of_gate.copy_(torch.ops.aten.silu_backward(dy * up, gate))
        return both


class _SummedCrossEntropy(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        gradient = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        total = torch.zeros((), dtype=torch.float32, device=logits.device)
        n_rows = ROWS_OF_LOGITS.get(logits.device.type, ROWS_OF_LOGITS["cuda"])
        for first in range(0, len(logits), n_rows):
            part, own = logits[first : first + n_rows], labels[first : first + n_rows, None]
            log_probs = part.log_softmax(dim=-1, dtype=torch.float32)
            total -= log_probs.gather(1, own).sum()
            if gradient is not None:
                probs = log_probs.exp_()
                probs.scatter_add_(1, own, probs.new_full(own.shape, -1.0))
                gradient[first : first + n_rows] = probs
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0], None
