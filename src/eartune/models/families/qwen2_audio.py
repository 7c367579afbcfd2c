"""Qwen2-Audio: Whisper's encoder, one linear adapter, and Qwen or any other decoder; at 7B, or at pocket size."""

from pathlib import Path
from typing import Any

from transformers import (
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    WhisperFeatureExtractor,
)
from transformers.models.qwen2_audio.modeling_qwen2_audio import Qwen2AudioEncoder

from eartune.models.chat_format import ChatFormat
from eartune.models.tiny import TINY_DECODER, TINY_WHISPER, byte_tokenizer, tiny_model
from eartune.models.whisper_encoder import PooledWhisperModel, TrueLength

AUDIO_TOKEN = "<|AUDIO|>"
AUDIO_SPECIALS = (AUDIO_TOKEN, "<|audio_bos|>", "<|audio_eos|>")
CHAT = ChatFormat(  # ChatML, with the system turn that Qwen2-Audio's own template puts when none is given
    opening="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
    audio_open="Audio 1: <|audio_bos|>",
    audio_close="<|audio_eos|>",
    answer_open="<|im_end|>\n<|im_start|>assistant\n",
    answer_end="<|im_end|>",
)


class TrueLengthEncoder(TrueLength, Qwen2AudioEncoder):
    """The stock tower without its demand for 30 s."""


class Qwen2Audio(PooledWhisperModel):
    """Its adapter is linear, its encoder's states are pooled by two: 25 audio tokens a second."""

    chat = CHAT
    model_class = Qwen2AudioForConditionalGeneration
    tower_class = TrueLengthEncoder
    stock_mask = "feature_attention_mask"

    def save(self, folder: Path) -> None:
        """With the stock processor, which has a chat template in its code."""
        super().save(folder)
        Qwen2AudioProcessor(self.extractor, self.tokenizer).save_pretrained(folder)

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "Qwen2Audio":
        """Two layers a side."""
        tokenizer = byte_tokenizer(AUDIO_SPECIALS, "<|im_end|>")
        config = Qwen2AudioConfig(
            audio_config=TINY_WHISPER,
            text_config=TINY_DECODER | {"model_type": "qwen2", "vocab_size": len(tokenizer)},
            audio_token_index=tokenizer.convert_tokens_to_ids(AUDIO_TOKEN),
        )
        return cls(
            tiny_model(cls.model_class, config, seed, **settings), tokenizer, WhisperFeatureExtractor(feature_size=80)
        )
