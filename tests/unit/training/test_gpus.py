"""The table of GPUs: names as people write them, and the least memory that holds a number of bytes."""

import pytest

from eartune.errors import InputError
from eartune.training.gpus import GPUS, gpu_named, smallest_gpu


@pytest.mark.parametrize("written", ["RTX 4090", "rtx4090", "rtx-4090"])
def test_a_name_is_read_as_people_write_it(written: str) -> None:
    assert gpu_named(written).memory_gb == 24


@pytest.mark.parametrize("name", ["T4", "TPU"])
def test_a_gpu_without_figures_is_refused_with_those_that_have_them(name: str) -> None:
    with pytest.raises(InputError, match=rf"^--gpu {name}: .*known are L4, RTX 4090, L40S, A100, H100, H200$"):
        gpu_named(name)


def test_the_least_memory_is_named_with_the_gpus_that_have_it() -> None:
    assert smallest_gpu(16e9) == "16 GB (T4, RTX 4080)"
    assert smallest_gpu(16.1e9) == "24 GB (L4, A10, RTX 4090)"
    assert smallest_gpu(200e9) == "more than one GPU has"


def test_the_table_is_in_order_of_memory_and_speed_is_known_whole() -> None:
    assert [gpu.memory_gb for gpu in GPUS] == sorted(gpu.memory_gb for gpu in GPUS)
    assert all((gpu.teraflops is None) == (gpu.terabytes_per_second is None) for gpu in GPUS)
