"""Memory that was freed is given back, so that the models of a grid do not pile up."""

import platform

import pytest

from eartune.memory import give_memory_back, peak_memory_gb

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is freed")


def held_gb() -> float:
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4096 / 1e9


def test_freed_pieces_are_given_back() -> None:
    """Blocks too small to be mapped one by one, with some in between that stay: glibc keeps all of them."""
    before = held_gb()
    blocks = [bytearray(b"x") * 100_000 for _ in range(4_000)]
    kept = blocks[::100]
    assert held_gb() > before + 0.35
    del blocks
    give_memory_back()
    assert held_gb() < before + 0.1
    assert len(kept) == 40 and peak_memory_gb() >= before + 0.35
