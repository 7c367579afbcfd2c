"""What this machine can do at most, and how much a work multiplies: for the benchmarks' shares of the peak."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

Shape = tuple[int, int, int]
"""The rows, inner dimension and columns of a product."""


def flop_of(work: Callable[[], object]) -> int:
    """Return the floating-point operations of the products of a call, those with packed weights included."""
    with FlopCounterMode(display=False, custom_mapping=PACKED) as counter:
        work()
    return int(counter.get_total_flops())


def peak_on(shapes: list[Shape]) -> float:
    """Return the highest rate of products of some shapes, in FLOP a second, in bfloat16 or in float32."""
    return max(rate_of(shape, dtype) for shape in shapes for dtype in (torch.bfloat16, torch.float32))


def rate_of(shape: Shape, dtype: torch.dtype) -> float:
    """Return the rate of one product alone, in FLOP a second."""
    m, k, n = shape
    rows, weight = torch.randn(m, k).to(dtype), torch.randn(n, k).to(dtype)
    return 2 * m * k * n / min(timed(lambda: torch.nn.functional.linear(rows, weight)) for _ in range(10))


def read_bandwidth() -> float:
    """Return how many bytes a second can be read from memory, by all cores together."""
    block = torch.ones(1 << 28)  # 1 GiB, more than caches hold
    return block.nbytes / min(timed(block.sum) for _ in range(5))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _flop_of_packed(rows: Any, weight: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """The shapes that torch passes are those of the rows, (m, k), of the packed weight, and of the output."""
    m, k = rows
    return int(2 * m * k * out_shape[-1])


PACKED = {torch.ops.mkldnn._linear_pointwise: _flop_of_packed}
