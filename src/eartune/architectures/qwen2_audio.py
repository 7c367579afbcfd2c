"""Qwen2-Audio's own classes, at 7B or pocket size, with audio encoded at its true length."""

from typing import ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2AudioForConditionalGeneration,
    WhisperFeatureExtractor,
)
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.qwen2_audio.modeling_qwen2_audio import Qwen2AudioEncoder

from eartune.architectures.chat_model import ChatModel
from eartune.audio import SAMPLE_RATE, Wave
from eartune.batches import Clip
from eartune.prompts import ChatFormat
from eartune.schemes import Component

AUDIO_TOKEN = "<|AUDIO|>"
AUDIO_SPECIALS = (AUDIO_TOKEN, "<|audio_bos|>", "<|audio_eos|>")
CHAT = ChatFormat(  # ChatML, with the system turn that Qwen2-Audio's own template puts when none is given
    opening="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
    audio_open="Audio 1: <|audio_bos|>",
    audio_close="<|audio_eos|>",
    answer_open="<|im_end|>\n<|im_start|>assistant\n",
    answer_end="<|im_end|>",
)
HOP_SAMPLES = 160  # one mel frame, 10 ms
MARGIN_FRAMES = 4  # the two convolutions look 2 frames past the last valid one; 4 leaves room for evening out
LONGEST_FRAMES = 3000  # 30 s, where the position embeddings end


class TrimmedEncoder(Qwen2AudioEncoder):
    """The stock tower without its demand for 30 s of mel frames; it adds no parameter.

    Equal to the padded tower on every valid position, because the padding is masked in attention and the
    mel keeps `MARGIN_FRAMES` frames of real silence to the right of each clip.
    """

    def forward(
        self, input_features: Tensor, attention_mask: Tensor | None = None, **kwargs: object
    ) -> BaseModelOutput:
        """Mel (clips, bins, frames), frames even, to states (clips, frames // 4, width)."""
        frames = input_features.shape[-1]
        if frames % 2:
            raise ValueError(f"the mel is {frames} frames wide; the width must be even")
        mel = input_features.to(dtype=self.conv1.weight.dtype, device=self.conv1.weight.device)
        states = nn.functional.gelu(self.conv1(mel))
        states = nn.functional.gelu(self.conv2(states)).permute(0, 2, 1)
        states = states + self.embed_positions.weight[: frames // 2]
        for layer in self.layers:
            states = layer(states, attention_mask)
        states = self.avg_pooler(states.permute(0, 2, 1)).permute(0, 2, 1)
        return BaseModelOutput(last_hidden_state=self.layer_norm(states))


class Qwen2Audio(ChatModel):
    """Qwen2-Audio: Whisper's encoder with states pooled by two, one linear adapter, Qwen or any other decoder."""

    chat = CHAT
    components: ClassVar = {
        Component.AUDIO_ENCODER: ("model.audio_tower.",),
        Component.MODALITY_ADAPTER: ("model.multi_modal_projector.",),
        Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
    }

    def __init__(
        self,
        model: Qwen2AudioForConditionalGeneration,
        tokenizer: PreTrainedTokenizerFast,
        extractor: WhisperFeatureExtractor,
    ) -> None:
        super().__init__(model, tokenizer, extractor)
        model.model.audio_tower.__class__ = TrimmedEncoder  # state dict, saving and PEFT paths stay as they are

    def features(self, wave: Wave) -> Clip:
        """The log-mel of one 16 kHz clip at its own length, bit-identical to the start of the 30 s mel."""
        n_frames = -(-len(wave) // HOP_SAMPLES)
        width = min(n_frames + MARGIN_FRAMES + n_frames % 2, LONGEST_FRAMES)
        extracted = self.extractor(
            np.asarray(wave),
            sampling_rate=SAMPLE_RATE,
            padding="max_length",  # "longest" would let the STFT reflect the end of the signal
            max_length=width * HOP_SAMPLES,
            return_tensors="pt",
        )
        return Clip(mel=extracted["input_features"][0], n_frames=n_frames, n_tokens=n_audio_tokens(n_frames))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """The valid states of padded mels (clips, bins, frames)."""
        states = self.padded_states(mel, n_frames)
        places = torch.arange(states.shape[1], device=states.device)
        return states[places[None, :] < n_audio_tokens(n_frames)[:, None]]

    def padded_states(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encoder states of padded mels, (clips, bins, frames) to (clips, frames // 4, width)."""
        tower = self.model.model.audio_tower
        positions = torch.arange(mel.shape[-1] // 2, device=mel.device)
        valid = (positions[None, :] < ((n_frames - 1) // 2 + 1)[:, None]).long()
        mask = create_bidirectional_mask(
            config=tower.config,
            inputs_embeds=torch.zeros((*valid.shape, 1), dtype=tower.conv1.weight.dtype, device=mel.device),
            attention_mask=valid,
        )
        states: Tensor = tower(mel, attention_mask=mask).last_hidden_state
        return states

    def adapt(self, states: Tensor) -> Tensor:
        """Through the linear adapter."""
        adapter = self.model.model.multi_modal_projector
        embeddings: Tensor = adapter(states.to(adapter.linear.weight.dtype))
        return embeddings


FrameCount = TypeVar("FrameCount", int, Tensor)


def n_audio_tokens(n_frames: FrameCount) -> FrameCount:
    """Mel frames to audio embeddings: a convolution of stride 2, then pooling by 2; 25 a second."""
    return ((n_frames - 1) // 2 + 1 - 2) // 2 + 1
