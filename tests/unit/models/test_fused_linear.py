"""Linear layers in one product give the values and gradients of each alone."""

import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from eartune.models import fused_linear, fused_operations
from eartune.models.fused_linear import has_packed_kernels, join_weights, joined, packed_weights, project

WIDTHS = (6, 4, 4)


def layers_of(bias: bool = False, **lora: Any) -> nn.ModuleDict:
    """Three layers that read the same states, with LoRA if it has settings; its second factor is not zero."""
    torch.manual_seed(0)
    model = nn.ModuleDict({name: nn.Linear(8, width, bias=bias) for name, width in zip("qkv", WIDTHS, strict=True)})
    if lora:
        inject_adapter_in_model(LoraConfig(target_modules=list("qkv"), **lora), model)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                nn.init.normal_(parameter)
    return model


def gradients(output: Tensor, model: nn.Module, *inputs: Tensor) -> list[Tensor]:
    wanted = [*inputs, *(parameter for parameter in model.parameters() if parameter.requires_grad)]
    torch.manual_seed(1)
    return [output.detach(), *torch.autograd.grad(output, wanted, torch.randn(output.shape).to(output.dtype))]


def largest_difference(model: nn.ModuleDict, dtype: torch.dtype = torch.float32) -> float:
    """Between the layers in one product and each alone, over values and all gradients."""
    torch.manual_seed(2)
    states = torch.randn(2, 40, 8).to(dtype).requires_grad_()
    residual = torch.randn(2, 40, sum(WIDTHS)).to(dtype).requires_grad_()
    expected = gradients(residual + torch.cat([layer(states) for layer in model.values()], -1), model, states, residual)
    found = gradients(project(states, list(model.values()), residual), model, states, residual)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    "lora", [{}, {"r": 3, "lora_alpha": 5}, {"r": 2, "use_dora": True}, {"r": 2, "rank_pattern": {"k": 1}}]
)
def test_values_and_gradients_are_those_of_each_alone(lora: dict[str, Any], bias: bool) -> None:
    assert largest_difference(layers_of(bias, **lora)) < 3e-6


def test_layers_with_lora_and_without_stand_side_by_side() -> None:
    model = layers_of(r=2)
    model["k"] = nn.Linear(8, WIDTHS[1], bias=False)
    assert largest_difference(model) < 3e-6


def test_some_layers_have_a_bias_and_others_none() -> None:
    """The keys of Whisper's encoder have none."""
    model = layers_of(bias=True)
    model["k"] = nn.Linear(8, WIDTHS[1], bias=False)
    assert largest_difference(model) < 3e-6


def test_dropout_stays_that_of_the_layers() -> None:
    model = layers_of(r=2, lora_dropout=0.5)
    states = torch.randn(3, 8)
    torch.manual_seed(3)
    expected = torch.cat([layer(states) for layer in model.values()], -1)
    torch.manual_seed(3)
    assert torch.equal(project(states, list(model.values())), expected)


def test_products_done_in_float32_are_rounded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_operations, "multiplies_bfloat16", lambda: False)
    monkeypatch.setattr(fused_operations, "ROWS_WORTH_CONVERTING", 1)
    model = layers_of(bias=True, r=3).to(torch.bfloat16)
    assert largest_difference(model, torch.bfloat16) < 2e-2


def test_weights_are_joined_once_and_stay_parameters() -> None:
    model = layers_of()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    weights = [layer.weight for layer in model.values()]
    join_weights(weights)
    places = [weight.data_ptr() for weight in weights]
    join_weights(weights)
    assert [weight.data_ptr() for weight in weights] == places
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        weights[1].fill_(7)
    assert torch.equal(joined(weights)[6:10], torch.full((4, 8), 7.0))


def test_a_model_that_was_converted_is_joined_again() -> None:
    model = layers_of()
    states = torch.randn(3, 8)
    project(states, list(model.values()))
    model.double().float()
    assert largest_difference(model) < 3e-6


@pytest.mark.skipif(not has_packed_kernels(), reason="this torch has no products with packed weights")
@pytest.mark.parametrize("lora", [{}, {"r": 3, "lora_alpha": 5}])
@pytest.mark.parametrize("bias", [False, True])
@torch.no_grad()
def test_packed_weights_give_the_same_products(
    bias: bool, lora: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = layers_of(bias, **lora)
    states, residual = torch.randn(4, 1, 8), torch.randn(4, 1, sum(WIDTHS))
    expected = project(states, list(model.values()), residual)
    packings = []
    pack = fused_linear._pack
    monkeypatch.setattr(fused_linear, "_pack", lambda *given: packings.append(given) or pack(*given))
    with packed_weights():
        for _ in range(3):
            assert torch.allclose(project(states, list(model.values()), residual), expected, atol=1e-6)
    assert len(packings) == 1


@pytest.mark.skipif(not has_packed_kernels(), reason="this torch has no products with packed weights")
@pytest.mark.parametrize("lora", [{}, {"r": 3, "lora_alpha": 5}])
@torch.no_grad()
def test_a_cpu_without_kernels_for_bfloat16_packs_in_float32(
    lora: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU without AVX-512, oneDNN refuses to pack weights in bfloat16, and no model could answer."""
    monkeypatch.setattr(fused_linear, "has_bfloat16_kernels", lambda: False)
    model = layers_of(True, **lora).bfloat16()
    states = torch.randn(9, 8).bfloat16()
    exact = project(states.float(), list(copy.deepcopy(model).float().values()))
    known: fused_linear.PackedWeights = {}
    with packed_weights(known):
        found = project(states, list(model.values()))
    (packed,) = known.values()
    assert packed is not None
    assert packed.weight.dtype == torch.float32
    assert torch.equal(found, exact.bfloat16())


@torch.no_grad()
def test_weights_that_change_between_two_searches_are_packed_again() -> None:
    """A weight's version does not tell: `.data` changes without it, and memory that was freed is taken again."""
    model, states = layers_of(), torch.randn(2, 8)
    for value in (1.0, 2.0):
        for layer in model.values():
            layer.weight.data.fill_(value)
        with packed_weights():
            found = [project(states, list(model.values()))]
        for layer in model.values():
            layer.weight.data.neg_()
        found.append(-project(states, list(model.values())))
        expected = value * states.sum(dim=1, keepdim=True).expand(-1, sum(WIDTHS))
        assert all(torch.allclose(one, expected, atol=1e-5) for one in found)


@torch.no_grad()
def test_packed_weights_take_no_more_memory_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_linear, "PACKED_BYTES", 100)
    model, states = layers_of(), torch.randn(2, 8)
    with packed_weights():
        project(states, list(model.values()))
        assert fused_linear._pack(list(model.values()), 0) is None
