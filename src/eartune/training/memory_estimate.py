"""Estimate of the GPU memory of a stage, and the GPUs that have it, before any weight is loaded."""

from dataclasses import dataclass
from heapq import nlargest

from eartune.data.example import Asked, Example
from eartune.models.architecture import Architecture
from eartune.models.size import Size
from eartune.settings import Component, Lora, Training
from eartune.tasks.task import Task
from eartune.training.gpus import Gpu, smallest_gpu
from eartune.training.stage import Stage

OVERHEAD = 1.5e9
"""Bytes of the driver, its kernels and the gaps between tensors: an assumption, as no GPU was measured."""
NF4_BYTES = 0.5 + (1 + 4 / 256) / 64  # 64 weights share a scale of 8 bits, 256 scales one of 32
ENOUGH_POSITIONS = 1024
"""The positions of a micro-batch that memory is estimated for where the settings leave their number open.

With fewer, a GPU would wait for weights to be read (docs/performance.md); with more memory, more are taken."""
PROMPT_TOKENS = 65  # tokens of the chat turns and the instruction in Qwen's vocabulary
TEXT_CHARACTERS, JSON_CHARACTERS = 4, 3  # characters per token
UNKNOWN_ANSWER = 40  # tokens of an answer that a model will write


@dataclass(frozen=True)
class ComponentMemory:
    """One component of the model: its numbers of parameters, and the bytes that they take in training."""

    parameters: int
    trained: int
    weights: float
    gradients: float
    optimizer: float


@dataclass(frozen=True)
class Footprint:
    """The memory of one stage in bytes, on each GPU that trains it."""

    parts: dict[Component, ComponentMemory]
    activations: float
    """Bytes that the largest micro-batch keeps for the backward pass, logits included."""
    step: float
    """Bytes that the optimizer needs during a step, in addition to its moments and master weights."""

    @property
    def trained(self) -> int:
        """Return how many parameters are trained."""
        return sum(part.trained for part in self.parts.values())

    @property
    def total(self) -> float:
        """Return the bytes at the peak, which is in a backward pass or in an optimizer step."""
        kept = sum(part.weights + part.optimizer for part in self.parts.values())
        gradients = sum(part.gradients for part in self.parts.values())
        return kept + max(gradients + self.activations, self.step)

    @property
    def gpu(self) -> str:
        """Return the name of the smallest GPU that has this much memory."""
        return smallest_gpu(self.total + OVERHEAD)

    def fits(self, gpu: Gpu) -> bool:
        """Return whether this kind of GPU has this much memory."""
        return self.total + OVERHEAD <= gpu.memory_gb * 1e9


def footprint(
    size: Size,
    stage: Stage,
    architecture: Architecture,
    training: Training,
    task: Task,
    gpus: int = 1,
) -> Footprint:
    """Estimate the memory that a stage takes with these settings, on each of the GPUs that train one model together.

    Every GPU has all weights and gradients, and a share of the masters and moments, which it steps alone. Each has a
    micro-batch of its own, so that activations are those of one GPU.
    """
    width = 4 if architecture.precision == "float32" else 2
    parts = {}
    for component, parameters in size.parameters.items():
        trained = trained_parameters(size, component, training.lora) if component in stage.trainable else 0
        updates = trained if component is Component.LANGUAGE_MODEL and training.lora else 0
        four_bits = size.wrapped if component is Component.LANGUAGE_MODEL and architecture.precision == "nf4" else 0
        parts[component] = ComponentMemory(
            parameters=parameters,
            trained=trained,
            weights=(parameters - four_bits + updates) * width + four_bits * NF4_BYTES,
            gradients=trained * width,
            optimizer=trained * (12 if training.optimizer == "adamw" else 2) / gpus,
        )
    # the 8-bit optimizer converts one at a time
    float32_gradients = 4 * sum(part.trained for part in parts.values()) / gpus
    step = float32_gradients if training.optimizer == "adamw" else 0
    return Footprint(parts, activations(size, stage, width, training, task), step)


def trained_parameters(size: Size, component: Component, lora: Lora | None) -> int:
    """Return how many parameters of a trainable component are trained; an encoder's sinusoids never are."""
    if component is Component.LANGUAGE_MODEL and lora is not None:
        return lora.rank * size.lora_features + lora.dora * size.lora_outputs
    return size.parameters[component] - (size.positions if component is Component.AUDIO_ENCODER else 0)


def activations(size: Size, stage: Stage, width: int, training: Training, task: Task) -> float:
    """Return an upper bound on the bytes that a micro-batch keeps: that of the rows with the longest content.

    `width` is the bytes of a number in the model's precision. Attention matrices are not kept, since fused kernels
    recompute them. Logits are computed for answers alone, and so is their gradient, both in the model's precision.
    """
    rows = largest_micro_batch(size, stage, training, task)
    answers = sum(answer_tokens(row, task) for row in rows)
    tokens = sum(row_tokens(row, size, task) for row in rows)
    a_token = float(size.token_bytes)
    if training.recompute_activations:  # the input of each layer, and all activations of one
        a_token = size.layers * 2 * size.width + size.token_bytes / size.layers
    states = sum(size.states.of(example.recording.seconds) for example in rows if example.recording)
    encoder = states * size.state_bytes if Component.AUDIO_ENCODER in stage.trainable else 0.0
    updates = (
        size.wrapped * 2 if training.lora and training.lora.dora else 0.0
    )  # DoRA keeps each update as a full matrix
    if training.recompute_activations:
        updates /= size.layers
    return (tokens * a_token + encoder + updates) * width / 2 + answers * size.vocabulary * 2 * width


def largest_micro_batch(size: Size, stage: Stage, training: Training, task: Task) -> list[Example]:
    """Return the longest rows of a stage, as many as a micro-batch may hold."""
    most_positions = training.micro_batch_tokens
    if most_positions is None and training.micro_batch_size is None:
        most_positions = ENOUGH_POSITIONS
    most_rows = training.micro_batch_size or training.batch_size
    rows = nlargest(most_rows, stage.most_examples, key=lambda example: content_tokens(example, size))
    if most_positions is None:
        return rows
    longest = max(row_tokens(row, size, task) for row in rows)
    return rows[: max(1, int(most_positions / longest))]


def row_tokens(example: Example, size: Size, task: Task) -> float:
    """Return about how many positions of the decoder an example takes."""
    return PROMPT_TOKENS + content_tokens(example, size) + answer_tokens(example, task)


def content_tokens(example: Example, size: Size) -> float:
    """Return about how many tokens the text or the recording takes; scripts other than Latin take more."""
    if example.recording is not None:
        return size.tokens.of(example.recording.seconds)
    return len(example.utterance.text or "") / TEXT_CHARACTERS


def answer_tokens(example: Example, task: Task) -> float:
    """Return about how many tokens the answer has."""
    words = len(example.utterance.text or "") / TEXT_CHARACTERS
    if example.asked is Asked.WORDS:
        return words
    if not example.utterance.is_labelled:
        return UNKNOWN_ANSWER
    answer = len(task.target(example.utterance)) / JSON_CHARACTERS
    return answer + words if example.asked is Asked.WORDS_THEN_FRAME else answer
