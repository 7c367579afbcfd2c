"""Music Flamingo: Audio Flamingo 3 whose audio states are turned by the time at which they were heard."""

from typing import Any

import torch
from torch import Tensor
from transformers import MusicFlamingoConfig, MusicFlamingoForConditionalGeneration, WhisperFeatureExtractor
from transformers.models.musicflamingo.modeling_musicflamingo import apply_rotary_time_emb

from eartune.models.chat_format import ChatFormat
from eartune.models.families.audioflamingo3 import AUDIO_TOKEN, AudioFlamingo3
from eartune.models.tiny import TINY_DECODER, TINY_WHISPER, byte_tokenizer, tiny_model
from eartune.models.whisper_encoder import n_audio_tokens, padded_states

AUDIO_OPEN, AUDIO_CLOSE = "<|sound_bos|>", "<|sound_eos|>"
FRAMES_A_TOKEN = 4  # a convolution of stride 2, then pooling by 2
SYSTEM = (  # as its template has it, slips of the pen included
    "You are Music Flamingo, a multimodal assistant for language and music. On each turn you receive an audio clip "
    "which contains music and optional text, you will receive at least one or both; use your world knowledge and "
    "reasoning to help the user with any task. Interpret the entirety of the content any input music--regardlenss of "
    "whether the user calls it audio, music, or sound."
)


class MusicFlamingo(AudioFlamingo3):
    """25 audio tokens a second, with a mark before and after them."""

    chat = ChatFormat(
        opening=f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n",
        audio_open=AUDIO_OPEN,
        audio_close=AUDIO_CLOSE,
        answer_open="<|im_end|>\n<|im_start|>assistant\n",
        answer_end="<|im_end|>",
    )
    model_class = MusicFlamingoForConditionalGeneration

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """The pooled states that are of sound, turned by their time in seconds; a clip is one window of 30 s."""
        states = padded_states(self.model.model.audio_tower, mel, n_frames)
        places = torch.arange(states.shape[1], device=states.device)
        seconds = places[None, :].float() * (self.model.config.audio_frame_step * FRAMES_A_TOKEN)
        turned = apply_rotary_time_emb(states, *self.model.model.pos_emb(seconds, seq_len=states.shape[1]))
        valid: Tensor = turned[places[None, :] < n_audio_tokens(n_frames)[:, None]]
        return valid

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "MusicFlamingo":
        """Two layers a side."""
        tokenizer = byte_tokenizer((AUDIO_TOKEN, AUDIO_OPEN, AUDIO_CLOSE), cls.chat.answer_end)
        token = tokenizer.convert_tokens_to_ids
        config = MusicFlamingoConfig(
            audio_config=TINY_WHISPER | {"model_type": "audioflamingo3_encoder"},
            text_config=TINY_DECODER | {"model_type": "qwen2", "vocab_size": len(tokenizer)},
            audio_token_id=token(AUDIO_TOKEN),
            audio_bos_token_id=token(AUDIO_OPEN),
            audio_eos_token_id=token(AUDIO_CLOSE),
        )
        model = tiny_model(cls.model_class, config, seed, **settings)
        return cls(model, tokenizer, WhisperFeatureExtractor(feature_size=TINY_WHISPER["num_mel_bins"]))
