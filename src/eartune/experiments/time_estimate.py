"""The seconds that stages and answers would take on a named GPU, forecast from counted operations.

Nothing here was measured on the GPU in question. docs/performance.md counts each operation of a 7B model on an H100
(benchmarks/on_paper.py); here the counts follow from the size of the model alone, so that a plan needs no torch.

Not counted are attention matrices (0.3 % of the decoder's products at 165 tokens; of the encoder's 2 % at 3 s and 16 %
at 30 s), checkpoints (at most 5 % of the time, as the trainer sees to), what several GPUs of one model exchange, which
depends on how they are connected, and what a model teaches or labels itself.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from eartune.data.example import Asked, Example
from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.plan import CellPlan, Pools, steps_of
from eartune.models.size import Size
from eartune.models.size_from_config import size_of
from eartune.settings import Component, Training
from eartune.training.disk_estimate import encoded_once
from eartune.training.gpus import Gpu
from eartune.training.memory_estimate import NF4_BYTES, answer_tokens, row_tokens, trained_parameters
from eartune.training.stage import Stage

SHARE_OF_PEAK = 0.4
"""The share of the peak that training reaches: 43 % is reported by NeMo AutoModel for LoRA of Qwen2.5-7B, packed, on
an H100, 30 to 40 % by lmms-engine for Qwen2.5-VL, 58 % by KempnerForge for a 7B model on an H200; the operations of a
text step of 8 rows would reach 46 % on an H100 (docs/performance.md). For smaller GPUs no number was found."""
SHARE_OF_BANDWIDTH = 0.6
"""The share of its peak at which memory is read and written: an assumption."""
SECONDS_A_LAUNCH = 5e-6
"""The time of the host for one operation of eager PyTorch: an assumption, as in docs/performance.md."""
LAUNCHES_A_LAYER, LAUNCHES_A_TOKEN = 170, 25
"""Operations of a layer in training over a micro-batch and in writing a token with beams: the 5,446 and 792 of 32
layers in docs/performance.md."""
MOST_POSITIONS = 4096  # of a micro-batch on a GPU, as in training/micro_batches.py, which needs torch
ADAMW_BYTES, ADAMW_8BIT_BYTES = 46, 16
"""Bytes that a step reads and writes of a trained parameter: its gradient three times, once in float32 (AdamW alone),
masters and moments read and written, and the weight."""
SECONDS_TO_START = 60.0
"""Of each model: torch is imported, weights are loaded, and the answers scored and checked; an assumption."""


class Tokens(NamedTuple):
    """Positions of the decoder, of which some are the answer, and of the encoder, of one example or of several."""

    row: float
    answer: float
    positions: float
    example: Example | None = None
    """It is kept so that no other object can get the same id()."""


class Forecast:
    """Seconds on `gpus` GPUs of one kind that train each model together."""

    def __init__(self, experiment: Experiment, pools: Pools, gpu: Gpu, gpus: int = 1) -> None:
        """Raises InputError for weights in float32, as the peak is that of products in bfloat16."""
        if experiment.architecture.precision == "float32":
            raise InputError(
                f"{experiment.name}: a forecast for a GPU is for products in bfloat16; "
                "leave --gpu out, or architecture.precision: float32"
            )
        self.experiment = experiment
        self.gpu = gpu
        self.gpus = gpus
        self._size = size_of(experiment.architecture)
        self._test = pools.test
        self._known: dict[tuple[int, int, Asked], Tokens] = {}
        self._answered: dict[Asked, float] = {}

    @property
    def source(self) -> str:
        """Return a sentence that says where the seconds come from."""
        return (
            f"A forecast from counted operations at {SHARE_OF_PEAK:.0%} of the peak of an {self.gpu.name} "
            f"({self.gpu.teraflops:,.0f} TFLOP/s in bfloat16), which was never measured on such a GPU."
        )

    def stage(self, stage: Stage) -> float:
        """Return the seconds of a stage: those of its products, or of the host where it takes longer, and of AdamW.

        Those of answers to the dev set are added.
        """
        size, training, shown = self._size, self.experiment.training, self._tokens(stage.most_examples)
        steps = steps_of(stage, training.batch_size)
        products = training_flop(size, stage, training, shown) / self._flop_per_second
        at_once = min(training.micro_batch_tokens or MOST_POSITIONS, MOST_POSITIONS)
        rows = math.ceil(training.batch_size / (training.micro_batch_size or training.batch_size))
        micro_batches = max(steps * rows, stage.epochs * shown.row / at_once)
        host = micro_batches * size.layers * LAUNCHES_A_LAYER * SECONDS_A_LAUNCH
        trained = sum(trained_parameters(size, part, training.lora) for part in stage.trainable)
        stepped = trained * (ADAMW_BYTES if training.optimizer == "adamw" else ADAMW_8BIT_BYTES)
        learning = max(products, host) + steps * stepped / self._bytes_per_second
        return (learning + self._choosing(stage)) / self.gpus

    def _choosing(self, stage: Stage) -> float:
        """The seconds of answers to the dev set, with each share and after each epoch."""
        if stage.dev is None:
            return 0.0
        return stage.times_dev_is_answered * self._seconds_of_answers(stage.dev.examples, stage.dev.decoding.beams)

    def decoding(self, plan: CellPlan) -> float:
        """Return the seconds of a model's start and of its answers, with transcripts if it reads these.

        Another recogniser than the model itself counts as if it were the model. Answers to the dev set with each of
        several prompts are added.
        """
        transcripts = 0.0 if plan.asking.transcribed_by is None else self._answers(Asked.WORDS)
        tried = 0.0
        if plan.dev is not None:
            tried = len(plan.prompts) * self._seconds_of_answers(plan.dev.examples, plan.dev.decoding.beams)
        return SECONDS_TO_START + (transcripts + tried + self._answers(plan.asking.asked)) / self.gpus

    def _answers(self, asked: Asked) -> float:
        """The seconds of answers to the test in batches, each as long as its longest; prompts are read once."""
        if asked not in self._answered:
            test, beams = [replace(row, asked=asked) for row in self._test], self.experiment.decoding.beams
            self._answered[asked] = self._seconds_of_answers(test, beams)
        return self._answered[asked]

    def _seconds_of_answers(self, examples: Sequence[Example], beams: int) -> float:
        size, decoding, shown = self._size, self.experiment.decoding, self._tokens(examples)
        prompts = 2 * (multiplied(size) * shown.row + size.parameters[Component.AUDIO_ENCODER] * shown.positions)
        starts = range(0, len(examples), decoding.batch_size)
        batches = [examples[start : start + decoding.batch_size] for start in starts]
        tokens = sum(max(self._tokens([row]).answer for row in batch) for batch in batches)
        head = size.vocabulary * size.width
        width = NF4_BYTES if self.experiment.architecture.precision == "nf4" else 2
        read = (multiplied(size) * width + head * 2) / self._bytes_per_second
        products = 2 * (multiplied(size) + head) * decoding.batch_size * beams / self._flop_per_second
        host = size.layers * LAUNCHES_A_TOKEN * SECONDS_A_LAUNCH
        return prompts / self._flop_per_second + tokens * max(read, products, host)

    def _tokens(self, examples: Sequence[Example]) -> Tokens:
        """The sums over examples, each of which is counted once for all stages."""
        size, task = self._size, self.experiment.task
        row = answer = positions = 0.0
        for example in examples:
            shown = id(example.utterance), id(example.recording), example.asked
            if (found := self._known.get(shown)) is None:
                states = 0.0 if example.recording is None else size.states.of(example.recording.seconds)
                found = Tokens(row_tokens(example, size, task), answer_tokens(example, task), states, example)
                self._known[shown] = found
            row, answer, positions = row + found.row, answer + found.answer, positions + found.positions
        return Tokens(row, answer, positions)

    @property
    def _flop_per_second(self) -> float:
        return SHARE_OF_PEAK * 1e12 * (self.gpu.teraflops or math.nan)

    @property
    def _bytes_per_second(self) -> float:
        return SHARE_OF_BANDWIDTH * 1e12 * (self.gpu.terabytes_per_second or math.nan)


def training_flop(size: Size, stage: Stage, training: Training, shown: Tokens) -> float:
    """Return the floating-point operations of a stage, two for each product of a weight and a state.

    The backward pass takes as many as the forward pass for the gradients of states, and as many again for those of
    weights, if these are trained; LoRA's own weights are negligible. The head computes answers alone. A frozen encoder
    has only a forward pass, once for all epochs where its states are kept. `shown` are the tokens of an epoch.
    """
    learns_weights = Component.LANGUAGE_MODEL in stage.trainable and training.lora is None
    passes = 2 + learns_weights
    body = multiplied(size) * (passes + training.recompute_activations) * shown.row
    head = size.vocabulary * size.width * passes * shown.answer
    is_kept = training.encoded_gb > 0 and bool(encoded_once(stage))
    encodings = 3 * stage.epochs if Component.AUDIO_ENCODER in stage.trainable else 1 if is_kept else stage.epochs
    encoder = size.parameters[Component.AUDIO_ENCODER] * encodings * shown.positions
    return 2 * (stage.epochs * (body + head) + encoder)


def multiplied(size: Size) -> float:
    """Return with how many parameters of the decoder's layers the state of one token is multiplied."""
    return size.wrapped + size.experts
