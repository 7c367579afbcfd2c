"""Qwen3-ASR: an encoder of windows of 1 s, an adapter of two layers, and Qwen3."""

import numpy as np
import torch
from torch import Tensor
from transformers import Qwen3ASRForConditionalGeneration, WhisperFeatureExtractor

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.audio_llm import HOP_SAMPLES, AudioLLM
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.size import Rate
from eartune.models.vllm import Vllm
from eartune.models.whisper_encoder import MARGIN_FRAMES

WINDOW_FRAMES = 100  # three convolutions of stride 2 turn each window of the encoder into 13 states


class Qwen3Asr(AudioLLM):
    """Qwen3-ASR: 13 audio tokens a second."""

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
    vllm = Vllm()

    def features(self, wave: Wave) -> Clip:
        """Compute the log-mel to the end of the clip's last window, with silence after the clip as in the stock one."""
        n_frames = -(-len(wave) // HOP_SAMPLES)
        width = -(-n_frames // WINDOW_FRAMES) * WINDOW_FRAMES
        filled = np.pad(wave, (0, (width + MARGIN_FRAMES) * HOP_SAMPLES - len(wave)))
        mel = self.extractor(filled, sampling_rate=SAMPLE_RATE, padding=False, return_tensors="pt")["input_features"][0]
        return Clip(mel[:, :width], n_frames, n_states(n_frames))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode mels to the valid states, (audio tokens, encoder width)."""
        tower = self.model.model.audio_tower
        valid = (torch.arange(mel.shape[-1], device=mel.device)[None] < n_frames[:, None]).long()
        states: Tensor = tower(mel.to(tower.conv2d1.weight.dtype), input_features_mask=valid).last_hidden_state
        return states


def n_states(n_frames: int) -> int:
    """Return the states of a number of mel frames: 13 for each window, and an eighth, rounded up, of the rest."""
    windows, rest = divmod(n_frames, WINDOW_FRAMES)
    return 13 * windows + -(-rest // 8)
