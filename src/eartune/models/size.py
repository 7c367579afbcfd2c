"""How large the checkpoints are that most people start from."""

from dataclasses import dataclass

from eartune.models.architecture import POCKETS
from eartune.settings import Component

ENCODER, ADAPTER, LANGUAGE_MODEL = Component


@dataclass(frozen=True)
class Rate:
    """How many positions a clip takes."""

    per_second: float
    least_seconds: float = 0
    """What shorter clips are filled up to."""

    def of(self, seconds: float) -> float:
        """Those of one clip."""
        return self.per_second * max(seconds, self.least_seconds)


@dataclass(frozen=True)
class Size:
    """Parameters by component, and what else a plan needs."""

    parameters: dict[Component, int]
    lora_features: int
    """Inputs plus outputs of all linear layers that LoRA wraps: its parameters are rank times this."""
    positions: int
    """Of the encoder's parameters, the sinusoids, which are never trained."""
    layers: int
    width: int
    vocabulary: int
    wrapped: int
    """Parameters of the linear layers that LoRA wraps, which nf4 keeps in 4 bits."""
    lora_outputs: int
    """Outputs of those layers: DoRA learns a length for each."""
    token_bytes: int
    """What the decoder keeps of one token for the way back, in bfloat16, without attention matrices."""
    state_bytes: int
    """What the encoder keeps of one of its positions."""
    states: Rate = Rate(50)
    """Positions in the encoder."""
    tokens: Rate = Rate(25)
    """Positions in the decoder."""


QWEN2_AUDIO_7B = Size(
    {ENCODER: 636_968_960, ADAPTER: 5_246_976, LANGUAGE_MODEL: 7_754_878_976},
    lora_features=2_498_560,
    positions=1_920_000,
    layers=32,
    width=4096,
    vocabulary=156_032,
    wrapped=6_476_005_376,
    lora_outputs=1_359_872,
    token_bytes=6_775_556,
    state_bytes=1_474_560,
)
POCKET = Size(
    {ENCODER: 20_590_592, ADAPTER: 295_488, LANGUAGE_MODEL: 162_830_016},
    lora_features=305_280,
    positions=768_000,
    layers=30,
    width=576,
    vocabulary=49_155,
    wrapped=106_168_320,
    lora_outputs=155_520,
    token_bytes=890_996,
    state_bytes=110_592,
)
KNOWN = {  # so that a plan for them is there at once, without torch
    "Qwen/Qwen2-Audio-7B-Instruct": QWEN2_AUDIO_7B,
    "Qwen/Qwen2-Audio-7B": QWEN2_AUDIO_7B,
    **dict.fromkeys(POCKETS, POCKET),
}
