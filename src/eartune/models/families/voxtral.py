"""Voxtral: Whisper's encoder over 30 s, an adapter of two layers that takes four states at a time, and a Llama."""

from typing import Any

import numpy as np
from torch import Tensor
from transformers import VoxtralConfig, VoxtralForConditionalGeneration, WhisperFeatureExtractor

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.chat_model import ChatModel
from eartune.models.size import Rate
from eartune.models.tiny import TINY_DECODER, TINY_WHISPER, byte_tokenizer, tiny_model

AUDIO_TOKEN, AUDIO_OPEN = "[AUDIO]", "[BEGIN_AUDIO]"
STATES_A_TOKEN = 4  # 1,500 states of 30 s become 375 audio tokens


class Voxtral(ChatModel):
    """Every clip costs 375 tokens: the encoder was trained on 30 s of mel without a mask, so silence is part of it."""

    chat = ChatFormat(
        opening="<s>[INST]", audio_open=AUDIO_OPEN, audio_close="", answer_open="[/INST]", answer_end="</s>"
    )
    model_class = VoxtralForConditionalGeneration
    extractor_class = WhisperFeatureExtractor
    states, tokens = Rate(50, 30), Rate(12.5, 30)
    stock_mask = None

    def features(self, wave: Wave) -> Clip:
        """The log-mel of 30 s, as the stock extractor pads it."""
        mel = self.extractor(np.asarray(wave), sampling_rate=SAMPLE_RATE, return_tensors="pt")["input_features"][0]
        return Clip(mel, n_frames=mel.shape[-1], n_tokens=mel.shape[-1] // 2 // STATES_A_TOKEN)

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Four neighbouring states side by side, (audio tokens, four widths)."""
        states: Tensor = self.model.model.audio_tower(mel).last_hidden_state
        return states.reshape(-1, STATES_A_TOKEN * states.shape[-1])

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "Voxtral":
        """Two layers a side."""
        tokenizer = byte_tokenizer(("<s>", "[INST]", "[/INST]", AUDIO_TOKEN, AUDIO_OPEN), "</s>")
        config = VoxtralConfig(
            audio_config=TINY_WHISPER
            | {"model_type": "voxtral_encoder", "encoder_ffn_dim": 4 * TINY_WHISPER["d_model"]},
            text_config=TINY_DECODER | {"model_type": "llama", "vocab_size": len(tokenizer), "head_dim": 8},
            audio_token_id=tokenizer.convert_tokens_to_ids(AUDIO_TOKEN),
        )
        model = tiny_model(cls.model_class, config, seed, **settings)
        return cls(model, tokenizer, WhisperFeatureExtractor(feature_size=80))
