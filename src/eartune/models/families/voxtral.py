"""Voxtral: Whisper's encoder over 30 s, an adapter of two layers over four states at a time, and Llama."""

import numpy as np
from torch import Tensor
from transformers import VoxtralForConditionalGeneration, WhisperFeatureExtractor

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.audio_llm import HOP_SAMPLES, AudioLLM
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.size import Rate
from eartune.models.vllm import Vllm

STATES_A_TOKEN = 4  # 1,500 states of 30 s become 375 audio tokens


class Voxtral(AudioLLM):
    """Voxtral: 375 audio tokens for every clip, as its encoder was trained on mels padded to 30 s, without a mask."""

    chat = ChatFormat(
        opening="<s>[INST]", audio_open="[BEGIN_AUDIO]", audio_close="", answer_open="[/INST]", answer_end="</s>"
    )
    model_class = VoxtralForConditionalGeneration
    extractor_class = WhisperFeatureExtractor
    states, tokens = Rate(50, 30), Rate(12.5, 30)
    stock_mask = None
    vllm = Vllm(no_model="it reads Voxtral in Mistral's own layout alone, and not in that of transformers")

    def features(self, wave: Wave) -> Clip:
        """Compute the log-mel, padded to 30 s, all of which becomes tokens; the frames are those of the recording."""
        mel = self.extractor(np.asarray(wave), sampling_rate=SAMPLE_RATE, return_tensors="pt")["input_features"][0]
        return Clip(mel, n_frames=-(-len(wave) // HOP_SAMPLES), n_tokens=mel.shape[-1] // 2 // STATES_A_TOKEN)

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode mels to states, four neighbours side by side, (audio tokens, four encoder widths)."""
        states: Tensor = self.model.model.audio_tower(mel).last_hidden_state
        return states.reshape(-1, STATES_A_TOKEN * states.shape[-1])
