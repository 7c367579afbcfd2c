"""LoRA on the linear layers of a language model: adding it, and merging it into the weights."""

from collections.abc import Sequence

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import nn

from eartune.models.nf4 import dequantised
from eartune.settings import Lora


class LoraLayers:
    """The linear layers that LoRA wraps: those with one of some names, below one module.

    peft is given that module alone: names such as q_proj are in audio encoders too, and from a pattern of full paths it
    would make such names for models with experts.
    """

    def __init__(self, module: nn.Module, path: str, leaves: Sequence[str]) -> None:
        self.module = module
        """The whole model."""
        self.path = path
        """The path of the module that holds the layers, such as model.language_model.layers."""
        self.leaves = tuple(leaves)
        """The last parts of the layers' names, such as q_proj."""

    def linears(self) -> list[tuple[nn.Module, str, nn.Linear]]:
        """Return the linear layers, each with its parent module and its name there."""
        named = list(self.module.get_submodule(self.path).named_modules())
        modules = dict(named)
        found = []
        for name, module in named:
            parent, _, leaf = name.rpartition(".")
            if leaf in self.leaves and isinstance(module, nn.Linear):
                found.append((modules[parent], leaf, module))
        return found

    def add(self, lora: Lora, seed: int) -> None:
        """Wrap the layers with low-rank updates that change nothing yet; their start is drawn from `seed`."""
        torch.manual_seed(seed)
        config = LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            use_dora=lora.dora,
            target_modules=list(self.leaves),
        )
        inject_adapter_in_model(config, self.module.get_submodule(self.path))
        dtype = next(self.module.parameters()).dtype
        for name, parameter in self.module.named_parameters():
            if "lora_" in name:
                parameter.data = parameter.data.to(dtype)

    def rank(self) -> int:
        """Return the rank of the updates; 0 without LoRA."""
        ranks = [len(value) for name, value in self.module.named_parameters() if "lora_A" in name]
        return max(ranks, default=0)

    def merge(self) -> None:
        """Add the updates to the weights that they belong to and unwrap the layers; without LoRA, change nothing.

        Sums are float32 and rounded once, as an update that is small beside its weight would be lost in bfloat16.
        Weights in 4 bits are dequantised first.
        """
        layers = self.module.get_submodule(self.path)
        for name, wrapped in list(layers.named_modules()):
            if isinstance(wrapped, LoraLayer):
                wrapped.base_layer = dequantised(wrapped.get_base_layer())
                dtype = wrapped.base_layer.weight.dtype
                wrapped.float().merge()
                parent, _, leaf = name.rpartition(".")
                setattr(layers.get_submodule(parent), leaf, wrapped.base_layer.to(dtype))
