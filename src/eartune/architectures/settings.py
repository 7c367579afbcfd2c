"""Which architecture, which weights; known without loading any of it."""

from typing import Literal

from eartune.prompts import InstructionPosition
from eartune.settings import Section


class Qwen2AudioSettings(Section):
    """Qwen2-Audio's classes: the 7B model, the pocket checkpoint, or any folder in the hub's layout."""

    type: Literal["qwen2-audio"]
    checkpoint: str = "Qwen/Qwen2-Audio-7B-Instruct"
    """A name on the hub, a folder, or `pocket`."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """Of weights and computation; the optimizer keeps float32 copies of what it trains."""
    instruction: InstructionPosition = "after"
    """Where the instruction stands: after the content, as the paper's replication has it, or before."""
    cut_silence: bool = False
    """Leave out the silence before the first and after the last sound of each recording, all but 0.2 s."""


Architecture = Qwen2AudioSettings  # a union by `type` once there is a second
