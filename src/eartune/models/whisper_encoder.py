"""Whisper's encoder with states pooled by two, at the true length of each clip instead of 30 s.

Qwen2-Audio and Audio Flamingo 3 hear with it. Cutting the padding is exact: attention sees none, and the mel keeps
`MARGIN_FRAMES` frames of real silence to the right of each clip, further than the convolutions look.
"""

from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import WhisperFeatureExtractor
from transformers.modeling_outputs import BaseModelOutput

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.batch import Clip
from eartune.models.chat_model import HOP_SAMPLES, ChatModel
from eartune.models.packed_attention import Pack, attend_as_ever, attend_by_row

MARGIN_FRAMES = 4  # the two convolutions look 2 frames past the last valid one; 4 leaves room for evening out
LONGEST_FRAMES = 3000  # 30 s, where the position embeddings end


class TrueLength:
    """Mixed into a stock tower whose forward demands 30 s of mel frames; it adds no parameter.

    A tower's class is swapped for one with this in front, so that state dict, saving and PEFT paths stay as they are.
    """

    def forward(self: Any, input_features: Tensor, attention_mask: Tensor) -> BaseModelOutput:
        """Mel (clips, bins, frames), frames even, and mask (clips, frames // 2) to (clips, frames // 4, width)."""
        frames = input_features.shape[-1]
        if frames % 2:
            raise ValueError(f"the mel is {frames} frames wide; the width must be even")
        mel = input_features.to(dtype=self.conv1.weight.dtype, device=self.conv1.weight.device)
        states = nn.functional.gelu(self.conv1(mel))
        states = nn.functional.gelu(self.conv2(states)).permute(0, 2, 1)
        states = states + self.embed_positions.weight[: frames // 2]
        pack = Pack(attention_mask)
        states = pack.lay(states)
        for layer in self.layers:
            states = layer(states, pack.segments)
        states = pack.lift(states)
        states = self.avg_pooler(states.permute(0, 2, 1)).permute(0, 2, 1)
        return BaseModelOutput(last_hidden_state=self.layer_norm(states))


class PooledWhisperModel(ChatModel):
    """A family that hears with this tower."""

    extractor_class = WhisperFeatureExtractor
    tower_class: ClassVar[type[TrueLength]]

    def prepare(self) -> None:
        """Let the tower take clips at their true length, and none of their padding."""
        super().prepare()
        self.model.model.audio_tower.__class__ = self.tower_class
        attend_by_row(self.model.model.audio_tower.config)

    def restore(self) -> None:
        """Give the tower its own class back."""
        super().restore()
        attend_as_ever(self.model.model.audio_tower.config)
        self.model.model.audio_tower.__class__ = self.tower_class.__bases__[1]

    def features(self, wave: Wave) -> Clip:
        """The log-mel at the clip's own length."""
        return clip_of(wave, self.extractor)

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """The pooled states that are of sound."""
        states = padded_states(self.model.model.audio_tower, mel, n_frames)
        places = torch.arange(states.shape[1], device=states.device)
        return states[places[None, :] < n_audio_tokens(n_frames)[:, None]]


def clip_of(wave: Wave, extractor: WhisperFeatureExtractor) -> Clip:
    """The log-mel of one 16 kHz clip at its own length, bit-identical to the start of the 30 s mel."""
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
    """All states of padded mels, (clips, bins, frames) to (clips, frames // 4, width)."""
    positions = torch.arange(mel.shape[-1] // 2, device=mel.device)
    valid = (positions[None, :] < ((n_frames - 1) // 2 + 1)[:, None]).long()
    states: Tensor = tower(mel, attention_mask=valid).last_hidden_state
    return states


FrameCount = TypeVar("FrameCount", int, Tensor)


def n_audio_tokens(n_frames: FrameCount) -> FrameCount:
    """Mel frames to audio embeddings: a convolution of stride 2, then pooling by 2; 25 a second."""
    return ((n_frames - 1) // 2 + 1 - 2) // 2 + 1
