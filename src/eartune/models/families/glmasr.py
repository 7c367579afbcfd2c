"""GLM-ASR: an encoder with rotary positions over 30 s, an adapter of two layers that takes four states, and a Llama."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import GlmAsrConfig, GlmAsrForConditionalGeneration, WhisperFeatureExtractor

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.chat_model import HOP_SAMPLES, ChatModel
from eartune.models.size import Rate
from eartune.models.tiny import TINY_DECODER, TINY_WHISPER, byte_tokenizer, tiny_model
from eartune.models.whisper_encoder import FrameCount

AUDIO_TOKEN = "<|pad|>"
SPECIALS = ("<|user|>", "<|assistant|>", AUDIO_TOKEN, "<|begin_of_audio|>", "<|end_of_audio|>")
STATES_A_TOKEN = 4


class GlmAsr(ChatModel):
    """12.5 audio tokens a second; its encoder knows no mask, so each clip is heard within 30 s, as it was trained."""

    chat = ChatFormat(
        opening="<|user|>\n",
        audio_open="<|begin_of_audio|>",
        audio_close="<|end_of_audio|>",
        answer_open="<|assistant|>\n",
        answer_end="<|user|>",
    )
    model_class = GlmAsrForConditionalGeneration
    extractor_class = WhisperFeatureExtractor
    states, tokens = Rate(50, 30), Rate(12.5)

    def features(self, wave: Wave) -> Clip:
        """The log-mel of 30 s, and the frames of it that are of sound."""
        mel = self.extractor(np.asarray(wave), sampling_rate=SAMPLE_RATE, return_tensors="pt")["input_features"][0]
        n_frames = -(-len(wave) // HOP_SAMPLES)
        return Clip(mel, n_frames, n_audio_tokens(n_frames))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Four neighbouring states side by side, those of sound, (audio tokens, four widths)."""
        tower = self.model.model.audio_tower
        states = tower(mel.to(tower.conv1.weight.dtype)).last_hidden_state
        fours = states.reshape(len(states), -1, STATES_A_TOKEN * states.shape[-1])
        places = torch.arange(fours.shape[1], device=fours.device)
        valid: Tensor = fours[places[None, :] < n_audio_tokens(n_frames)[:, None]]
        return valid

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "GlmAsr":
        """Two layers a side."""
        tokenizer = byte_tokenizer(SPECIALS, cls.chat.answer_end)
        width = TINY_WHISPER["d_model"]
        config = GlmAsrConfig(
            audio_config={"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": 2}
            | {"num_attention_heads": 2, "num_mel_bins": TINY_WHISPER["num_mel_bins"]},
            text_config=TINY_DECODER | {"model_type": "llama", "vocab_size": len(tokenizer), "eos_token_id": 0},
            audio_token_id=tokenizer.convert_tokens_to_ids(AUDIO_TOKEN),
        )
        model = tiny_model(cls.model_class, config, seed, **settings)
        return cls(model, tokenizer, WhisperFeatureExtractor(feature_size=TINY_WHISPER["num_mel_bins"]))


def n_audio_tokens(n_frames: FrameCount) -> FrameCount:
    """Mel frames to audio tokens: a convolution of stride 2, then whole fours."""
    return ((n_frames - 1) // 2 + 1) // STATES_A_TOKEN
