"""Fun-ASR-Nano's mel without torchaudio, which the stock extractor asks for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from eartune.models.families.fun_asr_nano import FunAsrNanoFeatureExtractor


@pytest.mark.parametrize("samples", [1600, 1601, 15_999, 48_123])
def test_it_is_the_mel_of_another_implementation(samples: int) -> None:
    """transformers' own spectrogram, with the settings by which it stands in for Kaldi's elsewhere in the library."""
    wave = (np.random.default_rng(0).standard_normal(samples) * 0.1).astype(np.float32)
    filters = mel_filter_bank(257, 80, 20.0, 8000.0, 16_000, mel_scale="kaldi", triangularize_in_mel_space=True)
    expected = spectrogram(
        wave,
        window_function(400, "hamming", periodic=False),
        400,
        160,
        fft_length=512,
        power=2.0,
        center=False,
        preemphasis=0.97,
        mel_filters=filters,
        mel_floor=1.192092955078125e-07,
        log_mel="log",
        remove_dc_offset=True,
    ).T
    ours = FunAsrNanoFeatureExtractor()._extract_fbank_features(torch.from_numpy(wave)).numpy()
    assert ours.shape == expected.shape and np.abs(ours - expected).max() < 1e-3


def test_a_saved_extractor_is_the_stock_one_by_name(tmp_path: Path) -> None:
    FunAsrNanoFeatureExtractor().save_pretrained(tmp_path)
    assert '"FunAsrNanoFeatureExtractor"' in (tmp_path / "preprocessor_config.json").read_text()
