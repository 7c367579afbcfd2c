"""Recordings as each family's stock forward wants them, by the library's own extractor: what ours is held against."""

from typing import Any

import numpy as np
import torch

from eartune.architectures.chat_model import ChatModel
from eartune.architectures.families.audioflamingo3 import AudioFlamingo3
from eartune.architectures.families.glmasr import GlmAsr
from eartune.architectures.families.granite_speech import GraniteSpeech, GraniteSpeechPlus
from eartune.architectures.families.qwen2_5_omni import Qwen25Omni
from eartune.architectures.families.qwen2_audio import Qwen2Audio
from eartune.architectures.families.qwen3_asr import Qwen3Asr
from eartune.architectures.families.qwen3_omni import Qwen3Omni
from eartune.architectures.families.voxtral import Voxtral
from eartune.architectures.whisper_tower import PooledWhisperModel


def stock_audio(model: ChatModel, waves: list[np.ndarray]) -> dict[str, Any]:
    """Keyword arguments for the stock forward and generate; the model is the stock one from here on."""
    if isinstance(model, PooledWhisperModel):
        model.model.model.audio_tower.__class__ = model.tower_class.__bases__[1]
    return STOCK[type(model)](model, waves)


def _qwen2_audio(model: ChatModel, waves: list[np.ndarray]) -> dict[str, Any]:
    mel, mask = _padded_to_30_s(model, waves)
    return {"input_features": mel, "feature_attention_mask": mask}


def _audioflamingo3(model: ChatModel, waves: list[np.ndarray]) -> dict[str, Any]:
    mel, mask = _padded_to_30_s(model, waves)
    return {"input_features": mel, "input_features_mask": mask}


def _mel_alone(model: ChatModel, waves: list[np.ndarray]) -> dict[str, Any]:
    return {"input_features": _padded_to_30_s(model, waves)[0]}


def _granite_speech(model: ChatModel, waves: list[np.ndarray]) -> dict[str, Any]:
    """The stock extractor needs torchaudio; tests/unit/architectures holds ours against a second mel."""
    frames = [model.extractor(wave) for wave in waves]
    mel = torch.nn.utils.rnn.pad_sequence(frames, batch_first=True)
    tokens = torch.tensor([-(-len(frame) // 15) * 3 for frame in frames])
    return {"input_features": mel, "input_features_mask": torch.arange(int(tokens.max()))[None] < tokens[:, None]}


def _padded_to_30_s(model: ChatModel, waves: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    n_frames = torch.tensor([-(-len(wave) // 160) for wave in waves])
    mel = model.extractor(waves, sampling_rate=16_000, return_tensors="pt")["input_features"]
    return mel, (torch.arange(3000)[None] < n_frames[:, None]).long()


def _qwen2_5_omni(model: ChatModel, waves: list[np.ndarray]) -> dict[str, Any]:
    mel, mask = _padded_to_30_s(model, waves)
    return {"input_features": mel, "feature_attention_mask": mask}


STOCK = {
    Qwen25Omni: _qwen2_5_omni,
    Qwen3Asr: _audioflamingo3,
    Qwen3Omni: _qwen2_5_omni,
    AudioFlamingo3: _audioflamingo3,
    GlmAsr: _audioflamingo3,
    GraniteSpeech: _granite_speech,
    GraniteSpeechPlus: _granite_speech,
    Qwen2Audio: _qwen2_audio,
    Voxtral: _mel_alone,
}
