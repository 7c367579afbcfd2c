"""Audio Flamingo 3: Qwen2-Audio's encoder, an adapter of two layers, and Qwen2.5."""

from transformers import AudioFlamingo3ForConditionalGeneration
from transformers.models.audioflamingo3.modeling_audioflamingo3 import AudioFlamingo3Encoder

from eartune.models.chat_format import ChatFormat
from eartune.models.vllm import OTHER_NAMES, Vllm
from eartune.models.whisper_encoder import PooledWhisperModel, TrueLength


class TrueLengthEncoder(TrueLength, AudioFlamingo3Encoder):
    """The stock encoder without its demand for 30 s."""


class AudioFlamingo3(PooledWhisperModel):
    """Audio Flamingo 3: 25 audio tokens a second, in the user's turn without a mark around them."""

    chat = ChatFormat(
        opening="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
        audio_open="",
        audio_close="",
        answer_open="<|im_end|>\n<|im_start|>assistant\n",
        answer_end="<|im_end|>",
    )
    model_class = AudioFlamingo3ForConditionalGeneration
    tower_class = TrueLengthEncoder
    vllm = Vllm(decoder="qwen2", no_adapter=OTHER_NAMES)
