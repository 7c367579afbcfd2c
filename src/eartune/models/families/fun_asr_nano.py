"""Fun-ASR-Nano: SenseVoice's encoder with a memory of neighbouring frames, an adapter with attention, and Qwen3."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import FunAsrNanoForConditionalGeneration
from transformers.audio_utils import mel_filter_bank
from transformers.models.fun_asr_nano.feature_extraction_fun_asr_nano import FunAsrNanoFeatureExtractor as Stock

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.size import Rate
from eartune.models.vllm import Vllm
from eartune.settings import Component


class FunAsrNanoFeatureExtractor(Stock):
    """The stock extractor without torchaudio, under the stock name, which is written into checkpoints."""

    N_FFT, LOWEST_HZ, PREEMPHASIS = 512, 20.0, 0.97  # Kaldi's

    def _extract_fbank_features(self, waveform: Tensor) -> Tensor:
        """Kaldi's log-mel (frames of 10 ms, bins) of a waveform (samples,)."""
        length, hop = (self.sampling_rate * ms // 1000 for ms in (self.frame_length, self.frame_shift))
        frames = waveform.unfold(0, length, hop)
        frames = frames - frames.mean(1, keepdim=True)
        frames = frames - self.PREEMPHASIS * torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
        spectrum = torch.fft.rfft(frames * torch.hamming_window(length, periodic=False), self.N_FFT)
        filters = mel_filter_bank(
            num_frequency_bins=self.N_FFT // 2 + 1,
            num_mel_filters=self.feature_size,
            min_frequency=self.LOWEST_HZ,
            max_frequency=self.sampling_rate / 2,
            sampling_rate=self.sampling_rate,
            mel_scale="kaldi",
            triangularize_in_mel_space=True,
        )
        energies: Tensor = spectrum.abs().square() @ torch.from_numpy(filters).float()
        return energies.clamp(min=torch.finfo(torch.float32).eps).log()


class FunAsrNano(AudioLLM):
    """Fun-ASR-Nano: one audio token for each frame of 60 ms, 16.7 a second.

    The adapter takes clips one by one, as the library may lose its mask.
    """

    chat = ChatFormat(  # without what its template writes before a clip, as that asks for a transcript in Chinese
        opening="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
        audio_open="",
        audio_close="",
        answer_open="<|im_end|>\n<|im_start|>assistant\n",
        answer_end="<|im_end|>",
    )
    model_class = FunAsrNanoForConditionalGeneration
    extractor_class = FunAsrNanoFeatureExtractor
    states = tokens = Rate(16.7)
    vllm = Vllm(no_model="it reads Fun-ASR in another layout than that of transformers")
    encoded_by = (Component.AUDIO_ENCODER, Component.MODALITY_ADAPTER)

    def features(self, wave: Wave) -> Clip:
        """Compute the clip's mels, seven neighbours side by side in each frame of 60 ms."""
        stacked = self.extractor(np.asarray(wave), sampling_rate=SAMPLE_RATE)["input_features"][0]
        return Clip(stacked.T, len(stacked), len(stacked))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode mels to embeddings of the language model, (audio tokens, its width).

        The adapter is part of it, as it attends to whole clips.
        """
        valid = (torch.arange(mel.shape[-1], device=mel.device)[None] < n_frames[:, None]).long()
        states = self.model.model.audio_tower(mel.transpose(1, 2), valid).last_hidden_state
        adapter = self.model.model.multi_modal_projector
        lengths = n_frames.tolist()
        return torch.cat([adapter(states[i : i + 1, :n], valid[i : i + 1, :n])[0] for i, n in enumerate(lengths)])

    def adapt(self, states: Tensor) -> Tensor:
        """Return the embeddings unchanged, as `encode` includes the adapter."""
        return states

    def stock_audio(self, waves: Sequence[Wave]) -> dict[str, Tensor]:
        """Compute the stock forward's mels (clips, frames, bins) and their mask."""
        return dict(self.extractor([np.asarray(wave) for wave in waves], sampling_rate=SAMPLE_RATE))
