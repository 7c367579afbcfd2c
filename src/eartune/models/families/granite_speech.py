"""Granite Speech: a Conformer trained on characters, a Q-Former over windows of it, and Granite."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    GraniteSpeechConfig,
    GraniteSpeechForConditionalGeneration,
    GraniteSpeechPlusConfig,
    GraniteSpeechPlusForConditionalGeneration,
)
from transformers.audio_utils import mel_filter_bank
from transformers.feature_extraction_utils import FeatureExtractionMixin

from eartune.data.audio import SAMPLE_RATE, Wave
from eartune.models.batch import Clip
from eartune.models.chat_format import ChatFormat
from eartune.models.chat_model import ChatModel
from eartune.models.size import Rate
from eartune.models.tiny import TINY_DECODER, byte_tokenizer, tiny_model
from eartune.settings import Component

AUDIO_TOKEN = "<|audio|>"
ROLES = ("<|start_of_role|>", "<|end_of_role|>")
TURN_END = "<|end_of_text|>"


class LogMel:
    """The stock extractor without torchaudio: 80 HTK mels in bels, 8 below the loudest at most, frames in pairs."""

    N_FFT, WINDOW, HOP, MELS = 512, 400, 160, 80
    CONFIG = "preprocessor_config.json"

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.filters = torch.from_numpy(
            mel_filter_bank(self.N_FFT // 2 + 1, self.MELS, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, mel_scale="htk")
        ).float()

    def __call__(self, wave: Wave) -> Tensor:
        """A 16 kHz wave to (frames of 20 ms, 160)."""
        window = torch.hann_window(self.WINDOW)
        spectrum = torch.stft(torch.from_numpy(wave), self.N_FFT, self.HOP, self.WINDOW, window, return_complex=True)
        bels = (spectrum.abs().square().T @ self.filters).clamp(min=1e-10).log10()
        scaled = torch.maximum(bels, bels.max() - 8) / 4 + 1
        return scaled[: len(scaled) // 2 * 2].reshape(-1, 2 * self.MELS)

    @classmethod
    def from_pretrained(cls, folder: str) -> Self:
        """The checkpoint's own settings, which are kept as they are; newer ones have them in processor_config.json."""
        return cls(FeatureExtractionMixin.get_feature_extractor_dict(folder)[0])

    def save_pretrained(self, folder: Path) -> None:
        """As they were."""
        (folder / self.CONFIG).write_text(json.dumps(self.config, indent=2) + "\n", encoding="utf-8")


class GraniteSpeech(ChatModel):
    """Three audio tokens a window of 15 frames, 10 a second; its encoder knows no mask, so clips go one by one."""

    chat = ChatFormat(
        opening=f"<|start_of_role|>system<|end_of_role|>You are Granite, developed by IBM. You are a helpful AI "
        f"assistant.{TURN_END}\n<|start_of_role|>user<|end_of_role|>",
        audio_open="",
        audio_close="",
        answer_open=f"{TURN_END}\n<|start_of_role|>assistant<|end_of_role|>",
        answer_end=TURN_END,
    )
    model_class = GraniteSpeechForConditionalGeneration
    config_class: ClassVar[Any] = GraniteSpeechConfig
    extractor_class = LogMel
    tokens = Rate(10)
    stock_depends_on_batch = True
    components: ClassVar = {
        Component.AUDIO_ENCODER: ("model.encoder.",),
        Component.MODALITY_ADAPTER: ("model.projector.",),
        Component.LANGUAGE_MODEL: ("model.language_model.", "lm_head."),
    }

    def features(self, wave: Wave) -> Clip:
        """The log-mel, frames last as all families have it."""
        mel = self.extractor(wave).T
        config = self.model.config
        windows = -(-mel.shape[-1] // config.window_size)
        return Clip(mel, mel.shape[-1], windows * (config.window_size // config.downsample_rate))

    def encode(self, mel: Tensor, n_frames: Tensor) -> Tensor:
        """Each clip's states alone, with zeros to fill its last window, as the stock projector fills it."""
        encoder, window = self.model.model.encoder, self.model.config.window_size
        found = []
        for clip, length in zip(mel.to(encoder.input_linear.weight.dtype), n_frames.tolist(), strict=True):
            states = encoder(clip[None, :, :length].transpose(1, 2)).last_hidden_state[0]
            found.append(torch.nn.functional.pad(states, (0, 0, 0, -len(states) % window)))
        return torch.cat(found)

    def adapt(self, states: Tensor) -> Tensor:
        """Whole windows, whichever clip they are of, to their tokens."""
        projector = self.model.model.projector
        embeddings: Tensor = projector(states[None].to(projector.linear.weight.dtype))[0]
        return embeddings

    def stock_audio(self, waves: Sequence[Wave]) -> dict[str, Tensor]:
        """Mels, frames before pitch, and which tokens of a clip's windows there are."""
        mels = [self.extractor(wave) for wave in waves]
        tokens = torch.tensor([self.features(wave).n_tokens for wave in waves])
        mask = torch.arange(int(tokens.max()))[None] < tokens[:, None]
        return {"input_features": pad_sequence(mels, batch_first=True), "input_features_mask": mask}

    @classmethod
    def tiny(cls, seed: int = 0, **settings: Any) -> "GraniteSpeech":
        """Two layers a side."""
        tokenizer = byte_tokenizer((*ROLES, AUDIO_TOKEN), TURN_END)
        config = cls.config_class(
            encoder_config={"input_dim": 160, "num_layers": 2, "hidden_dim": 32, "num_heads": 4, "dim_head": 8}
            | {"output_dim": 10, "context_size": 20, "max_pos_emb": 64, "conv_kernel_size": 5},
            projector_config={"model_type": "blip_2_qformer", "hidden_size": 32, "num_hidden_layers": 2}
            | {"num_attention_heads": 4, "intermediate_size": 64, "encoder_hidden_size": 32},
            text_config=TINY_DECODER | {"model_type": "granite", "vocab_size": len(tokenizer)},
            audio_token_index=tokenizer.convert_tokens_to_ids(AUDIO_TOKEN),
            audio_token_id=tokenizer.convert_tokens_to_ids(AUDIO_TOKEN),
        )
        return cls(tiny_model(cls.model_class, config, seed, **settings), tokenizer, LogMel({}))


class GraniteSpeechPlus(GraniteSpeech):
    """The same with some middle layers of the encoder beside its last, if the checkpoint says so."""

    model_class = GraniteSpeechPlusForConditionalGeneration
    config_class = GraniteSpeechPlusConfig
