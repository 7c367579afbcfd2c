"""The model with which an experiment of one's own begins, and its rates: a small one on a CPU, a large one on a GPU."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StartingModel:
    """A checkpoint, the learning rates that suit it, and a comment that names the other choice."""

    architecture: str
    """The section `architecture` of a YAML, in one line."""
    comment: str
    text_rate: float
    speech_rate: float


POCKET = StartingModel(
    "{type: qwen2-audio, checkpoint: pocket}",
    "small, English, for a CPU; beside a GPU: checkpoint: Qwen/Qwen2-Audio-7B-Instruct, with learning rates of 1.0e-4 "
    "for text and 5.0e-5 for speech",
    5e-4,  # of experiments/demo.yaml and experiments/coffee.yaml
    5e-4,
)
QWEN2_AUDIO = StartingModel(
    "{type: qwen2-audio, checkpoint: Qwen/Qwen2-Audio-7B-Instruct}",
    "or another family (eartune list); on a CPU: checkpoint: pocket, with learning rates of 5.0e-4",
    1e-4,  # not measured: LoRA needs larger rates than the paper's, which are for all weights
    5e-5,
)


def starting_model(devices: Path = Path("/dev")) -> StartingModel:
    """Return the model that suits this machine, by whether it has a GPU of NVIDIA."""
    return QWEN2_AUDIO if any(devices.glob("nvidia[0-9]*")) else POCKET
