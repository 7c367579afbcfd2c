"""Qwen3-Omni's thinker: Qwen3-ASR's kind of encoder with the adapter in it, and a mixture of experts."""

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers import (
    Qwen3OmniMoeThinkerConfig,
    Qwen3OmniMoeThinkerForConditionalGeneration,
    WhisperFeatureExtractor,
)

from eartune.data.audio import Wave
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.families.qwen2_5_omni import Qwen25Omni
from eartune.models.families.qwen3_asr import n_states
from eartune.models.size import Rate
from eartune.models.tiny import TINY_DECODER, TINY_WHISPER, byte_tokenizer, tiny_model
from eartune.settings import Component

AUDIO_TOKEN = "<|audio_pad|>"
SPECIALS = (AUDIO_TOKEN, "<|audio_start|>", "<|audio_end|>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>")


class Qwen3Omni(Qwen25Omni):
    """13 audio tokens a second; its experts are no linear layers, so LoRA reaches attention alone."""

    chat = ChatFormat(
        opening="<|im_start|>user\n",
        audio_open="<|audio_start|>",
        audio_close="<|audio_end|>",
        answer_open="<|im_end|>\n<|im_start|>assistant\n",
        answer_end="<|im_end|>",
    )
    model_class = Qwen3OmniMoeThinkerForConditionalGeneration
    components: ClassVar = {
        Component.AUDIO_ENCODER: ("model.audio_tower.",),
        Component.MODALITY_ADAPTER: ("model.audio_tower.proj1.", "model.audio_tower.proj2."),
        Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
    }
    stock_depends_on_batch = True
    states = tokens = Rate(13)
    lora_leaves = ("q_proj", "k_proj", "v_proj", "o_proj")

    def features(self, wave: Wave) -> Clip:
        """The log-mel at the clip's own length."""
        clip = super().features(wave)
        return replace(clip, n_tokens=n_states(clip.n_frames))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Through the tower with the adapter in it; one by one, as a longer clip would change a shorter one's end."""
        mel = mel.to(self.model.model.audio_tower.conv2d1.weight.dtype)
        return torch.cat([self.encode_packed(mel[i : i + 1], n_frames[i : i + 1]) for i in range(len(mel))])

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "Qwen3Omni":
        """Two layers a side, four experts, and an eye of one layer."""
        tokenizer = byte_tokenizer(SPECIALS, "<|im_end|>")
        token, width = tokenizer.convert_tokens_to_ids, TINY_DECODER["hidden_size"]
        config = Qwen3OmniMoeThinkerConfig(
            audio_config=TINY_WHISPER | {"downsample_hidden_size": 8, "output_dim": width},
            vision_config={"depth": 1, "hidden_size": 32, "num_heads": 2, "intermediate_size": 32}
            | {"out_hidden_size": width, "deepstack_visual_indexes": [0]},
            text_config=TINY_DECODER
            | {"vocab_size": len(tokenizer), "head_dim": 8}
            | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
            | {"rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]}},
            audio_token_id=token(AUDIO_TOKEN),
            image_token_id=token("<|image_pad|>"),
            video_token_id=token("<|video_pad|>"),
            audio_start_token_id=token("<|audio_start|>"),
            vision_start_token_id=token("<|vision_start|>"),
        )
        model = tiny_model(cls.model_class, config, seed, **settings)
        return cls(model, tokenizer, WhisperFeatureExtractor(feature_size=TINY_WHISPER["num_mel_bins"]))
