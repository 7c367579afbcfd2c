"""Which architecture, which weights; known without loading any of it."""

from typing import Literal

from eartune.prompts import InstructionPosition
from eartune.settings import Section


class Architecture(Section):
    """A family of audio LLMs, and weights of it."""

    type: Literal["qwen2-audio", "audioflamingo3", "granite-speech", "qwen2.5-omni", "voxtral"]
    checkpoint: str
    """A name on the hub, a folder in the hub's layout, or `pocket`, which is a small qwen2-audio."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """Of weights and computation; the optimizer keeps float32 copies of what it trains."""
    instruction: InstructionPosition = "after"
    """Where the instruction stands: after the content, as the paper's replication has it, or before."""
    cut_silence: bool = False
    """Leave out the silence before the first and after the last sound of each recording, all but 0.2 s."""
