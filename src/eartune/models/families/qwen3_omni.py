"""Qwen3-Omni's thinker: an encoder like Qwen3-ASR's with the adapter inside, and a mixture of experts."""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor
from transformers import Qwen3OmniMoeThinkerForConditionalGeneration

from eartune.data.audio import Wave
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.families.qwen2_5_omni import Qwen25Omni
from eartune.models.families.qwen3_asr import n_states
from eartune.models.size import Rate
from eartune.settings import Component


class Qwen3Omni(Qwen25Omni):
    """Qwen3-Omni: 13 audio tokens a second; its experts are no linear layers, so LoRA wraps attention alone."""

    chat = ChatFormat(
        opening="<|im_start|>user\n",
        audio_open="<|audio_start|>",
        audio_close="<|audio_end|>",
        answer_open="<|im_end|>\n<|im_start|>assistant\n",
        answer_end="<|im_end|>",
    )
    model_class = Qwen3OmniMoeThinkerForConditionalGeneration
    component_prefixes: ClassVar = {
        Component.AUDIO_ENCODER: ("model.audio_tower.",),
        Component.MODALITY_ADAPTER: ("model.audio_tower.proj1.", "model.audio_tower.proj2."),
        Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
    }
    states = tokens = Rate(13)
    lora_leaves = ("q_proj", "k_proj", "v_proj", "o_proj")

    def features(self, wave: Wave) -> Clip:
        """Compute the log-mel at the clip's own length."""
        clip = super().features(wave)
        return replace(clip, n_tokens=n_states(clip.n_frames))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode mels to embeddings of the language model, (audio tokens, its width); the adapter is in the encoder.

        Clips are encoded one by one, as a longer clip would change the end of a shorter one.
        """
        mel = mel.to(self.model.model.audio_tower.conv2d1.weight.dtype)
        return torch.cat([self._encode_joined(mel[i : i + 1], n_frames[i : i + 1]) for i in range(len(mel))])
