"""The optimizer's share of one of several processes."""

import torch

from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.processes import Processes
from eartune.settings import Component
from eartune.training.optimizer import drop_gradients_of_others, owners_of
from tiny_models import tiny


def test_a_process_steps_with_the_gradients_of_its_own_share_alone_in_memory() -> None:
    """As the estimate of the memory counts them."""
    components = tiny(Qwen2Audio).components
    components.set_trainable((Component.LANGUAGE_MODEL,))
    ((_, parameters),) = components.trainable_by_component().items()
    owners = owners_of(components, 2)
    for rank in (0, 1):
        for value in parameters.values():
            value.grad = torch.zeros_like(value)
        drop_gradients_of_others(components, Processes(rank, 2))
        assert {name for name, value in parameters.items() if value.grad is not None} == {
            name for name, owner in owners.items() if owner == rank
        }
    for value in parameters.values():
        value.grad = torch.zeros_like(value)
    drop_gradients_of_others(components, Processes())
    assert all(value.grad is not None for value in parameters.values())
