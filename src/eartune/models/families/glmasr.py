"""GLM-ASR: an encoder with rotary positions over 30 s, an adapter that takes four states at a time, and Llama."""

import numpy as np
import torch
from torch import Tensor
from transformers import GlmAsrForConditionalGeneration, WhisperFeatureExtractor

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.audio_llm import HOP_SAMPLES, AudioLLM
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.size import Rate
from eartune.models.vllm import OTHER_NAMES, Vllm
from eartune.models.whisper_encoder import FrameCount

STATES_A_TOKEN = 4


class GlmAsr(AudioLLM):
    """GLM-ASR: 12.5 audio tokens a second.

    Its encoder takes no mask, so each clip is padded to 30 s, as it was in the encoder's training.
    """

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
    vllm = Vllm(no_adapter=OTHER_NAMES)

    def features(self, wave: Wave) -> Clip:
        """Compute the log-mel, padded to 30 s, and how many of its frames are of the recording."""
        mel = self.extractor(np.asarray(wave), sampling_rate=SAMPLE_RATE, return_tensors="pt")["input_features"][0]
        n_frames = -(-len(wave) // HOP_SAMPLES)
        return Clip(mel, n_frames, n_audio_tokens(n_frames))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode mels to the valid states, four neighbours side by side, (audio tokens, four encoder widths)."""
        tower = self.model.model.audio_tower
        states = tower(mel.to(tower.conv1.weight.dtype)).last_hidden_state
        fours = states.reshape(len(states), -1, STATES_A_TOKEN * states.shape[-1])
        places = torch.arange(fours.shape[1], device=fours.device)
        valid: Tensor = fours[places[None, :] < n_audio_tokens(n_frames)[:, None]]
        return valid


def n_audio_tokens(n_frames: FrameCount) -> FrameCount:
    """Return the audio tokens of a number of mel frames: a convolution of stride 2, then whole groups of four."""
    return ((n_frames - 1) // 2 + 1) // STATES_A_TOKEN
