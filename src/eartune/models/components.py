"""Components of a model: the parameters of each, and which parameters train or were trained."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence

import torch
from torch import nn
from torch.nn import Parameter

from eartune.settings import Component

SINUSOIDS = "embed_positions.weight"
"""The suffix of the names of sinusoidal position embeddings, which are computed and not learned."""


class Components:
    """The components of one model, given as path prefixes; every parameter lies in one, or is never trained."""

    def __init__(
        self, module: nn.Module, prefixes: dict[Component, tuple[str, ...]], never_trained: tuple[str, ...] = ()
    ) -> None:
        self.module = module
        self.prefixes = prefixes
        self.never_trained = never_trained
        self._ever_trained: set[str] = set()

    def component_of(self, name: str) -> Component | None:
        """Return the component of the parameter of this name, or None if it is never trained.

        The longest prefix counts, as an adapter may lie inside the encoder. Raises ValueError for a name that lies in
        no component.
        """
        found = [(len(p), c) for c, prefixes in self.prefixes.items() for p in prefixes if name.startswith(p)]
        if found:
            return max(found)[1]
        if name.startswith(self.never_trained):
            return None
        raise ValueError(f"the parameter {name} lies in no component")

    def names_to_train(self, components: Collection[Component]) -> set[str]:
        """Return the names of the parameters that training these components changes.

        With LoRA, only its updates of the language model train. Sinusoidal position embeddings never do.
        """
        names = [name for name, _ in self.module.named_parameters()]
        has_lora = any("lora_" in name for name in names)
        found = set()
        for name in names:
            component = self.component_of(name)
            trains = component in components and not name.endswith(SINUSOIDS)
            if has_lora and component is Component.LANGUAGE_MODEL:
                trains = trains and "lora_" in name
            if trains:
                found.add(name)
        return found

    def set_trainable(self, components: Collection[Component]) -> None:
        """Train these components and freeze the rest; `names_to_train` says which parameters that concerns."""
        trained = self.names_to_train(components)
        for name, parameter in self.module.named_parameters():
            parameter.requires_grad_(name in trained)
        self._ever_trained |= trained

    def put_frozen_in_eval_mode(self) -> None:
        """Put frozen components in eval mode; dropout would otherwise stay active.

        Batch normalisation too, even where it trains: a few clips are no sample of the population, and its running
        means are not parameters, so that they would not be saved.
        """
        for component, prefixes in self.prefixes.items():
            if not any(self.component_of(n) is component for n, p in self.module.named_parameters() if p.requires_grad):
                for prefix in prefixes:
                    self.module.get_submodule(prefix.rstrip(".")).eval()
        for module in self.module.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eval()

    def trainable(self) -> Iterator[Parameter]:
        """Return the parameters that train now."""
        return (parameter for parameter in self.module.parameters() if parameter.requires_grad)

    def trainable_by_component(self) -> dict[Component, dict[str, Parameter]]:
        """Return the parameters that train now, by the component that they belong to and by their names."""
        found: dict[Component, dict[str, Parameter]] = {}
        for name, parameter in self.module.named_parameters():
            if parameter.requires_grad and (component := self.component_of(name)) is not None:
                found.setdefault(component, {})[name] = parameter
        return found

    def trained(self) -> Iterator[tuple[str, Parameter]]:
        """Return names and parameters that train now or did in an earlier stage: all that differs from the base."""
        return ((name, value) for name, value in self.module.named_parameters() if name in self._ever_trained)

    def has_trained(self, components: Sequence[Component]) -> bool:
        """Return whether a parameter of these components trains now or did in an earlier stage."""
        return any(self.component_of(name) in components for name in self._ever_trained)

    def mark_trained(self, names: Iterable[str]) -> None:
        """Mark parameters restored from a file as trained."""
        self._ever_trained.update(names)

    def fingerprint(self, components: Sequence[Component]) -> str:
        """Return a SHA-256 digest, in hexadecimal, of all weights and statistics of some components."""
        prefixes = tuple(prefix for component in components for prefix in self.prefixes[component])
        found = hashlib.sha256()
        for name, value in self.module.state_dict().items():
            if name.startswith(prefixes):
                found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
                found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return found.hexdigest()

    def counts(self) -> dict[Component, tuple[int, int]]:
        """Return for each component how many parameters it has, and how many of them train now."""
        totals = dict.fromkeys(self.prefixes, (0, 0))
        for name, parameter in self.module.named_parameters():
            component = self.component_of(name)
            if component is None:
                continue
            everything, training = totals[component]
            size = parameter.numel()
            totals[component] = (everything + size, training + size * parameter.requires_grad)
        return totals
