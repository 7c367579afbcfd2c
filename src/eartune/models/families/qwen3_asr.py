"""Qwen3-ASR: an encoder of 1 s pieces, an adapter of two layers, and Qwen3."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import Qwen3ASRConfig, Qwen3ASRForConditionalGeneration, WhisperFeatureExtractor

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.chat_model import HOP_SAMPLES, ChatModel
from eartune.models.size import Rate
from eartune.models.tiny import TINY_DECODER, TINY_WHISPER, byte_tokenizer, tiny_model
from eartune.models.whisper_encoder import MARGIN_FRAMES

AUDIO_TOKEN = "<|audio_pad|>"
SPECIALS = (AUDIO_TOKEN, "<|audio_start|>", "<|audio_end|>")
PIECE_FRAMES = 100  # the encoder's windows, each of which three convolutions of stride 2 make into 13 states


class Qwen3Asr(ChatModel):
    """13 audio tokens a second."""

    chat = ChatFormat(
        opening="<|im_start|>system\n<|im_end|>\n<|im_start|>user\n",
        audio_open="<|audio_start|>",
        audio_close="<|audio_end|>",
        answer_open="<|im_end|>\n<|im_start|>assistant\n",
        answer_end="<|im_end|>",
    )
    model_class = Qwen3ASRForConditionalGeneration
    extractor_class = WhisperFeatureExtractor
    least_transformers = "5.23"
    states = tokens = Rate(13)

    def features(self, wave: Wave) -> Clip:
        """The log-mel to the end of the clip's last piece, in which silence is heard as in the stock extractor's."""
        n_frames = -(-len(wave) // HOP_SAMPLES)
        width = -(-n_frames // PIECE_FRAMES) * PIECE_FRAMES
        filled = np.pad(wave, (0, (width + MARGIN_FRAMES) * HOP_SAMPLES - len(wave)))
        mel = self.extractor(filled, sampling_rate=SAMPLE_RATE, padding=False, return_tensors="pt")["input_features"][0]
        return Clip(mel[:, :width], n_frames, n_states(n_frames))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """The states of sound."""
        tower = self.model.model.audio_tower
        valid = (torch.arange(mel.shape[-1], device=mel.device)[None] < n_frames[:, None]).long()
        states: Tensor = tower(mel.to(tower.conv2d1.weight.dtype), input_features_mask=valid).last_hidden_state
        return states

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "Qwen3Asr":
        """Two layers a side."""
        tokenizer = byte_tokenizer(SPECIALS, cls.chat.answer_end)
        config = Qwen3ASRConfig(
            audio_config=TINY_WHISPER | {"downsample_hidden_size": 8, "output_dim": TINY_DECODER["hidden_size"]},
            text_config=TINY_DECODER | {"model_type": "qwen3", "vocab_size": len(tokenizer), "head_dim": 8},
            audio_token_id=tokenizer.convert_tokens_to_ids(AUDIO_TOKEN),
        )
        model = tiny_model(cls.model_class, config, seed, **settings)
        return cls(model, tokenizer, WhisperFeatureExtractor(feature_size=TINY_WHISPER["num_mel_bins"]))


def n_states(n_frames: int) -> int:
    """Mel frames to states: 13 for each whole piece, and three halvings, rounded up, of what is left."""
    pieces, rest = divmod(n_frames, PIECE_FRAMES)
    return 13 * pieces + -(-rest // 8)
