"""Checks of a checkpoint before and while it is loaded: its family, its format, and that no weight is missing."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import PreTrainedConfig

from eartune.errors import InputError
from eartune.models.transformers_version import installed_transformers, transformers_is_at_least

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def check_family(checkpoint: str, model_type: str, least_transformers: str) -> None:
    """Raise InputError if the checkpoint is of another family, or if transformers is too old for it.

    transformers would load it and initialise the missing weights at random.
    """
    if not transformers_is_at_least(least_transformers):
        needed = f"transformers {least_transformers} or newer; here is {installed_transformers()}"
        raise InputError(f"{checkpoint}: a {model_type} needs {needed}")
    check_format(checkpoint)
    found = str(PreTrainedConfig.get_config_dict(checkpoint)[0].get("model_type"))
    if model_type not in (found, f"{found}_thinker"):  # a whole Omni's configuration stands for its thinker's
        raise InputError(f"{checkpoint}: is a {found}, not a {model_type}; `eartune list` shows the types there are")


def check_format(checkpoint: str) -> None:
    """Raise InputError for a folder with a LoRA adapter alone, or with pickles, which may run code when opened."""
    folder = Path(checkpoint)
    adapter = folder / "adapter_config.json"
    if adapter.is_file() and not (folder / "config.json").is_file():
        base = json.loads(adapter.read_text(encoding="utf-8")).get("base_model_name_or_path")
        raise InputError(
            f"{checkpoint}: is an adapter for {base} and no model; name the folder of the run that trained it, "
            "or merge it into that model and name the result"
        )
    pickled = sorted(path.name for kind in PICKLES for path in folder.glob(kind))
    if pickled and not any(folder.glob("*.safetensors")):
        raise InputError(f"{checkpoint}: {pickled[0]} may run code when it is opened; save the model as safetensors")


def load_complete(model_class: Any, checkpoint: str, **settings: Any) -> Any:
    """Load a model of one of transformers' classes from safetensors; raises InputError if any weight is missing.

    transformers would initialise missing weights at random, and only log that.
    """
    check_format(checkpoint)
    try:
        model, found = model_class.from_pretrained(
            checkpoint, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True, **settings
        )
    except (OSError, SafetensorError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{checkpoint}: its weights cannot be read ({reason}); fetch it again") from error
    if missing := sorted(found["missing_keys"]):
        raise InputError(f"{checkpoint}: lacks {len(missing)} weights, such as {missing[0]}; fetch it again")
    if other := sorted(name for name, *_ in found["mismatched_keys"]):
        raise InputError(f"{checkpoint}: {other[0]} has another shape than config.json says; fetch both again")
    return model
