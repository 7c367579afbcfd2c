"""Qwen2.5-Omni's thinker, the part that hears and writes; its talker is not loaded, its eyes are never trained."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers import (
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerForConditionalGeneration,
    WhisperFeatureExtractor,
)

from eartune.data.audio import Wave
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.chat_model import ChatModel
from eartune.models.tiny import TINY_DECODER, TINY_WHISPER, byte_tokenizer, tiny_model
from eartune.models.whisper_encoder import clip_of
from eartune.settings import Component

AUDIO_TOKEN = "<|AUDIO|>"
AUDIO_SPECIALS = (AUDIO_TOKEN, "<|audio_bos|>", "<|audio_eos|>", "<|IMAGE|>", "<|VIDEO|>")
SYSTEM = (  # without which, its authors say, it may not answer as it was trained to
    "You are Qwen, a virtual human developed by the Qwen Team, Alibaba Group, capable of perceiving auditory and "
    "visual inputs, as well as generating text and speech."
)


class Qwen25Omni(ChatModel):
    """25 audio tokens a second; the encoder takes 2 s at a time, and its last layer is the adapter."""

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
    components: ClassVar = {
        Component.AUDIO_ENCODER: ("model.audio_tower.",),
        Component.MODALITY_ADAPTER: ("model.audio_tower.proj.",),
        Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
    }
    encoded_by = (Component.AUDIO_ENCODER, Component.MODALITY_ADAPTER)
    never_trained = ("model.visual.",)

    def features(self, wave: Wave) -> Clip:
        """The log-mel at the clip's own length, without the margin that other families' convolutions look into."""
        clip = clip_of(wave, self.extractor)
        assert clip.mel is not None
        return Clip(clip.mel[:, : clip.n_frames], clip.n_frames, clip.n_tokens)

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Through the tower with the adapter in it."""
        return self.encode_packed(mel.to(self.model.model.audio_tower.conv1.weight.dtype), n_frames)

    def encode_packed(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """The tower takes clips one after another, (bins, frames of all)."""
        packed = torch.cat([clip[:, :length] for clip, length in zip(mel, n_frames.tolist(), strict=True)], dim=1)
        states: Tensor = self.model.model.audio_tower(packed, feature_lens=n_frames).last_hidden_state
        return states

    def adapt(self, states: Tensor) -> Tensor:
        """Nothing is left to do."""
        return states

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "Qwen25Omni":
        """Two layers a side, and an eye of one."""
        tokenizer = byte_tokenizer(AUDIO_SPECIALS, "<|im_end|>")
        token = tokenizer.convert_tokens_to_ids
        config = Qwen2_5OmniThinkerConfig(
            audio_config=TINY_WHISPER | {"output_dim": TINY_DECODER["hidden_size"]},
            vision_config={"depth": 1, "hidden_size": 32, "num_heads": 2, "intermediate_size": 32}
            | {"out_hidden_size": TINY_DECODER["hidden_size"]},
            text_config=TINY_DECODER
            | {"vocab_size": len(tokenizer)}
            | {"rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]}},
            audio_token_index=token(AUDIO_TOKEN),
            image_token_index=token("<|IMAGE|>"),
            video_token_index=token("<|VIDEO|>"),
            audio_start_token_id=token("<|audio_bos|>"),
            audio_end_token_id=token("<|audio_eos|>"),
            vision_start_token_id=token("<|VIDEO|>"),  # asked for by the stock forward even where nothing is seen
        )
        model = tiny_model(cls.model_class, config, seed, **settings)
        return cls(model, tokenizer, WhisperFeatureExtractor(feature_size=80))
