"""Garbage collection, switched off where many objects are made and none is garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Switch garbage collection off: checking all objects again and again takes longer than making them."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
