"""Which parameter belongs to which component, which of them train, and low-rank updates that reach no audio module."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import nn
from torch.nn import Parameter

from eartune.errors import InputError
from eartune.settings import Component, Lora


class Parts:
    """The components of one model's module as path prefixes; every parameter that can be trained is of one."""

    def __init__(
        self,
        module: nn.Module,
        prefixes: dict[Component, tuple[str, ...]],
        lora_layers: str,
        lora_leaves: Sequence[str],
        never_trained: tuple[str, ...] = (),
    ) -> None:
        self.module = module
        self.prefixes = prefixes
        self.lora_layers = lora_layers
        self.lora_leaves = tuple(lora_leaves)
        self.never_trained = never_trained
        self._ever_trained: set[str] = set()

    def component_of(self, name: str) -> Component | None:
        """The component a parameter belongs to, None if it is never trained; raises ValueError for a stray one.

        The longest prefix counts, as an adapter may lie inside the encoder.
        """
        found = [(len(p), c) for c, prefixes in self.prefixes.items() for p in prefixes if name.startswith(p)]
        if found:
            return max(found)[1]
        if name.startswith(self.never_trained):
            return None
        raise ValueError(f"the parameter {name} lies in no component")

    def add_lora(self, lora: Lora, seed: int) -> None:
        """Wrap the language model's linear layers; asserts on the wrapped model that no other module was hit.

        Only its layers are shown to the library: names such as q_proj are in the audio tower too, and from a pattern
        of full paths the library makes such names for models with experts.
        """
        torch.manual_seed(seed)
        config = LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            use_dora=lora.dora,
            target_modules=list(self.lora_leaves),
        )
        inject_adapter_in_model(config, self.module.get_submodule(self.lora_layers))
        for name, parameter in self.module.named_parameters():
            if "lora_" in name:
                if self.component_of(name) is not Component.LANGUAGE_MODEL:
                    raise ValueError(f"LoRA reached {name}, outside the language model")
                parameter.data = parameter.data.to(next(self.module.parameters()).dtype)

    def set_trainable(self, components: Sequence[Component]) -> None:
        """Train these components and freeze the rest; under LoRA, of the language model only the updates train."""
        has_lora = any("lora_" in name for name, _ in self.module.named_parameters())
        for name, parameter in self.module.named_parameters():
            component = self.component_of(name)
            wanted = component in components and not name.endswith("embed_positions.weight")  # sinusoids, not learned
            if has_lora and component is Component.LANGUAGE_MODEL:
                wanted = wanted and "lora_" in name
            parameter.requires_grad_(wanted)
            if wanted:
                self._ever_trained.add(name)

    def lora_linears(self) -> list[nn.Linear]:
        """What LoRA wraps."""
        return [linear for _, _, linear in self._linears()]

    def _linears(self) -> list[tuple[nn.Module, str, nn.Linear]]:
        """The same, with the module that each is in and its name there."""
        named = list(self.module.get_submodule(self.lora_layers).named_modules())
        of = dict(named)
        found = []
        for name, module in named:
            parent, _, leaf = name.rpartition(".")
            if leaf in self.lora_leaves and isinstance(module, nn.Linear):
                found.append((of[parent], leaf, module))
        return found

    def quantise(self) -> None:
        """What LoRA wraps, to 4 bits: NF4 with quantised scales (QLoRA, arXiv 2305.14314)."""
        try:
            from bitsandbytes.nn import Linear4bit, Params4bit
        except ImportError as error:
            raise InputError("architecture.precision nf4 needs bitsandbytes: pip install 'eartune[train]'") from error
        for parent, leaf, linear in self._linears():
            weight, bias = linear.weight, linear.bias
            four_bits = Linear4bit(
                linear.in_features,
                linear.out_features,
                bias=bias is not None,
                compute_dtype=weight.dtype,
                quant_type="nf4",
                device="meta",
            )
            four_bits.weight = Params4bit(weight.data, requires_grad=False, quant_type="nf4", module=four_bits)
            four_bits.bias = bias
            four_bits.support_avx512bf16_for_cpu = False  # its packed weights could not be merged any more
            setattr(parent, leaf, four_bits)

    def merge_lora(self) -> None:
        """Add the updates to the weights that they belong to, and take the wrapping off; nothing, if there is none.

        Sums are float32 and rounded once: an update that is small beside its weight would be lost in bfloat16.
        Weights of 4 bits become what they stood for.
        """
        layers = self.module.get_submodule(self.lora_layers)
        for name, wrapped in list(layers.named_modules()):
            if isinstance(wrapped, LoraLayer):
                wrapped.base_layer = as_linear(wrapped.get_base_layer())
                dtype = wrapped.base_layer.weight.dtype
                wrapped.float().merge()
                parent, _, leaf = name.rpartition(".")
                setattr(layers.get_submodule(parent), leaf, wrapped.base_layer.to(dtype))

    def settle(self) -> None:
        """Frozen components to eval mode: a frozen part left in train mode still drops out.

        Batch normalisation too, even where it trains: a few clips are no population, and its running means are no
        parameters, so that they would be lost.
        """
        for component, prefixes in self.prefixes.items():
            if not any(self.component_of(n) is component for n, p in self.module.named_parameters() if p.requires_grad):
                for prefix in prefixes:
                    self.module.get_submodule(prefix.rstrip(".")).eval()
        for module in self.module.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eval()

    def trainable(self) -> Iterator[Parameter]:
        """The parameters that train now."""
        return (parameter for parameter in self.module.parameters() if parameter.requires_grad)

    def trainable_by_component(self) -> dict[Component, list[Parameter]]:
        """The same, under the component that each belongs to."""
        found: dict[Component, list[Parameter]] = {}
        for name, parameter in self.module.named_parameters():
            if parameter.requires_grad and (component := self.component_of(name)) is not None:
                found.setdefault(component, []).append(parameter)
        return found

    def trained(self) -> Iterator[tuple[str, Parameter]]:
        """The parameters that train now or did in an earlier stage: all that makes this model differ from its base."""
        return ((name, value) for name, value in self.module.named_parameters() if name in self._ever_trained)

    def has_trained(self, components: Sequence[Component]) -> bool:
        """Whether any of them trains now or did in an earlier stage."""
        return any(self.component_of(name) in components for name in self._ever_trained)

    def fingerprint(self, components: Sequence[Component]) -> str:
        """A digest of all weights and statistics that lie in some components."""
        prefixes = tuple(prefix for component in components for prefix in self.prefixes[component])
        found = hashlib.sha256()
        for name, value in self.module.state_dict().items():
            if name.startswith(prefixes):
                found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
                found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return found.hexdigest()

    def remember_trained(self, names: Iterable[str]) -> None:
        """Take note of parameters whose trained values were put in from a file."""
        self._ever_trained.update(names)

    def counts(self) -> dict[Component, tuple[int, int]]:
        """By component: parameters, and how many of them train."""
        totals = dict.fromkeys(self.prefixes, (0, 0))
        for name, parameter in self.module.named_parameters():
            component = self.component_of(name)
            if component is None:
                continue
            everything, training = totals[component]
            size = parameter.numel()
            totals[component] = (everything + size, training + size * parameter.requires_grad)
        return totals


def as_linear(layer: Any) -> nn.Linear:
    """The layer itself, or, if its weights have 4 bits, one with the weights that these stand for."""
    if not hasattr(layer.weight, "quant_state"):
        return cast(nn.Linear, layer)
    from bitsandbytes.functional import dequantize_4bit

    plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
    plain.weight = Parameter(dequantize_4bit(layer.weight.data, layer.weight.quant_state), requires_grad=False)
    plain.bias = layer.bias
    return plain
