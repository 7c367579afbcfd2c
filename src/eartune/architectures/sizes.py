"""How large a checkpoint is, from its dimensions alone, for plans made before anything is loaded."""

from dataclasses import dataclass
from pathlib import Path

from eartune.architectures.settings import Architecture
from eartune.faults import InputError
from eartune.files import read_json
from eartune.schemes import Component


@dataclass(frozen=True)
class Dimensions:
    """What the parameter count of a Qwen2-Audio model follows from."""

    audio_width: int
    audio_layers: int
    audio_inner: int
    mel_bins: int
    width: int
    layers: int
    inner: int
    key_value_width: int
    vocabulary: int
    attention_bias: bool


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


QWEN2_AUDIO_7B = Dimensions(1280, 32, 5120, 128, 4096, 32, 11008, 4096, 156032, attention_bias=True)
POCKET = Dimensions(512, 6, 2048, 80, 576, 30, 1536, 192, 49155, attention_bias=False)
KNOWN = {"Qwen/Qwen2-Audio-7B-Instruct": QWEN2_AUDIO_7B, "Qwen/Qwen2-Audio-7B": QWEN2_AUDIO_7B, "pocket": POCKET}


def size_of(architecture: Architecture) -> Size:
    """The size of an architecture's checkpoint; a folder's is read from its config.json."""
    if architecture.checkpoint in KNOWN:
        return count(KNOWN[architecture.checkpoint])
    config = Path(architecture.checkpoint) / "config.json"
    if not config.is_file():
        known = ", ".join(KNOWN)
        raise InputError(f"{architecture.checkpoint}: neither a folder with a config.json nor one of {known}")
    return count(read_dimensions(config))


def read_dimensions(config: Path) -> Dimensions:
    """The dimensions in a checkpoint's config.json, with the library's defaults where it leaves them out."""
    content = read_json(config)
    audio, text = content.get("audio_config", {}), content.get("text_config", {})
    width, heads = text.get("hidden_size", 4096), text.get("num_attention_heads", 32)
    return Dimensions(
        audio_width=audio.get("d_model", 1280),
        audio_layers=audio.get("encoder_layers", 32),
        audio_inner=audio.get("encoder_ffn_dim", 5120),
        mel_bins=audio.get("num_mel_bins", 128),
        width=width,
        layers=text.get("num_hidden_layers", 32),
        inner=text.get("intermediate_size", 22016),
        key_value_width=text.get("num_key_value_heads", heads) * text.get("head_dim", width // heads),
        vocabulary=text.get("vocab_size", 151936),
        attention_bias=text.get("model_type", "qwen2") == "qwen2",
    )


def count(d: Dimensions) -> Size:
    """Parameters of tower, adapter and language model, layer by layer as the classes build them."""
    attention = 4 * d.audio_width**2 + 3 * d.audio_width  # keys have no bias
    audio_layer = attention + 2 * d.audio_width * d.audio_inner + d.audio_inner + d.audio_width + 4 * d.audio_width
    convolutions = 3 * d.audio_width * (d.mel_bins + d.audio_width) + 2 * d.audio_width
    encoder = d.audio_layers * audio_layer + convolutions + 1500 * d.audio_width + 2 * d.audio_width
    projections = 2 * d.width**2 + 2 * d.width * d.key_value_width
    bias = d.width + 2 * d.key_value_width if d.attention_bias else 0
    layer = projections + bias + 3 * d.width * d.inner + 2 * d.width
    return Size(
        parameters={
            Component.AUDIO_ENCODER: encoder,
            Component.MODALITY_ADAPTER: d.audio_width * d.width + d.width,
            Component.LANGUAGE_MODEL: d.layers * layer + d.width + 2 * d.vocabulary * d.width,
        },
        lora_features=d.layers * (2 * 2 * d.width + 2 * (d.width + d.key_value_width) + 3 * (d.width + d.inner)),
        positions=1500 * d.audio_width,
        layers=d.layers,
        width=d.width,
    )
