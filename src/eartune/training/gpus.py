"""A table of GPUs: their memory and, of some, how fast they multiply and read, from the data sheets of their maker.

NVIDIA's data sheets "A100 80GB", "H100" and "H200" (the SXM modules), "L40S" and "L4", and for the RTX 4090 the white
paper "Ada GPU Architecture", version 2.1, appendix A. Where a sheet states products with sparsity, half of it stands
here. GPUs without figures of their speed are listed for their memory alone.
"""

from dataclasses import dataclass

from eartune.errors import InputError


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU: its memory and, where that is known, how fast it multiplies and reads."""

    name: str
    memory_gb: int
    teraflops: float | None = None
    """The peak of dense products in bfloat16 with sums in float32, in 1e12 floating-point operations a second."""
    terabytes_per_second: float | None = None
    """The peak at which its memory is read and written, in 1e12 bytes a second."""


GPUS = (
    Gpu("RTX 4060", 8),
    Gpu("RTX 4070", 12),
    Gpu("T4", 16),
    Gpu("RTX 4080", 16),
    Gpu("L4", 24, 121, 0.3),
    Gpu("A10", 24),
    Gpu("RTX 4090", 24, 165.2, 1.008),
    Gpu("RTX 5090", 32),
    Gpu("L40S", 48, 362, 0.864),
    Gpu("A6000", 48),
    Gpu("A100", 80, 312, 2.039),
    Gpu("H100", 80, 989, 3.35),
    Gpu("H200", 141, 989, 4.8),
    Gpu("B200", 192),
)


def gpu_named(name: str) -> Gpu:
    """Return the GPU with a name, in small or large letters; raises InputError where its speed is not known."""
    known = {_plain(gpu.name): gpu for gpu in GPUS if gpu.teraflops is not None}
    if (found := known.get(_plain(name))) is None:
        raise InputError(
            f"--gpu {name}: its speed is not known here; known are {', '.join(g.name for g in known.values())}"
        )
    return found


def smallest_gpu(size: float) -> str:
    """Return the least memory that holds `size` bytes and the GPUs that have it, as text: 80 GB (A100, H100)."""
    least = min((gpu.memory_gb for gpu in GPUS if size <= gpu.memory_gb * 1e9), default=None)
    if least is None:
        return "more than one GPU has"
    return f"{least} GB ({', '.join(gpu.name for gpu in GPUS if gpu.memory_gb == least)})"


def _plain(name: str) -> str:
    return name.lower().replace(" ", "").replace("-", "")
