"""AdamW for bfloat16 weights, in which steps of 5e-6 would be rounded away.

Two remedies: float32 master weights, or 8-bit moments with stochastic rounding.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch.nn import Parameter

from eartune.errors import InputError
from eartune.models.components import Components
from eartune.settings import Training


def make_optimizer(components: Components, learning_rate: float, settings: Training) -> torch.optim.Optimizer:
    """Return the optimizer of all trainable parameters, each component with its own learning rate.

    Raises InputError if the 8-bit optimizer is asked for and its package is not installed.
    """
    groups = [
        {"params": parameters, "lr": learning_rate * settings.rate_factors.get(component, 1.0)}
        for component, parameters in components.trainable_by_component().items()
    ]
    if settings.optimizer == "adamw":
        return MasterAdamW(groups, weight_decay=settings.weight_decay)
    try:
        from torchao.optim import AdamW8bit
    except ImportError as error:
        raise InputError("training.optimizer adamw-8bit needs torchao: pip install 'eartune[train]'") from error
    # Without stochastic rounding, 8-bit AdamW would lose small steps on bfloat16 weights as any optimizer does.
    optimizer: torch.optim.Optimizer = AdamW8bit(groups, weight_decay=settings.weight_decay, bf16_stochastic_round=True)
    return optimizer


class MasterAdamW(torch.optim.AdamW):
    """AdamW on float32 master weights, which are rounded into the model's parameters after each step.

    At a rate of 5e-6, AdamW on bfloat16 weights moves 8 % as far as on float32 weights. Parameters that are float32
    already are copied too, which costs memory but changes nothing.
    """

    def __init__(self, parameters: Iterable[Parameter] | list[dict[str, Any]], **settings: Any) -> None:
        super().__init__(parameters, fused=True, **settings)  # fused: a step makes no copies
        self._live: list[Parameter] = []
        for group in self.param_groups:
            live = [parameter for parameter in group["params"] if parameter.requires_grad]
            group["params"] = [Parameter(parameter.detach().float().clone()) for parameter in live]
            self._live += live

    @property
    def _masters(self) -> list[Parameter]:
        return [master for group in self.param_groups for master in group["params"]]

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move the model's gradients to the masters, step in float32, and copy the rounded masters to the model."""
        for live, master in zip(self._live, self._masters, strict=True):
            master.grad = None if live.grad is None else live.grad.float()
            live.grad = None
        result = super().step(closure)
        for live, master in zip(self._live, self._masters, strict=True):
            live.copy_(master)
            master.grad = None
        return result

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Delete the gradients of the model's parameters."""
        for live in self._live:
            live.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return the optimizer's state and the masters, without which a resumed run would differ."""
        return super().state_dict() | {"masters": [master.detach() for master in self._masters]}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a saved state, and copy its rounded masters to the model's parameters."""
        rest = dict(state_dict)
        saved = rest.pop("masters")
        super().load_state_dict(rest)
        for live, master, value in zip(self._live, self._masters, saved, strict=True):
            master.copy_(value)
            live.copy_(master)
