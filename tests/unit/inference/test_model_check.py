"""Every family passes the checks of a model, and each fault that they are there for is found."""

from typing import Any

import pytest
import torch

from eartune.inference.model_check import check_audio, check_batch, check_lora, check_model
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.registry import FAMILIES
from tiny_models import tiny


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.is_supported()])
def test_every_family_passes(family: str) -> None:
    assert [result.found for result in check_model(tiny(FAMILIES[family])) if not result.fine] == []


def test_a_deaf_model_is_noticed() -> None:
    model = tiny(Qwen2Audio)
    with torch.no_grad():
        for value in model.module.get_submodule("model.multi_modal_projector").parameters():
            value.zero_()
    found = check_audio(model)
    assert not found.fine and found.found.endswith("by 0.0% or more")


def test_a_model_that_minds_its_neighbours_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny(Qwen2Audio)
    hidden = model.hidden

    def mixed_up(batch: Any) -> torch.Tensor:
        states = hidden(batch)
        return states + states.mean(0, keepdim=True) * (len(states) > 1)

    monkeypatch.setattr(model, "hidden", mixed_up)
    assert not check_batch(model).fine


def test_an_adapter_that_reaches_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny(Qwen2Audio)
    monkeypatch.setattr(model.lora, "add", lambda *_, **__: None)
    assert not check_lora(model).fine


def test_a_model_that_computes_no_numbers_is_noticed() -> None:
    model = tiny(Qwen2Audio)
    with torch.no_grad():
        model.module.lm_head.weight.fill_(float("nan"))
    assert not check_batch(model).fine
