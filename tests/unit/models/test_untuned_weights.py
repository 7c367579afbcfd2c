"""The weights from before tuning are put back for as long as a block lasts, and for no longer."""

import pytest
import torch
from torch import nn

from eartune.models.untuned_weights import UntunedWeights


def tuned_layer() -> tuple[nn.Linear, UntunedWeights]:
    """A layer whose weight was 1 before it was tuned to 2; its bias was tuned too, and not kept."""
    layer = nn.Linear(2, 2)
    untuned = UntunedWeights(layer)
    nn.init.ones_(layer.weight)
    untuned.keep(["weight"])
    for parameter in layer.parameters():
        nn.init.constant_(parameter, 2)
    return layer, untuned


def test_what_was_kept_is_back_in_the_block_and_the_tuned_weights_behind_it() -> None:
    layer, untuned = tuned_layer()
    for _ in range(2):
        with untuned.put_back():
            assert (layer.weight == 1).all() and (layer.bias == 2).all()
        assert (layer.weight == 2).all()


def test_an_error_in_the_block_leaves_the_tuned_weights() -> None:
    layer, untuned = tuned_layer()
    with pytest.raises(KeyboardInterrupt), untuned.put_back():
        raise KeyboardInterrupt
    assert (layer.weight == 2).all()


def test_weights_that_were_converted_since_get_the_kept_values_in_their_precision() -> None:
    layer, untuned = tuned_layer()
    layer.to(torch.bfloat16)
    with untuned.put_back():
        assert layer.weight.dtype == torch.bfloat16 and (layer.weight == 1).all()


def test_where_nothing_was_kept_nothing_changes() -> None:
    layer = nn.Linear(2, 2)
    before = layer.weight.clone()
    with UntunedWeights(layer).put_back():
        assert torch.equal(layer.weight, before)
