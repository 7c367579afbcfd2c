"""Music Flamingo: Audio Flamingo 3 with a rotary embedding of time on the encoder's states."""

import torch
from torch import Tensor
from transformers import MusicFlamingoForConditionalGeneration
from transformers.models.musicflamingo.modeling_musicflamingo import apply_rotary_time_emb

from eartune.models.chat_format import ChatFormat
from eartune.models.families.audioflamingo3 import TrueLengthEncoder
from eartune.models.vllm import Vllm
from eartune.models.whisper_encoder import PooledWhisperModel, n_audio_tokens, padded_states

FRAMES_A_TOKEN = 4  # a convolution of stride 2, then pooling by 2
SYSTEM = (  # as its template has it, misspellings included
    "You are Music Flamingo, a multimodal assistant for language and music. On each turn you receive an audio clip "
    "which contains music and optional text, you will receive at least one or both; use your world knowledge and "
    "reasoning to help the user with any task. Interpret the entirety of the content any input music--regardlenss of "
    "whether the user calls it audio, music, or sound."
)


class MusicFlamingo(PooledWhisperModel):
    """Music Flamingo: 25 audio tokens a second, with a mark before and after them."""

    chat = ChatFormat(
        opening=f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n",
        audio_open="<|sound_bos|>",
        audio_close="<|sound_eos|>",
        answer_open="<|im_end|>\n<|im_start|>assistant\n",
        answer_end="<|im_end|>",
    )
    model_class = MusicFlamingoForConditionalGeneration
    tower_class = TrueLengthEncoder
    vllm = Vllm(no_model="it has had no class for Music Flamingo since 0.25")

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode mels to the valid pooled states, rotated by their time in seconds, (audio tokens, encoder width)."""
        states = padded_states(self.model.model.audio_tower, mel, n_frames)
        places = torch.arange(states.shape[1], device=states.device)
        seconds = places[None, :].float() * (self.model.config.audio_frame_step * FRAMES_A_TOKEN)
        turned = apply_rotary_time_emb(states, *self.model.model.pos_emb(seconds, seq_len=states.shape[1]))
        valid: Tensor = turned[places[None, :] < n_audio_tokens(n_frames)[:, None]]
        return valid
