"""A share of what a stage learned: the weights before it, and a part of the way from there to those after it.

before + share * (after - before);  with LoRA: share * B A
"""

from collections.abc import Callable, Sequence

import torch

from eartune.models.audio_llm import AudioLLM
from eartune.settings import Component


@torch.no_grad()
def keep_share(model: AudioLLM, trained: Sequence[Component], share: float, before: Callable[[], AudioLLM]) -> None:
    """Keep a share of the update that the last stage, which trained some components, made of a model's weights.

    `before` loads the model as it was before that stage; it is called only if whole weights were trained. The update
    of LoRA is its second factor, which the stage must have begun at zero. Sums are float32 and rounded once.
    """
    model.components.set_trainable(trained)
    updated = {name: value for name, value in model.module.named_parameters() if value.requires_grad}
    for name, value in updated.items():
        if "lora_B" in name:
            value.copy_(value.float() * share)
    whole = {name: value for name, value in updated.items() if "lora_" not in name}
    if not whole:
        return
    start = dict(before().module.named_parameters())
    for name, value in whole.items():
        value.copy_(torch.lerp(start[name].float().to(value.device), value.float(), share))
