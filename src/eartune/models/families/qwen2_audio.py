"""Qwen2-Audio, at 7B or at pocket size: Whisper's encoder, one linear adapter, and Qwen or any other decoder."""

from pathlib import Path

from transformers import Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor
from transformers.models.qwen2_audio.modeling_qwen2_audio import Qwen2AudioEncoder

from eartune.models.chat_format import ChatFormat
from eartune.models.vllm import Vllm
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
    """The stock encoder without its demand for 30 s."""


class Qwen2Audio(PooledWhisperModel):
    """Qwen2-Audio: 25 audio tokens a second, through a linear adapter."""

    chat = CHAT
    model_class = Qwen2AudioForConditionalGeneration
    tower_class = TrueLengthEncoder
    stock_mask = "feature_attention_mask"
    vllm = Vllm(decoder="qwen2", no_adapter="its class for Qwen2-Audio takes no LoRA")

    def save(self, folder: Path) -> None:
        """Save a checkpoint in the hub's layout, with the stock processor, whose code holds the chat template."""
        super().save(folder)
        Qwen2AudioProcessor(self.extractor, self.tokenizer).save_pretrained(folder)
