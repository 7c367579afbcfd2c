"""An average of weights is that of merged weights, whether all weights were trained or LoRA's factors."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.settings import Lora
from eartune.training.averaging import snapshot_steps, write_average
from eartune.training.trainer import load_weights, save_weights
from tiny_models import tiny


@pytest.mark.parametrize(
    ("n_steps", "number", "steps"),
    [
        (100, 1, ()),
        (100, 3, (60, 80, 100)),
        (100, 5, (60, 70, 80, 90, 100)),
        (6, 3, (4, 5, 6)),
        (2, 3, (1, 2)),
        (1, 3, (1,)),
    ],
)
def test_snapshots_are_evenly_spaced_over_the_last_steps(n_steps: int, number: int, steps: tuple[int, ...]) -> None:
    assert snapshot_steps(n_steps, number) == steps


def snapshots(folder: Path, trained: str, dtype: torch.dtype = torch.float32) -> tuple[list[Path], list[Qwen2Audio]]:
    """Three models whose trained parameters, those with this in their name, are moved at random, and their files."""
    models, paths = [], []
    for seed in range(3):
        model = tiny(Qwen2Audio, dtype=dtype)
        model.lora.add(Lora(rank=2, alpha=6), seed=0)
        torch.manual_seed(seed)
        for name, value in model.module.named_parameters():
            if trained in name:
                value.data += torch.randn(value.shape).to(dtype) * 0.1
                model.components.mark_trained([name])
        paths.append(folder / f"{seed}.safetensors")
        save_weights(model, paths[-1])
        models.append(model)
    return paths, models


def merged(model: Qwen2Audio) -> dict[str, Tensor]:
    model.lora.merge()
    return {name: value.detach().float() for name, value in model.module.named_parameters()}


@pytest.mark.parametrize("trained", ["lora_", "multi_modal_projector"])
def test_an_average_that_is_loaded_is_the_mean_of_the_merged_weights(tmp_path: Path, trained: str) -> None:
    paths, models = snapshots(tmp_path, trained)
    write_average(paths, tmp_path / "average.safetensors")
    model = tiny(Qwen2Audio)
    model.lora.add(Lora(rank=2, alpha=6), seed=0)
    load_weights(model, tmp_path / "average.safetensors")
    found, expected = merged(model), [merged(each) for each in models]
    for name, value in found.items():
        mean = torch.stack([each[name] for each in expected]).mean(dim=0)
        torch.testing.assert_close(value, mean, atol=1e-5, rtol=1e-4)
    assert any(not torch.equal(expected[0][name], expected[1][name]) for name in found)


def test_factors_that_are_alike_in_all_snapshots_keep_their_rank(tmp_path: Path) -> None:
    paths, models = snapshots(tmp_path, "multi_modal_projector")
    models[0].components.mark_trained(n for n, _ in models[0].module.named_parameters() if "lora_" in n)
    save_weights(models[0], paths[0])
    write_average([paths[0], paths[0]], tmp_path / "average.safetensors")
    before, after = load_file(paths[0]), load_file(tmp_path / "average.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_means_of_bfloat16_are_rounded_once(tmp_path: Path) -> None:
    """One and the next two numbers of bfloat16: their sum needs more bits than that has."""
    paths = []
    for i in range(3):
        paths.append(tmp_path / f"{i}.safetensors")
        save_file({"weight": torch.tensor([1 + i / 128]).bfloat16()}, paths[-1])
    write_average(paths, tmp_path / "average.safetensors")
    found = load_file(tmp_path / "average.safetensors")["weight"]
    assert found.dtype == torch.bfloat16 and found.item() == 1 + 1 / 128


def test_an_averaged_model_trains_on(tmp_path: Path) -> None:
    """Its factors are parameters like any others, of the language model, and its gradients reach all of them."""
    paths, _ = snapshots(tmp_path, "lora_")
    write_average(paths, tmp_path / "average.safetensors")
    model = tiny(Qwen2Audio)
    model.lora.add(Lora(rank=2, alpha=6), seed=0)
    model.components.set_trainable(tuple(model.component_prefixes))
    load_weights(model, tmp_path / "average.safetensors")
    factors = [value for name, value in model.module.named_parameters() if "lora_" in name]
    assert model.lora.rank() == 6 and all(value.requires_grad for value in factors)
    ids = torch.arange(7)[None]
    model.module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.sum().backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in factors)
