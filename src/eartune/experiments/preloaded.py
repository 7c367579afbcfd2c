"""What the process from which workers are forked imports once, so that each of them starts at once."""

from importlib import import_module

from eartune.before_torch import before_torch

before_torch()
for module in ("eartune.experiments.workers", "eartune.models.registry", "eartune.training.trainer"):
    import_module(module)
