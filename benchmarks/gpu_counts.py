"""Counts what an H100 would be asked for by torch code that runs on tensors without content."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import flop_registry

from eartune.models import fused_linear

FLOP_PER_SECOND = 0.6 * 989e12  # an H100 SXM's peak in bfloat16, of which large products are assumed to reach 60 %
BYTES_PER_SECOND = 3.35e12
FREE = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view")
READ_IN_PART = ("embedding", "gather", "index", "index_select", "nll_loss_forward", "nll_loss_backward")
WRITTEN_ALONE = ("copy_", "fill_", "zero_")
ZEROS_AND_COPY = ("slice_backward", "select_backward")


def counted(work: Callable[[], object], module: nn.Module) -> Counter[str]:
    """Count the operations of a work that is done a second time, when weights are joined and masks are known."""

    def lie_together(weights: Sequence[Tensor]) -> bool:  # meta tensors have no addresses
        return len({weight.untyped_storage()._cdata for weight in weights}) == 1

    with patch.object(fused_linear, "_are_adjacent", lie_together):
        for _ in range(2):
            module.zero_grad()
            with KernelsOfGPU(), Counts() as counts:
                work()
    return counts.found


class KernelsOfGPU(TorchFunctionMode):
    """Takes the attention kernels of a GPU, and one kernel for a norm without gradients."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the function, or what stands for it on a GPU."""
        kwargs = kwargs or {}
        if func is torch.rms_norm:
            return args[0] * args[2]  # reads and writes as much
        return (attend if func is scaled_dot_product_attention else func)(*args, **kwargs)


def attend(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *, is_causal: bool = False, **_: Any
) -> Tensor:
    """Attend as a GPU does: the memory-efficient kernel takes a mask, flash attention none."""
    kernels = torch.ops.aten
    if attn_mask is None:
        return kernels._scaled_dot_product_flash_attention(query, key, value, 0.0, is_causal)[0]  # type: ignore
    mask = attn_mask.expand(*query.shape[:2], -1, -1)
    return kernels._scaled_dot_product_efficient_attention(query, key, value, mask, torch.is_grad_enabled())[0]


class Counts(TorchDispatchMode):
    """Counts launches, bytes and FLOP, and the seconds of operations by whether memory or products bind them.

    Floats are on the meta device, without content; integers, on which shapes depend, are real ones on the CPU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and count it unless its result is only a view."""
        name, kwargs = func._schema.name.removeprefix("aten::"), kwargs or {}
        outcome = run(func, name, args, kwargs)
        alias = func._schema.returns[0].alias_info if func._schema.returns else None
        if name in FREE or (alias is not None and not alias.is_write):
            return outcome
        n_bytes = moved(name, args, kwargs, outcome)
        product = flop_registry.get(getattr(torch.ops.aten, name.rstrip("_"), None))
        flop = 0 if product is None else product(*args, **kwargs, out_val=outcome)
        launches = 2 if name in ZEROS_AND_COPY else 1 + len(args[0]) if name == "block_diag" else 1
        in_memory, in_products = n_bytes / BYTES_PER_SECOND, flop / FLOP_PER_SECOND
        self.found["memory" if in_memory > in_products else "products"] += max(in_memory, in_products)
        for kind in ("", "other ") if product is None else ("",):
            self.found[f"{kind}launches"] += launches
            self.found[f"{kind}bytes"] += n_bytes
        self.found["flop"] += flop
        return outcome


def moved(name: str, args: Any, kwargs: Any, outcome: Any) -> int:
    """Return the bytes that an operation reads and writes."""
    if name == "scatter_add_":
        return 3 * size(args[2:])
    if name in READ_IN_PART:
        return 2 * size(outcome)
    read = (args[1:] if name in WRITTEN_ALONE else args, {key: value for key, value in kwargs.items() if key != "out"})
    return size(outcome) + size(read)


def size(values: Any) -> int:
    """Return the bytes of tensors; those of expanded ones count once."""
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    return sum(min(tensor.nbytes, tensor.untyped_storage().nbytes()) for tensor in tensors)


def run(func: Any, name: str, args: Any, kwargs: Any) -> Any:
    """Run an operation on floats without content and real integers; what it would read from a GPU is zero."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    on_meta = [tensor for tensor in tensors if tensor.is_meta]
    if on_meta and name == "_local_scalar_dense":
        return 0
    if on_meta and name == "_to_copy" and str(kwargs.get("device")) == "cpu":
        return torch.zeros(tensors[0].shape, dtype=kwargs.get("dtype") or tensors[0].dtype)
    if 0 < len(on_meta) < len(tensors):
        if name == "masked_select":
            return on_meta[0].new_empty(int(args[1].sum()))
        if name in ("index", "index_put"):  # a mask is as many places as it has ones
            places = [p.nonzero().unbind(1) if p is not None and p.dtype == torch.bool else [p] for p in args[1]]
            args = (args[0], [place for some in places for place in some], *args[2:])
        args, kwargs = tree_map_only(Tensor, lambda tensor: tensor.to("meta"), (args, kwargs))
    outcome = func(*args, **kwargs)
    if kwargs.get("device") is not None and outcome.is_meta and not outcome.is_floating_point():
        return func(*args, **{**kwargs, "device": torch.device("cpu")})
    return outcome
