"""Sizes from a configuration alone are those of the real classes, of all families."""

from pathlib import Path

import pytest

from eartune.errors import InputError
from eartune.models.architecture import Architecture
from eartune.models.families.qwen3_omni import Qwen3Omni
from eartune.models.registry import FAMILIES
from eartune.models.size import KNOWN, QWEN2_AUDIO_7B
from eartune.models.size_from_config import size_of, size_of_config
from eartune.settings import Component, Lora
from tiny_models import CONFIGS, is_supported, tiny

ENCODER, ADAPTER, LANGUAGE_MODEL = Component


def test_the_7b_model_has_its_published_size() -> None:
    parameters = QWEN2_AUDIO_7B.parameters
    embeddings = 156_032 * QWEN2_AUDIO_7B.width
    assert parameters[ENCODER] == pytest.approx(0.636e9, rel=0.005)
    assert parameters[LANGUAGE_MODEL] - 2 * embeddings == pytest.approx(6.476e9, rel=0.005)
    assert parameters[ADAPTER] == 1280 * 4096 + 4096
    assert sum(parameters.values()) == pytest.approx(8.397e9, rel=0.005)


def test_the_known_7b_size_is_that_of_its_configuration() -> None:
    from transformers import Qwen2AudioConfig

    # What Qwen/Qwen2-Audio-7B-Instruct's config.json says; the library's defaults stand for the rest.
    config = Qwen2AudioConfig(
        audio_config={"d_model": 1280, "encoder_layers": 32, "encoder_ffn_dim": 5120, "num_mel_bins": 128},
        text_config={"model_type": "qwen2", "intermediate_size": 11008, "vocab_size": 156032},
    )
    assert size_of_config("qwen2-audio", config) == QWEN2_AUDIO_7B


def test_pocket_is_whisper_base_and_smollm2_with_three_more_tokens_and_a_head_of_its_own() -> None:
    parameters = KNOWN["pocket"].parameters
    assert parameters[ENCODER] == 20_590_592
    assert parameters[LANGUAGE_MODEL] == 134_515_008 + 3 * 576 + 49_155 * 576


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if is_supported(family)])
def test_a_folder_is_exactly_as_large_as_the_model_in_it(family: str, tmp_path: Path) -> None:
    model = tiny(FAMILIES[family])
    model.save(tmp_path)
    size = size_of(Architecture.model_validate({"type": family, "checkpoint": str(tmp_path)}))
    assert size.parameters == {component: total for component, (total, _) in model.components.counts().items()}
    assert size.token_bytes > 30 * size.width * size.layers and size.state_bytes > 0
    model.lora.add(Lora(rank=3), seed=0)
    with_lora, _ = model.components.counts()[LANGUAGE_MODEL]
    assert with_lora - size.parameters[LANGUAGE_MODEL] == 3 * size.lora_features


def test_a_token_is_multiplied_with_the_experts_that_it_chooses() -> None:
    """Two of four experts of 16 hidden units, each with three matrices as wide as the model, in every layer."""
    config, _ = CONFIGS[Qwen3Omni]()
    size = size_of_config("qwen3-omni", config)
    assert size.experts == size.layers * 2 * 3 * 16 * size.width
    assert QWEN2_AUDIO_7B.experts == 0


def test_an_unknown_checkpoint_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"^nowhere: neither a folder with a config\.json, nor on the hub, nor .*pocket"
    ):
        size_of(Architecture(type="qwen2-audio", checkpoint="nowhere"))


def test_a_config_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match=f"^{tmp_path}: neither a folder with a config"):
        size_of(Architecture(type="qwen2-audio", checkpoint=str(tmp_path)))
