"""Granite Speech's mel without torchaudio, which the stock extractor asks for."""

import json
from pathlib import Path

import numpy as np
import pytest
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from eartune.models.families.granite_speech import LogMel


@pytest.mark.parametrize("samples", [1600, 1601, 15_999, 48_123])
def test_it_is_the_mel_of_another_implementation(samples: int) -> None:
    """transformers' own spectrogram in float64, with the window put into the middle as torch's does it."""
    wave = (np.random.default_rng(0).standard_normal(samples) * 0.1).astype(np.float32)
    filters = mel_filter_bank(257, 80, 0.0, 8000.0, 16_000, mel_scale="htk")
    window = np.pad(window_function(400, "hann"), 56)
    power = spectrogram(wave, window, 512, 160, mel_filters=filters, mel_floor=1e-10, log_mel="log10", power=2.0).T
    scaled = np.maximum(power, power.max() - 8) / 4 + 1
    expected = scaled[: len(scaled) // 2 * 2].reshape(-1, 160)
    ours = LogMel({})(wave).numpy()
    assert ours.shape == expected.shape and np.abs(ours - expected).max() < 1e-4


def test_the_checkpoints_settings_are_kept(tmp_path: Path) -> None:
    settings = {"feature_extractor_type": "GraniteSpeechFeatureExtractor", "projector_window_size": 15}
    (tmp_path / LogMel.CONFIG).write_text(json.dumps(settings))
    LogMel.from_pretrained(str(tmp_path)).save_pretrained(tmp_path)
    assert json.loads((tmp_path / LogMel.CONFIG).read_text()) == settings


def test_settings_in_the_processors_file_are_found(tmp_path: Path) -> None:
    """Where newer versions of the library write them."""
    settings = {"feature_extractor_type": "GraniteSpeechFeatureExtractor", "projector_window_size": 15}
    (tmp_path / "processor_config.json").write_text(json.dumps({"feature_extractor": settings}))
    assert LogMel.from_pretrained(str(tmp_path)).config == settings
