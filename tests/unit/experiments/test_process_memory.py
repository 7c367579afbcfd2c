"""Memory that was freed is given back, so that the models of a grid do not pile up."""

import platform
import subprocess
import sys

import pytest

# Blocks too small to be mapped one by one, with some in between that stay, so that glibc keeps the others too.
PROGRAM = """
from eartune.experiments.process_memory import give_memory_back, peak_memory_gb

def held_gb():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4096 / 1e9

before = held_gb()
blocks = [bytearray(b"x") * 100_000 for _ in range(4_000)]
full = held_gb()
kept = blocks[::100]
del blocks
give_memory_back()
print(full - before, held_gb() - before, peak_memory_gb() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is freed")
def test_freed_pieces_are_given_back() -> None:
    """In a process of its own, where nothing was freed before."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    full, after, peak = map(float, done.stdout.split())
    assert full > 0.38 and peak > 0.38
    assert after < 0.05
