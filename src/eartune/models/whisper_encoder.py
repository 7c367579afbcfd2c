"""Whisper's encoder with states pooled by two, at the true length of each clip instead of 30 s.

Qwen2-Audio and Audio Flamingo 3 use it. Cutting the padding is exact: attention sees none of it, and the mel keeps
`MARGIN_FRAMES` frames of real silence to the right of each clip, more than the convolutions look ahead.
"""

from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AttentionInterface, WhisperFeatureExtractor
from transformers.modeling_outputs import BaseModelOutput

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.audio_llm import HOP_SAMPLES, AudioLLM
from eartune.models.batch import Clip
from eartune.models.fused_linear import project
from eartune.models.fused_operations import computes_in
from eartune.models.packed_attention import PackedRows, attend_by_row

MARGIN_FRAMES = 4  # the two convolutions look 2 frames past the last valid one; 4 leaves room for an even width
LONGEST_FRAMES = 3000  # 30 s, where the position embeddings end


class TrueLength:
    """A forward pass at the true length, mixed into a stock encoder whose own demands 30 s; it adds no parameter.

    The class of a loaded encoder is replaced by one with this mixin, so that names of weights stay as they are.
    """

    def forward(self: Any, input_features: Tensor, attention_mask: Tensor) -> BaseModelOutput:
        """Encode mels (clips, bins, frames) with a mask (clips, frames // 2) to states (clips, frames // 4, width).

        Raises ValueError if the number of frames is odd.
        """
        rows = PackedRows(attention_mask)
        states = rows.pack(self.convolve(input_features))
        for layer in self.layers:
            states = layer_output(layer, states, rows.lengths)
        return BaseModelOutput(last_hidden_state=self.pool(rows.unpack(states)))

    def convolve(self: Any, mel: Tensor) -> Tensor:
        """Return what the first layer reads of mels (clips, bins, frames): (clips, frames // 2, width).

        Raises ValueError if the number of frames is odd.
        """
        frames = mel.shape[-1]
        if frames % 2:
            raise ValueError(f"the mel is {frames} frames wide; the width must be even")
        mel = mel.to(dtype=self.conv1.weight.dtype, device=self.conv1.weight.device)
        states = nn.functional.gelu(convolution(self.conv1, mel))
        states = nn.functional.gelu(convolution(self.conv2, states)).permute(0, 2, 1)
        positioned: Tensor = states + self.embed_positions.weight[: frames // 2]
        return positioned

    def pool(self: Any, states: Tensor) -> Tensor:
        """Return the last layer's output (clips, positions, width) averaged in pairs and normalised."""
        pooled: Tensor = self.layer_norm(self.avg_pooler(states.permute(0, 2, 1)).permute(0, 2, 1))
        return pooled


def convolution(layer: nn.Conv1d, signal: Tensor) -> Tensor:
    """Return the layer's output (clips, channels, frames) of a signal of that shape, in the signal's precision.

    It is computed in the precision that is fastest on the device, and rounded once.
    """
    dtype = computes_in(signal, signal.shape[-1])
    bias = None if layer.bias is None else layer.bias.to(dtype)
    outputs = nn.functional.conv1d(signal.to(dtype), layer.weight.to(dtype), bias, layer.stride, layer.padding)
    return outputs.to(signal.dtype)


def layer_output(layer: Any, states: Tensor, lengths: Tensor) -> Tensor:
    """Run one layer with its products joined; the library's own forward, if it has dropout to apply."""
    attention, config = layer.self_attn, layer.self_attn.config
    if layer.training and (layer.dropout or layer.activation_dropout or config.attention_dropout):
        output: Tensor = layer(states, lengths)
        return output
    normed = layer.self_attn_layer_norm(states)
    together = project(normed, [attention.q_proj, attention.k_proj, attention.v_proj])
    heads = together.view(*states.shape[:-1], 3, attention.num_heads, attention.head_dim)
    query, key, value = (part.transpose(1, 2) for part in heads.unbind(dim=-3))
    attend = AttentionInterface()[config._attn_implementation]
    attended, _ = attend(attention, query, key, value, lengths, dropout=0.0, scaling=attention.scaling)
    states = project(attended.flatten(-2), [attention.out_proj], residual=states)
    opened = layer.activation_fn(project(layer.final_layer_norm(states), [layer.fc1]))
    return project(opened, [layer.fc2], residual=states)


class PooledWhisperModel(AudioLLM):
    """A family whose audio encoder is Whisper's with states pooled by two: 25 audio tokens a second."""

    extractor_class = WhisperFeatureExtractor
    tower_class: ClassVar[type[TrueLength]]
    """The stock encoder class with `TrueLength` in front."""

    def prepare(self) -> None:
        """Let the encoder accept clips at their true length, so that no padding is computed."""
        super().prepare()
        self.model.model.audio_tower.__class__ = self.tower_class
        attend_by_row(self.model.model.audio_tower.config)

    def features(self, wave: Wave) -> Clip:
        """Compute the log-mel at the clip's own length."""
        return clip_of(wave, self.extractor)

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode mels to the valid pooled states, (audio tokens, encoder width)."""
        states = padded_states(self.model.model.audio_tower, mel, n_frames)
        places = torch.arange(states.shape[1], device=states.device)
        return states[places[None, :] < n_audio_tokens(n_frames)[:, None]]


def clip_of(wave: Wave, extractor: WhisperFeatureExtractor) -> Clip:
    """Compute the log-mel of a 16 kHz waveform at its own length, bit-identical to the start of the 30 s mel."""
    n_frames = -(-len(wave) // HOP_SAMPLES)
    width = min(n_frames + MARGIN_FRAMES + n_frames % 2, LONGEST_FRAMES)
    extracted = extractor(
        np.asarray(wave),
        sampling_rate=SAMPLE_RATE,
        padding="max_length",  # "longest" would let the STFT reflect the end of the signal
        max_length=width * HOP_SAMPLES,
        return_tensors="pt",
    )
    return Clip(mel=extracted["input_features"][0], n_frames=n_frames, n_tokens=n_audio_tokens(n_frames))


def padded_states(tower: Any, mel: Tensor, n_frames: Tensor) -> Tensor:
    """Encode padded mels (clips, bins, frames) to states (clips, frames // 4, width), those of padding included."""
    positions = torch.arange(mel.shape[-1] // 2, device=mel.device)
    valid = (positions[None, :] < ((n_frames - 1) // 2 + 1)[:, None]).long()
    states: Tensor = tower(mel, attention_mask=valid).last_hidden_state
    return states


FrameCount = TypeVar("FrameCount", int, Tensor)


def n_audio_tokens(n_frames: FrameCount) -> FrameCount:
    """Return the number of audio embeddings of a number of mel frames: a convolution of stride 2, then pooling by 2."""
    return ((n_frames - 1) // 2 + 1 - 2) // 2 + 1
