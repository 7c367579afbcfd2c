"""Fused operations give the values and gradients of the library's own."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, silu
from transformers.models.llama.modeling_llama import LlamaRMSNorm, apply_rotary_pos_emb

from eartune.models import fused_operations
from eartune.models.fused_operations import (
    ROWS_OF_LOGITS,
    computes_in,
    gated,
    multiplies_bfloat16,
    rms_norm,
    rotate,
    summed_cross_entropy,
)

Operation = Callable[..., Tensor]


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape).requires_grad_()


def assert_equal(ours: Operation, theirs: Operation, inputs: Sequence[Tensor], within: float = 1e-6) -> None:
    """Both have the same values and the same gradients of all inputs that have one."""
    found = []
    for operation in (ours, theirs):
        output = operation(*inputs)
        torch.manual_seed(1)
        wanted = [tensor for tensor in inputs if tensor.requires_grad]
        found.append([output, *torch.autograd.grad(output, wanted, torch.randn(output.shape).to(output.dtype))])
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype
        assert (a - b).abs().max() <= within * b.abs().max()


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 2e-6), (torch.bfloat16, 2e-2)])
def test_a_norm_is_that_of_the_library(dtype: torch.dtype, within: float) -> None:
    norm = LlamaRMSNorm(24, eps=1e-5).to(dtype)
    norm.weight.data.uniform_(0.5, 2)
    states = (3 * torch.randn(2, 7, 24)).to(dtype).requires_grad_()
    assert_equal(lambda x, w: rms_norm(x, w, 1e-5), lambda x, w: norm(x), [states, norm.weight], within)
    assert torch.equal(rms_norm(states, norm.weight, 1e-5), norm(states)) or dtype == torch.float32


def test_a_frozen_norm_has_no_gradient_of_its_weight() -> None:
    states, weight = drawn(3, 8), torch.ones(8)
    rms_norm(states, weight, 1e-6).sum().backward()
    assert states.grad is not None and weight.grad is None


def test_rotary_embeddings_are_those_of_the_library() -> None:
    angles = torch.rand(2, 5, 4).repeat(1, 1, 2) * 6
    cos, sin = angles.cos(), angles.sin()

    def theirs(heads: Tensor) -> Tensor:
        query, _ = apply_rotary_pos_emb(heads.transpose(1, 2), heads.transpose(1, 2), cos, sin)
        return query.transpose(1, 2)

    assert_equal(lambda heads: rotate(heads, cos, sin), theirs, [drawn(2, 5, 3, 8)])


def test_a_gate_opens_its_input() -> None:
    assert_equal(gated, lambda x: silu(x[..., :6]) * x[..., 6:], [drawn(2, 5, 12)])


@pytest.mark.parametrize("n_rows", [1, ROWS_OF_LOGITS["cpu"], 2 * ROWS_OF_LOGITS["cpu"] + 3])
def test_a_loss_is_that_of_torch(n_rows: int) -> None:
    labels = torch.randint(0, 50, (n_rows,))
    logits = (4 * torch.randn(n_rows, 50)).requires_grad_()
    assert_equal(
        lambda x: summed_cross_entropy(x, labels), lambda x: cross_entropy(x, labels, reduction="sum"), [logits]
    )


def test_a_loss_does_not_change_its_logits_and_needs_no_gradient() -> None:
    logits, labels = torch.randn(40, 9), torch.randint(0, 9, (40,))
    before = logits.clone()
    assert summed_cross_entropy(logits, labels) == pytest.approx(cross_entropy(logits, labels, reduction="sum").item())
    assert torch.equal(logits, before)


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512_bf16 amx_bf16 amx_tile\n", True),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512_bf16\n", False),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx512_bf16\n", True),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2\n", False),
        ("processor\t: 0\nBogoMIPS\t: 50\n", True),
    ],
    ids=["Intel with AMX", "Intel without", "AMD with AVX512_BF16", "AMD without", "not an x86"],
)
def test_which_processors_multiply_bfloat16_faster(
    cpuinfo: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(cpuinfo)
    monkeypatch.setattr(fused_operations, "CPUINFO", file)
    multiplies_bfloat16.cache_clear()
    try:
        assert multiplies_bfloat16() is expected
    finally:
        multiplies_bfloat16.cache_clear()


def test_large_products_of_bfloat16_are_done_in_float32_where_that_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow, wide = torch.zeros(1, dtype=torch.bfloat16), torch.zeros(1)
    monkeypatch.setattr(fused_operations, "multiplies_bfloat16", lambda: False)
    monkeypatch.setattr(fused_operations, "has_bfloat16_kernels", lambda: True)
    assert [computes_in(narrow, n) for n in (8, 60, 600)] == [torch.bfloat16, torch.bfloat16, torch.float32]
    monkeypatch.setattr(fused_operations, "has_bfloat16_kernels", lambda: False)
    assert [computes_in(narrow, n) for n in (8, 60, 600)] == [torch.bfloat16, torch.float32, torch.float32]
    monkeypatch.setattr(fused_operations, "multiplies_bfloat16", lambda: True)
    assert computes_in(narrow, 600) == torch.bfloat16
    assert computes_in(wide, 600) == torch.float32
