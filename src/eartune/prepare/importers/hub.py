"""Fetch a dataset of the Hugging Face hub by its name, as a folder that `save_to_disk` wrote.

    PolyAI/minds14, {"name": "en-US"}  ->  folder/dataset_dict.json, folder/train/state.json, ...

The package `datasets` downloads it, into its own cache and with the token that it finds, and saves recordings within
their rows, without decoding them.
"""

from collections.abc import Mapping
from pathlib import Path

from eartune.errors import InputError

SETTINGS = ("name", "revision")
"""What may be chosen of a dataset: its configuration, such as a language, and a commit."""


def save_from_hub(dataset: str, settings: Mapping[str, str], folder: Path) -> None:
    """Load a dataset and save it to a folder; raises InputError if it cannot be loaded, or without `datasets`."""
    if unknown := sorted(settings.keys() - set(SETTINGS)):
        raise InputError(f"--with {unknown[0]}: of a dataset of the hub only {' and '.join(SETTINGS)} can be chosen")
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise InputError(f"--hub {dataset}: needs the package datasets; pip install 'eartune[hub]'") from error
    try:
        loaded = load_dataset(dataset, **settings)
    except Exception as error:  # of the network, of a missing configuration, of a script that is refused, and others
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"--hub {dataset}: cannot be loaded ({reason})") from error
    loaded.save_to_disk(str(folder))
