"""How large the checkpoints are that most people start from."""

from dataclasses import dataclass

from eartune.schemes import Component

ENCODER, ADAPTER, LANGUAGE_MODEL = Component


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


QWEN2_AUDIO_7B = Size(
    {ENCODER: 636_968_960, ADAPTER: 5_246_976, LANGUAGE_MODEL: 7_754_878_976},
    lora_features=2_498_560,
    positions=1_920_000,
    layers=32,
    width=4096,
)
KNOWN = {  # so that a plan for them is there at once, without torch
    "Qwen/Qwen2-Audio-7B-Instruct": QWEN2_AUDIO_7B,
    "Qwen/Qwen2-Audio-7B": QWEN2_AUDIO_7B,
    "pocket": Size(
        {ENCODER: 20_590_592, ADAPTER: 295_488, LANGUAGE_MODEL: 162_830_016},
        lora_features=305_280,
        positions=768_000,
        layers=30,
        width=576,
    ),
}
