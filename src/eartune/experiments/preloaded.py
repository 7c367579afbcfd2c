"""What the process from which workers are forked imports once, so that each of them starts at once."""

import gc
from importlib import import_module

from eartune.before_torch import before_torch

before_torch()
for module in ("eartune.experiments.workers", "eartune.models.registry", "eartune.training.trainer"):
    import_module(module)
gc.freeze()  # forks share these objects, and leave them out of their garbage collections
