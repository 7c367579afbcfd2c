"""LoRA on the linear layers of a language model: adding it, and merging it into the weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.nn.utils import skip_init

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

    def fit(self, saved: Mapping[str, Tensor]) -> None:
        """Give the updates the ranks of saved ones, by the names of their parameters; what they are scaled by stays.

        The average of several updates has their ranks together, so that only multiples of a rank are taken up. The
        factors of a layer that is changed are not set.
        """
        for name, wrapped in self.module.named_modules():
            for adapter in wrapped.lora_A if isinstance(wrapped, LoraLayer) else ():
                down, up = wrapped.lora_A[adapter], wrapped.lora_B[adapter]
                rank = len(saved.get(f"{name}.lora_A.{adapter}.weight", down.weight))
                if rank > down.out_features and rank % down.out_features == 0:
                    make: Any = skip_init
                    kind = {"bias": False, "device": down.weight.device, "dtype": down.weight.dtype}
                    wrapped.lora_A[adapter] = make(nn.Linear, down.in_features, rank, **kind)
                    wrapped.lora_B[adapter] = make(nn.Linear, rank, up.out_features, **kind)
                    wrapped.lora_A[adapter].weight.requires_grad_(down.weight.requires_grad)
                    wrapped.lora_B[adapter].weight.requires_grad_(up.weight.requires_grad)
                    wrapped.r[adapter] = rank

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
