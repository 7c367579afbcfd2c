"""The split of a global batch into micro-batches, as many positions at once as the settings or the memory allow.

The loss is divided by the labels of the global batch, so that its split changes nothing but time and memory.
"""

import math
import os
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Row
from eartune.settings import Component, Training

MOST_POSITIONS = {"cuda": 4096, "cpu": 2048}
"""More positions at once gain nothing: products of so many rows are as fast as they get (docs/performance.md)."""
SHARE = 0.5
"""The share of the memory beside weights and optimizer that activations may take, as those of attention come on top."""
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


class Limits(NamedTuple):
    """What a micro-batch may hold."""

    rows: float
    positions: float
    """Positions of the decoder, each row counted as long as the longest."""


def limits_of(settings: Training, model: AudioLLM, n_processes: int = 1) -> Limits:
    """Return the limits that the settings name; where they name none, as many positions as pay and fit into memory."""
    if settings.micro_batch_size is None and settings.micro_batch_tokens is None:
        return Limits(math.inf, automatic_positions(settings, model, memory_bytes(model.device), n_processes))
    return Limits(settings.micro_batch_size or math.inf, settings.micro_batch_tokens or math.inf)


def automatic_positions(settings: Training, model: AudioLLM, memory: float, n_processes: int = 1) -> int:
    """Return how many positions a micro-batch has where the settings say nothing, on a device of `memory` bytes.

    It depends on the model, on what trains and on the size of the memory, not on how much of that is free, so that a
    run is the same every time. Each process has all weights and gradients, and its share of the optimizer.
    """
    most = MOST_POSITIONS.get(model.device.type, MOST_POSITIONS["cuda"])
    weights = sum(value.nbytes for value in model.module.parameters())
    trained = sum(value.numel() for value in model.components.trainable())
    gradient, optimizer = (4, 12) if settings.optimizer == "adamw" else (2, 2)
    free = SHARE * (memory - weights - trained * (gradient + optimizer / n_processes))
    return max(1, min(most, int(free / bytes_a_position(model))))


def bytes_a_position(model: AudioLLM) -> int:
    """Return roughly the bytes that training keeps of one position of the decoder.

    Counted is what its linear layers read and write. An encoder that trains has two positions for each of these.
    """
    width = next(model.module.parameters()).element_size()
    trains = {component for component, (_, training) in model.components.counts().items() if training}

    def of(component: Component) -> int:
        return sum(
            layer.in_features + layer.out_features
            for name, layer in model.module.named_modules()
            if isinstance(layer, nn.Linear) and model.components.component_of(f"{name}.weight") is component
        )

    encoder = 2 * of(Component.AUDIO_ENCODER) if Component.AUDIO_ENCODER in trains else 0
    return width * (of(Component.LANGUAGE_MODEL) + encoder)


def memory_bytes(device: torch.device) -> float:
    """Return the bytes of memory of a device; of a CPU, those that its container may use."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    physical = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    limit = CGROUP_LIMIT.read_text(encoding="ascii").strip() if CGROUP_LIMIT.exists() else "max"
    return physical if limit == "max" else min(physical, float(limit))


def micro_batches(rows: Sequence[Row], n_positions: Callable[[Row], int], limits: Limits) -> list[list[Row]]:
    """Sort rows by length and group as many as the limits allow; a row that is too long for them stands alone.

    `n_positions` returns how many positions of the decoder a row takes.
    """
    batches: list[list[Row]] = [[]]
    for length, row in sorted(((n_positions(row), row) for row in rows), key=itemgetter(0)):
        n_rows = len(batches[-1]) + 1
        if n_rows > 1 and (
            n_rows > limits.rows or n_rows * length > limits.positions
        ):  # this row is the longest so far
            batches.append([])
        batches[-1].append(row)
    return batches


def dealt_out(rows: Sequence[Row], n_positions: Callable[[Row], int], n: int) -> list[list[Row]]:
    """Return the rows of a global batch in `n` shares of about as many positions; some are empty if rows are few.

    The longest rows are dealt first, each to the share that has the fewest positions; within a share, rows keep their
    order.
    """
    lengths = [n_positions(row) for row in rows]
    shares: list[list[int]] = [[] for _ in range(n)]
    taken = [0] * n
    for place in sorted(range(len(rows)), key=lambda place: -lengths[place]):
        fewest = taken.index(min(taken))
        shares[fewest].append(place)
        taken[fewest] += lengths[place]
    return [[rows[place] for place in sorted(share)] for share in shares]
