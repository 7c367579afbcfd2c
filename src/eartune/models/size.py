"""The sizes of models that a plan and a memory estimate need, and those of the best-known checkpoints."""

from dataclasses import dataclass

from eartune.models.architecture import POCKET
from eartune.settings import Component

ENCODER, ADAPTER, LANGUAGE_MODEL = Component


@dataclass(frozen=True)
class Rate:
    """The number of encoder or decoder positions of a clip, by its duration."""

    per_second: float
    """Positions for each second."""
    least_seconds: float = 0
    """The duration in seconds to which shorter clips are padded."""

    def of(self, seconds: float) -> float:
        """Return the number of positions of one clip of this duration."""
        return self.per_second * max(seconds, self.least_seconds)


@dataclass(frozen=True)
class Size:
    """The size of one model."""

    parameters: dict[Component, int]
    """The number of parameters of each component."""
    lora_features: int
    """The inputs plus the outputs of all linear layers that LoRA wraps; LoRA has rank times as many parameters."""
    positions: int
    """The number of encoder parameters in sinusoidal position embeddings, which are never trained."""
    layers: int
    """The number of the decoder's layers."""
    width: int
    """The width of the decoder's hidden states."""
    vocabulary: int
    """The number of tokens in the head's output."""
    wrapped: int
    """The number of parameters of the linear layers that LoRA wraps, which nf4 stores in 4 bits."""
    lora_outputs: int
    """The outputs of those layers; DoRA learns one magnitude for each."""
    token_bytes: int
    """Bytes of activations, in bfloat16 and without attention matrices, that the decoder keeps of one token."""
    state_bytes: int
    """Bytes of activations, in bfloat16, that the encoder keeps of one of its positions."""
    experts: int = 0
    """The number of parameters of experts that one token is multiplied with, where the decoder is a mixture of them."""
    states: Rate = Rate(50)
    """Positions of the encoder that a clip takes."""
    tokens: Rate = Rate(25)
    """Positions of the decoder that a clip takes."""


QWEN2_AUDIO_7B = Size(
    {ENCODER: 636_968_960, ADAPTER: 5_246_976, LANGUAGE_MODEL: 7_754_878_976},
    lora_features=2_498_560,
    positions=1_920_000,
    layers=32,
    width=4096,
    vocabulary=156_032,
    wrapped=6_476_005_376,
    lora_outputs=1_359_872,
    token_bytes=5_734_916,
    state_bytes=1_474_560,
)
POCKET_SIZE = Size(
    {ENCODER: 20_590_592, ADAPTER: 295_488, LANGUAGE_MODEL: 162_830_016},
    lora_features=305_280,
    positions=768_000,
    layers=30,
    width=576,
    vocabulary=49_155,
    wrapped=106_168_320,
    lora_outputs=155_520,
    token_bytes=756_468,
    state_bytes=110_592,
)
KNOWN = {  # so that a plan for them needs no torch
    "Qwen/Qwen2-Audio-7B-Instruct": QWEN2_AUDIO_7B,
    "Qwen/Qwen2-Audio-7B": QWEN2_AUDIO_7B,
    POCKET: POCKET_SIZE,
}
