"""The callback through which long work reports how much of it is done."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with the number of items that are done and the number of all items: recordings, sentences or examples."""
