"""What follows from a model's weights and its prompts alone, kept from one batch of answers to the next."""

from collections.abc import Callable, Sequence

from eartune.models.fused_linear import PackedWeights
from eartune.models.generation.kv_cache import CachedDecoder


class Kept:
    """Packed weights, and the keys and values of the beginning that prompts about recordings share.

    It belongs to one model, whose weights must not change.
    """

    def __init__(self) -> None:
        self.packed: PackedWeights = {}
        """The copies of weights for `packed_weights`."""
        self._beginning: tuple[tuple[int, ...], CachedDecoder] | None = None

    def beginning(self, tokens: Sequence[int], read: Callable[[], CachedDecoder]) -> CachedDecoder:
        """Return a decoder that has read these tokens; `read` makes it, unless the same were asked for last."""
        if self._beginning is None or self._beginning[0] != tuple(tokens):
            self._beginning = tuple(tokens), read()
        return self._beginning[1].fork()
