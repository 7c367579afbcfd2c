"""Audio Flamingo 3: Qwen2-Audio's encoder, an adapter of two layers, and Qwen2.5."""

from typing import Any

from transformers import AudioFlamingo3Config, AudioFlamingo3ForConditionalGeneration, WhisperFeatureExtractor
from transformers.models.audioflamingo3.modeling_audioflamingo3 import AudioFlamingo3Encoder

from eartune.models.chat_format import ChatFormat
from eartune.models.tiny import TINY_DECODER, TINY_WHISPER, byte_tokenizer, tiny_model
from eartune.models.whisper_encoder import PooledWhisperModel, TrueLength

AUDIO_TOKEN = "<sound>"


class TrueLengthEncoder(TrueLength, AudioFlamingo3Encoder):
    """The stock tower without its demand for 30 s."""


class AudioFlamingo3(PooledWhisperModel):
    """25 audio tokens a second, put into the user's turn without a mark around them."""

    chat = ChatFormat(
        opening="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
        audio_open="",
        audio_close="",
        answer_open="<|im_end|>\n<|im_start|>assistant\n",
        answer_end="<|im_end|>",
    )
    model_class = AudioFlamingo3ForConditionalGeneration
    tower_class = TrueLengthEncoder

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "AudioFlamingo3":
        """Two layers a side."""
        tokenizer = byte_tokenizer((AUDIO_TOKEN,), "<|im_end|>")
        config = AudioFlamingo3Config(
            audio_config=TINY_WHISPER | {"model_type": "audioflamingo3_encoder"},
            text_config=TINY_DECODER | {"model_type": "qwen2", "vocab_size": len(tokenizer)},
            audio_token_id=tokenizer.convert_tokens_to_ids(AUDIO_TOKEN),
        )
        return cls(
            tiny_model(cls.model_class, config, seed, **settings), tokenizer, WhisperFeatureExtractor(feature_size=80)
        )
