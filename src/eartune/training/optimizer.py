"""AdamW for bfloat16 weights, in which steps of 5e-6 would be rounded away.

Two remedies: float32 master weights, or 8-bit moments with stochastic rounding.

Of several processes each keeps masters and moments of its share of the parameters and steps these alone (ZeRO-1, arXiv
1910.02054); they are saved by the parameters' names, so that any number of processes can go on.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from eartune.errors import InputError
from eartune.models.components import Components
from eartune.processes import ONE, Processes
from eartune.settings import Training

OF_ONE_SHARE = ("params", "names")
"""The keys of a group of parameters that are not the same for the shares of all processes."""


def make_optimizer(
    components: Components, learning_rate: float, settings: Training, processes: Processes = ONE
) -> torch.optim.Optimizer:
    """Return the optimizer of this process's share of the trainable parameters, each component with its own rate.

    Raises InputError if the 8-bit optimizer is asked for and its package is not installed.
    """
    owners = owners_of(components, processes.size)
    groups = []
    for component, parameters in components.trainable_by_component().items():
        own = {name: value for name, value in parameters.items() if owners[name] == processes.rank}
        rate = learning_rate * settings.rate_factors.get(component, 1.0)
        groups.append({"params": list(own.values()), "names": list(own), "lr": rate})
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


def owners_of(components: Components, n: int) -> dict[str, int]:
    """Return which of `n` processes steps each trainable parameter, by its name; shares are of about the same size."""
    everything = {name: value for some in components.trainable_by_component().values() for name, value in some.items()}
    taken, owners = [0] * n, {}
    for name, value in sorted(everything.items(), key=lambda pair: pair[1].numel(), reverse=True):
        owners[name] = taken.index(min(taken))
        taken[owners[name]] += value.numel()
    return owners


def drop_gradients_of_others(components: Components, processes: Processes) -> None:
    """Delete the gradients of what other processes step, once clipping has seen all of them: a step needs memory."""
    if processes.size == 1:
        return
    owners = owners_of(components, processes.size)
    for some in components.trainable_by_component().values():
        for name, value in some.items():
            if owners[name] != processes.rank:
                value.grad = None


def give_out_weights(components: Components, processes: Processes) -> None:
    """Give every process the weights that their owners have stepped."""
    if processes.size == 1:
        return
    owners, shares = owners_of(components, processes.size), [list[Tensor]() for _ in range(processes.size)]
    for some in components.trainable_by_component().values():
        for name, value in some.items():
            shares[owners[name]].append(value)
    processes.give_out(shares)


def save_share(optimizer: Any, path: Path) -> None:
    """Write the masters, moments and rates of an optimizer's parameters, by the names of these."""
    whole = optimizer.state_dict()
    names = [name for group in whole["param_groups"] for name in group["names"]]
    rates = [{key: value for key, value in group.items() if key not in OF_ONE_SHARE} for group in whole["param_groups"]]
    state = {names[place]: value for place, value in whole["state"].items()}
    masters = dict(zip(names, whole.get("masters", ()), strict=False))
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state": state, "masters": masters, "rates": rates}, path)


def load_shares(optimizer: Any, paths: Sequence[Path]) -> None:
    """Load what all processes saved of an optimizer, of which this one takes what belongs to its own parameters.

    Several files are mapped into memory, so that a process reads no more than it takes.
    """
    groups = optimizer.state_dict()["param_groups"]
    names = [name for group in groups for name in group["names"]]
    several = len(paths) > 1
    saved = [torch.load(path, map_location="cpu", weights_only=True, mmap=several or None) for path in paths]
    state = {name: value for share in saved for name, value in share["state"].items()}
    masters = {name: value for share in saved for name, value in share["masters"].items()}
    whole = {
        "state": {place: state[name] for place, name in enumerate(names) if name in state},
        "param_groups": [
            rates | {key: group[key] for key in OF_ONE_SHARE}
            for group, rates in zip(groups, saved[0]["rates"], strict=True)
        ],
    }
    optimizer.load_state_dict(whole | ({"masters": [masters[name] for name in names]} if masters else {}))
