"""The average of a stage's weights over snapshots of its later steps, as the average of merged weights.

steps from 60 % on -> snapshots -> mean of each weight; LoRA: the factors of all snapshots side by side

The mean of the factors is not that of the updates: mean(B) mean(A) is not mean(B A). An update B A / k from each of k
snapshots is B1 A1 / k + B2 A2 / k + ..., which is a LoRA of k times the rank, exactly.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from eartune.files import atomic

AVERAGED_FROM = 0.6
"""The share of a stage's steps after which its weights count; a cosine schedule hardly moves them at its end."""


def snapshot_steps(n_steps: int, number: int) -> tuple[int, ...]:
    """Return the steps after which weights are kept: evenly spaced, the last one among them; none for one snapshot.

    A stage of few steps may have fewer of them than `number`.
    """
    if number < 2:
        return ()
    first = AVERAGED_FROM * n_steps
    steps = {round(first + (n_steps - first) * i / (number - 1)) for i in range(number)}
    return tuple(sorted(step for step in steps if step >= 1))


class Snapshots(TrainerCallback):
    """The callback of a stage that calls `save` with the number of each step after which weights are kept.

    It is called before a checkpoint of the same step is saved, so that a resumed stage lacks no earlier snapshot.
    """

    def __init__(self, number: int, save: Callable[[int], None]) -> None:
        self.number = number
        self.save = save

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep the weights if this step is one of those that count."""
        if state.global_step in snapshot_steps(state.max_steps, self.number):
            self.save(state.global_step)


def write_average(snapshots: Sequence[Path], to: Path) -> None:
    """Write the average of some files of weights; the file is written whole or not at all.

    Means are computed in float32 and rounded once. LoRA's factors get the ranks of all files together, unless they are
    the same in all of them.
    """
    opened: list[Any] = [safe_open(path, "pt") for path in snapshots]
    names = sorted(opened[0].keys())
    factors = [name for name in names if "lora_" in name]
    differ = any(not torch.equal(opened[0].get_tensor(n), file.get_tensor(n)) for n in factors for file in opened[1:])
    averaged = {}
    for name in names:
        values = [file.get_tensor(name) for file in opened]
        averaged[name] = _averaged(name, values) if differ or name not in factors else values[0]
    with atomic(to) as half_written:
        save_file(averaged, half_written)


def _averaged(name: str, values: Sequence[Tensor]) -> Tensor:
    if "lora_A" in name:
        return torch.cat(list(values), dim=0)
    if "lora_B" in name:
        return (torch.cat([value.float() for value in values], dim=1) / len(values)).to(values[0].dtype)
    return torch.stack([value.float() for value in values]).mean(dim=0).to(values[0].dtype)
