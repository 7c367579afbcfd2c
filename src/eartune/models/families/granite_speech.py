"""Granite Speech: a Conformer trained on characters, a Q-Former over windows of it, and Granite."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    GraniteSpeechForConditionalGeneration,
    GraniteSpeechPlusForConditionalGeneration,
)
from transformers.audio_utils import mel_filter_bank
from transformers.feature_extraction_utils import FeatureExtractionMixin

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.size import Rate
from eartune.models.vllm import OTHER_NAMES, Vllm
from eartune.settings import Component

TURN_END = "<|end_of_text|>"


class LogMel:
    """The stock extractor without torchaudio: 80 HTK mels in bels, at most 8 below the loudest, frames in pairs."""

    N_FFT, WINDOW, HOP, MELS = 512, 400, 160, 80
    CONFIG = "preprocessor_config.json"

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.filters = torch.from_numpy(
            mel_filter_bank(self.N_FFT // 2 + 1, self.MELS, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, mel_scale="htk")
        ).float()

    def __call__(self, wave: Wave) -> Tensor:
        """The log-mel (frames of 20 ms, 160) of a 16 kHz waveform (samples,)."""
        window = torch.hann_window(self.WINDOW)
        spectrum = torch.stft(torch.from_numpy(wave), self.N_FFT, self.HOP, self.WINDOW, window, return_complex=True)
        bels = (spectrum.abs().square().T @ self.filters).clamp(min=1e-10).log10()
        scaled = torch.maximum(bels, bels.max() - 8) / 4 + 1
        return scaled[: len(scaled) // 2 * 2].reshape(-1, 2 * self.MELS)

    @classmethod
    def from_pretrained(cls, folder: str) -> Self:
        """Load a checkpoint's settings, to be saved as they are; newer ones are in processor_config.json."""
        return cls(FeatureExtractionMixin.get_feature_extractor_dict(folder)[0])

    def save_pretrained(self, folder: Path) -> None:
        """Save the checkpoint's own settings as they were."""
        (folder / self.CONFIG).write_text(json.dumps(self.config, indent=2) + "\n", encoding="utf-8")


class GraniteSpeech(AudioLLM):
    """Granite Speech: three audio tokens for each window of 15 frames, 10 a second.

    Its encoder takes no mask, so clips are encoded one by one.
    """

    chat = ChatFormat(
        opening=f"<|start_of_role|>system<|end_of_role|>You are Granite, developed by IBM. You are a helpful AI "
        f"assistant.{TURN_END}\n<|start_of_role|>user<|end_of_role|>",
        audio_open="",
        audio_close="",
        answer_open=f"{TURN_END}\n<|start_of_role|>assistant<|end_of_role|>",
        answer_end=TURN_END,
    )
    model_class = GraniteSpeechForConditionalGeneration
    extractor_class = LogMel
    tokens = Rate(10)
    vllm = Vllm(no_adapter=OTHER_NAMES)
    component_prefixes: ClassVar = {
        Component.AUDIO_ENCODER: ("model.encoder.",),
        Component.MODALITY_ADAPTER: ("model.projector.",),
        Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
    }

    def features(self, wave: Wave) -> Clip:
        """Compute the log-mel with frames of 20 ms; its last window of 15 frames counts whole."""
        mel = self.extractor(wave).T
        config = self.model.config
        windows = -(-mel.shape[-1] // config.window_size)
        return Clip(mel, mel.shape[-1], windows * (config.window_size // config.downsample_rate))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Encode each clip alone, with zeros to fill its last window, as the stock projector fills it.

        Returns (whole windows of all clips times frames in a window, encoder width).
        """
        encoder, window = self.model.model.encoder, self.model.config.window_size
        found = []
        for clip, length in zip(mel.to(encoder.input_linear.weight.dtype), n_frames.tolist(), strict=True):
            states = encoder(clip[None, :, :length].transpose(1, 2)).last_hidden_state[0]
            found.append(torch.nn.functional.pad(states, (0, 0, 0, -len(states) % window)))
        return torch.cat(found)

    def adapt(self, states: Tensor) -> Tensor:
        """Map the states of whole windows to embeddings of the language model, three for each window of 15."""
        projector = self.model.model.projector
        embeddings: Tensor = projector(states[None].to(projector.linear.weight.dtype))[0]
        return embeddings

    def stock_audio(self, waves: Sequence[Wave]) -> dict[str, Tensor]:
        """Compute the stock forward's mels (clips, frames, bins), and a mask of each clip's audio tokens."""
        mels = [self.extractor(wave) for wave in waves]
        tokens = torch.tensor([self.features(wave).n_tokens for wave in waves])
        mask = torch.arange(int(tokens.max()))[None] < tokens[:, None]
        return {"input_features": pad_sequence(mels, batch_first=True), "input_features_mask": mask}


class GraniteSpeechPlus(GraniteSpeech):
    """Granite Speech whose adapter also takes middle layers of the encoder, if the configuration says so."""

    model_class = GraniteSpeechPlusForConditionalGeneration
