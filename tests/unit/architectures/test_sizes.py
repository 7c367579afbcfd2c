"""Parameters from dimensions alone agree with what is published and, exactly, with the real classes."""

import json
from pathlib import Path

import pytest

from eartune.architectures.settings import Architecture
from eartune.architectures.sizes import POCKET, QWEN2_AUDIO_7B, count, read_dimensions, size_of
from eartune.faults import InputError
from eartune.schemes import Component
from eartune.settings import Lora

ENCODER, ADAPTER, LANGUAGE_MODEL = Component

# What Qwen/Qwen2-Audio-7B-Instruct's config.json says; the library's defaults stand for the rest.
CONFIG_7B = {
    "audio_config": {"d_model": 1280, "encoder_layers": 32, "encoder_ffn_dim": 5120, "num_mel_bins": 128},
    "text_config": {"model_type": "qwen2", "intermediate_size": 11008, "vocab_size": 156032},
}


def test_the_7b_model_has_its_published_size() -> None:
    parameters = count(QWEN2_AUDIO_7B).parameters
    embeddings = QWEN2_AUDIO_7B.vocabulary * QWEN2_AUDIO_7B.width
    assert parameters[ENCODER] == pytest.approx(0.636e9, rel=0.005)
    assert embeddings == pytest.approx(0.639e9, rel=0.005)
    assert parameters[LANGUAGE_MODEL] - 2 * embeddings == pytest.approx(6.476e9, rel=0.005)
    assert parameters[ADAPTER] == 1280 * 4096 + 4096
    assert sum(parameters.values()) == pytest.approx(8.397e9, rel=0.005)


def test_pocket_is_whisper_base_and_smollm2_with_three_more_tokens_and_a_head_of_its_own() -> None:
    parameters = count(POCKET).parameters
    assert parameters[ENCODER] == 20_590_592
    assert parameters[LANGUAGE_MODEL] == 134_515_008 + 3 * 576 + 49_155 * 576


def test_a_folder_is_as_large_as_its_config_says(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG_7B))
    assert read_dimensions(tmp_path / "config.json") == QWEN2_AUDIO_7B
    assert size_of(Architecture(type="qwen2-audio", checkpoint=str(tmp_path))) == count(QWEN2_AUDIO_7B)


def test_the_real_classes_have_exactly_that_many(tmp_path: Path) -> None:
    from eartune.architectures.families.qwen2_audio import Qwen2Audio

    model = Qwen2Audio.tiny()
    model.save(tmp_path)
    size = size_of(Architecture(type="qwen2-audio", checkpoint=str(tmp_path)))
    assert size.parameters == {component: total for component, (total, _) in model.parts.counts().items()}
    model.parts.add_lora(Lora(rank=3), seed=0)
    with_lora, _ = model.parts.counts()[LANGUAGE_MODEL]
    assert with_lora - size.parameters[LANGUAGE_MODEL] == 3 * size.lora_features


@pytest.mark.parametrize("checkpoint", ["Qwen/Qwen2-Audio-8B", "nowhere"])
def test_an_unknown_checkpoint_is_named_with_the_known_ones(checkpoint: str) -> None:
    with pytest.raises(InputError, match=f"^{checkpoint}: neither a folder with a config.json nor one of .*pocket$"):
        size_of(Architecture(type="qwen2-audio", checkpoint=checkpoint))


def test_a_config_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json: is not JSON"):
        size_of(Architecture(type="qwen2-audio", checkpoint=str(tmp_path)))
