"""All weights of a checkpoint or none: no pickle is opened, and nothing that is missing is made up."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from eartune.errors import InputError

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def refuse_what_is_no_model(checkpoint: str) -> None:
    """Raise InputError for a folder of an adapter alone, or of pickles, which may run code when they are opened."""
    folder = Path(checkpoint)
    adapter = folder / "adapter_config.json"
    if adapter.is_file() and not (folder / "config.json").is_file():
        base = json.loads(adapter.read_text(encoding="utf-8")).get("base_model_name_or_path")
        raise InputError(
            f"{checkpoint}: is an adapter for {base} and no model; merge it into that, and name the result"
        )
    pickled = sorted(path.name for kind in PICKLES for path in folder.glob(kind))
    if pickled and not any(folder.glob("*.safetensors")):
        raise InputError(f"{checkpoint}: {pickled[0]} may run code when it is opened; save the model as safetensors")


def load_whole(model_class: Any, checkpoint: str, **settings: Any) -> Any:
    """A model of a class of transformers with all of its weights from safetensors.

    The library draws weights that are missing at random, and only logs that; here it raises InputError.
    """
    refuse_what_is_no_model(checkpoint)
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
