"""The settings of the architecture and its checkpoint; importing this module loads neither torch nor weights."""

from typing import Literal

from pydantic import Field

from eartune.models.chat_format import InstructionPosition
from eartune.settings import Section

Family = Literal[
    "audioflamingo3",
    "encoder-adapter-llm",
    "fun-asr-nano",
    "gemma4",
    "glmasr",
    "granite-speech",
    "granite-speech-plus",
    "musicflamingo",
    "phi4-multimodal",
    "qwen2-audio",
    "qwen2.5-omni",
    "qwen3-asr",
    "qwen3-omni",
    "voxtral",
]
CHECKPOINTS: dict[Family, str] = {  # a checkpoint of each family, published by its authors
    "audioflamingo3": "nvidia/audio-flamingo-3-hf",
    "encoder-adapter-llm": "openai/whisper-base + HuggingFaceTB/SmolLM2-135M-Instruct",
    "fun-asr-nano": "FunAudioLLM/Fun-ASR-Nano-2512-hf",
    "gemma4": "google/gemma-4-E2B-it",
    "glmasr": "zai-org/GLM-ASR-Nano-2512",
    "granite-speech": "ibm-granite/granite-speech-3.3-2b",
    "granite-speech-plus": "ibm-granite/granite-speech-4.1-2b-plus",
    "musicflamingo": "nvidia/music-flamingo-2601-hf",
    "phi4-multimodal": "microsoft/Phi-4-multimodal-instruct",
    "qwen2-audio": "Qwen/Qwen2-Audio-7B-Instruct",
    "qwen2.5-omni": "Qwen/Qwen2.5-Omni-7B",
    "qwen3-asr": "Qwen/Qwen3-ASR-1.7B-hf",
    "qwen3-omni": "Qwen/Qwen3-Omni-30B-A3B-Instruct",
    "voxtral": "mistralai/Voxtral-Mini-3B-2507",
}


POCKET = "pocket"
"""The name of the small checkpoint that is built from packages; see pocket/README.md."""


class Architecture(Section):
    """A family of audio LLMs, a checkpoint of it, and how its prompts and recordings are prepared."""

    type: Family
    checkpoint: str
    """A name on the hub, a folder in the hub's layout, or `pocket`, a small qwen2-audio that comes with eartune."""
    precision: Literal["bfloat16", "float32", "nf4"] = "bfloat16"
    """The precision of weights and computation; the optimizer keeps float32 copies of trained weights. `nf4` stores
    the decoder's linear layers in 4 bits and computes in bfloat16; it needs training.lora and eartune[train]."""
    instruction: InstructionPosition = "after"
    """The place of the instruction: after the content, as in the paper's replication, or before it."""
    cut_silence: bool = False
    """Trim leading and trailing silence of each recording to 0.2 s."""


class NamedArchitecture(Architecture):
    """One of several architectures of a grid, under a name that tells its models apart."""

    name: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]*$")
    """By default the type."""

    @property
    def label(self) -> str:
        """The name in tables and folders."""
        return self.name or self.type

    @property
    def alone(self) -> Architecture:
        """The architecture without its name, as an experiment with this one alone has it."""
        return Architecture.model_validate(self.model_dump(exclude={"name"}))
