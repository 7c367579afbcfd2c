"""Estimate of the most disk that a run takes: weights of its stages, checkpoints, and the encoder cache."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from eartune.data.example import Example
from eartune.models.architecture import Architecture
from eartune.models.size import Size
from eartune.settings import Component, Training
from eartune.training.memory_estimate import trained_parameters
from eartune.training.stage import Stage

ENCODER_WIDTH = 1280
"""The width of Whisper large's states. No encoder is known that is wider than both this and its language model."""


@dataclass(frozen=True)
class DiskEstimate:
    """The bytes that a run takes at its peak; everything else that it writes is small beside them."""

    stages: int
    """The number of stages that keep their weights."""
    weights: float
    """Bytes of the weights that all stages keep."""
    checkpoints: float
    """Bytes of two checkpoints of the largest stage, as the old one is deleted once the new one is complete, and of
    the weights of the best epoch, where that is chosen."""
    encoder_cache: float
    """Bytes that the states of frozen encoders take, never more than training.encoded_gb allows."""

    @property
    def total(self) -> float:
        """Return the sum in bytes."""
        return self.weights + self.checkpoints + self.encoder_cache


def disk_estimate(
    size: Size,
    stages: Collection[tuple[Stage, ...]],
    test: Sequence[Example],
    architecture: Architecture,
    training: Training,
) -> DiskEstimate:
    """Return what a run takes; each item of `stages` is a stage that is trained once, after those that precede it."""
    shown = [example for trained in stages for example in encoded_once(trained[-1])]
    cache = cache_bytes(size, [*shown, *test], architecture, training)
    weights = [weight_bytes(size, trained, architecture, training) for trained in stages]
    checkpoints = [
        2 * checkpoint_bytes(size, trained, architecture, training)
        + trained[-1].chooses_epoch * weight_bytes(size, trained, architecture, training)
        for trained in stages
    ]
    return DiskEstimate(len(stages), sum(weights), max(checkpoints, default=0.0), cache)


def weight_bytes(size: Size, stages: tuple[Stage, ...], architecture: Architecture, training: Training) -> float:
    """Return the bytes of the weights after the last stage: all that it or a stage before it trained is saved."""
    components = {component for stage in stages for component in stage.trainable}
    return _trained(size, components, training) * _width(architecture)


def checkpoint_bytes(size: Size, stages: tuple[Stage, ...], architecture: Architecture, training: Training) -> float:
    """Return the bytes of a checkpoint in the last stage: the weights, and the optimizer's state of what it trains.

    For each trained parameter AdamW keeps a weight and two moments in float32, its 8-bit form two moments of a byte.
    """
    a_parameter = 12 if training.optimizer == "adamw" else 2
    optimizer = _trained(size, set(stages[-1].trainable), training) * a_parameter
    return weight_bytes(size, stages, architecture, training) + optimizer


def encoded_once(stage: Stage) -> tuple[Example, ...]:
    """Return the examples whose encoder states may be kept; none if the stage trains its encoder or changes them."""
    if Component.AUDIO_ENCODER in stage.trainable or stage.augment:
        return ()
    return stage.most_examples + (stage.dev.examples if stage.dev else ())


def cache_bytes(size: Size, examples: Sequence[Example], architecture: Architecture, training: Training) -> float:
    """Return at most how many bytes the encoder states of these examples' recordings take."""
    seconds = [recording.seconds for recording in {example.recording for example in examples} if recording is not None]
    states = sum(map(size.states.of, seconds))
    return min(states * max(size.width, ENCODER_WIDTH) * _width(architecture), training.encoded_gb * 1e9)


def _width(architecture: Architecture) -> int:
    """Return the bytes of a number in the model's precision."""
    return 4 if architecture.precision == "float32" else 2


def _trained(size: Size, components: set[Component], training: Training) -> int:
    return sum(trained_parameters(size, component, training.lora) for component in components)
