"""Audio at its true length, for the families that hear with a Whisper encoder whose states are pooled by two."""

import copy

import numpy as np
import pytest
import torch

from eartune.models import fused_operations
from eartune.models.registry import FAMILIES
from eartune.models.whisper_encoder import PooledWhisperModel, convolution, n_audio_tokens, padded_states
from tiny_models import tiny

POOLED = {name: family for name, family in FAMILIES.items() if issubclass(family, PooledWhisperModel)}


@pytest.fixture(params=POOLED)
def model(request: pytest.FixtureRequest) -> PooledWhisperModel:
    return tiny(POOLED[request.param], 0)


def wave(seconds: float) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(round(seconds * 16_000)) * 0.1).astype(np.float32)


def test_a_bare_cut_without_margin_would_not_be_equal(model: PooledWhisperModel) -> None:
    """The convolutions look two frames ahead, so this negative control must differ."""
    clip = model.features(wave(2.0))
    assert clip.mel is not None
    tower, n_frames = model.model.model.audio_tower, torch.tensor([clip.n_frames])
    with torch.no_grad():
        kept = n_audio_tokens(clip.n_frames)
        mels = (clip.mel[None], clip.mel[None, :, : clip.n_frames])
        whole, cut = (padded_states(tower, mel, n_frames)[:, :kept] for mel in mels)
    assert (whole - cut).abs().max() > 1e-3


def test_clips_are_not_padded_to_30_s(model: PooledWhisperModel) -> None:
    clip = model.features(wave(2.0))
    assert clip.mel is not None and clip.mel.shape[-1] == 204


def test_the_short_mel_is_the_start_of_the_30_s_mel_bit_for_bit(model: PooledWhisperModel) -> None:
    clip = model.features(wave(3.217))
    full = model.extractor(wave(3.217), sampling_rate=16_000, return_tensors="pt")["input_features"][0]
    assert clip.mel is not None and torch.equal(clip.mel, full[:, : clip.mel.shape[-1]])


def test_a_mel_of_the_bare_signal_would_not_be(model: PooledWhisperModel) -> None:
    """Without silence to its right the STFT reflects the signal's end into the last frames."""
    full = model.extractor(wave(3.2), sampling_rate=16_000, return_tensors="pt")["input_features"][0]
    bare = model.extractor(wave(3.2), sampling_rate=16_000, padding="longest", return_tensors="pt")
    longest = bare["input_features"][0]
    assert not torch.equal(longest, full[:, : longest.shape[-1]])


def test_an_odd_mel_width_is_refused(model: PooledWhisperModel) -> None:
    with pytest.raises(ValueError, match="201 frames wide"):
        model.model.model.audio_tower(torch.zeros(1, 80, 201), torch.ones(1, 100))


def test_the_stock_class_takes_the_saved_weights(model: PooledWhisperModel) -> None:
    """The swapped class adds no parameter, so what is saved is a stock checkpoint."""
    assert set(type(model).model_class(model.model.config).state_dict()) == set(model.model.state_dict())


@torch.no_grad()
def test_convolutions_of_bfloat16_are_computed_in_float32_where_that_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_operations, "multiplies_bfloat16", lambda: False)
    torch.manual_seed(0)
    layer = torch.nn.Conv1d(8, 16, kernel_size=3, stride=2, padding=1).bfloat16()
    signal = torch.randn(2, 8, 600).bfloat16()
    exact = copy.deepcopy(layer).float()(signal.float())
    computed_in, conv1d = [], torch.nn.functional.conv1d
    monkeypatch.setattr(
        "torch.nn.functional.conv1d", lambda *given: computed_in.append(given[0].dtype) or conv1d(*given)
    )
    assert torch.equal(convolution(layer, signal), exact.bfloat16())
    assert computed_in == [torch.float32]
