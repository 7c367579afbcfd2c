"""Qwen2.5-Omni's thinker, from audio to text; its talker is not loaded, its vision encoder never trained."""

from typing import ClassVar

import torch
from torch import Tensor
from transformers import Qwen2_5OmniThinkerForConditionalGeneration, WhisperFeatureExtractor

from eartune.data.audio import Wave
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.vllm import Vllm
from eartune.models.whisper_encoder import clip_of
from eartune.settings import Component

SYSTEM = (  # without it, its authors say, the model may not answer as it was trained to
    "You are Qwen, a virtual human developed by the Qwen Team, Alibaba Group, capable of perceiving auditory and "
    "visual inputs, as well as generating text and speech."
)


class Qwen25Omni(AudioLLM):
    """Qwen2.5-Omni: 25 audio tokens a second; the encoder takes 2 s at a time, and its last layer is the adapter."""

    chat = ChatFormat(
        opening=f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n",
        audio_open="<|audio_bos|>",
        audio_close="<|audio_eos|>",
        answer_open="<|im_end|>\n<|im_start|>assistant\n",
        answer_end="<|im_end|>",
    )
    model_class = Qwen2_5OmniThinkerForConditionalGeneration
    extractor_class = WhisperFeatureExtractor
    least_transformers = "5.23"
    stock_mask = "feature_attention_mask"
    vllm = Vllm(no_model="it knows the whole model, and not the thinker alone, which is what is trained here")
    component_prefixes: ClassVar = {
        Component.AUDIO_ENCODER: ("model.audio_tower.",),
        Component.MODALITY_ADAPTER: ("model.audio_tower.proj.",),
        Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
    }
    encoded_by = (Component.AUDIO_ENCODER, Component.MODALITY_ADAPTER)
    never_trained = ("model.visual.",)

    def features(self, wave: Wave) -> Clip:
        """Compute the log-mel at the clip's own length, without the margin that other families' convolutions need."""
        clip = clip_of(wave, self.extractor)
        assert clip.mel is not None
        return Clip(clip.mel[:, : clip.n_frames], clip.n_frames, clip.n_tokens)

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode mels to embeddings of the language model, (audio tokens, its width); the adapter is in the encoder."""
        return self._encode_joined(mel.to(self.model.model.audio_tower.conv1.weight.dtype), n_frames)

    def _encode_joined(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """The stock encoder takes clips one after another, (bins, frames of all clips)."""
        joined = torch.cat([clip[:, :length] for clip, length in zip(mel, n_frames.tolist(), strict=True)], dim=1)
        states: Tensor = self.model.model.audio_tower(joined, feature_lens=n_frames).last_hidden_state
        return states

    def adapt(self, states: Tensor) -> Tensor:
        """Return the embeddings unchanged, as `encode` includes the adapter."""
        return states
