"""The training recipe: learning rate, clipping, weight decay, seeds and the order of epochs have their effect."""

import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from builders import pool, utterance
from eartune.data.example import Example, as_text
from eartune.files import read_lines
from eartune.models.architecture import Architecture
from eartune.models.audio_llm import AudioLLM
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import RowMaker
from eartune.settings import Lora, Training
from eartune.tasks.slu import SluTask
from eartune.training.callbacks import TrainingLog
from eartune.training.optimizer import make_optimizer
from eartune.training.stage import LANGUAGE_MODEL_ONLY, Stage
from eartune.training.trainer import plan_batches, train_stage
from tiny_models import tiny

TEXT = as_text(pool(10))
LABELS = SluTask().labels(pool(1))
LONGER_AND_LONGER = as_text([utterance(f"u{n}", "wake me " * n) for n in range(1, 5)])


def stage(
    examples: tuple[Example, ...] = TEXT, epochs: int = 1, rate: float = 1e-3, warmup_ratio: float = 0.0
) -> Stage:
    return Stage("text", examples, epochs, rate, warmup_ratio, LANGUAGE_MODEL_ONLY)


def train(
    folder: Path,
    what: Stage,
    seed: int = 0,
    log_class: type[TrainingLog] = TrainingLog,
    model: AudioLLM | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """Train a tiny model and return the rows of its log."""
    model = model or tiny(Qwen2Audio)
    rows = RowMaker(model, SluTask(), LABELS, Architecture(type="qwen2-audio", checkpoint="pocket"))
    log = log_class(folder / "train.jsonl", lambda *_: None)
    train_stage(model, what, rows.to_learn, Training(**({"batch_size": 1} | settings)), seed, folder, log)
    return [row for _, row in read_lines(folder / "train.jsonl")]


def cosine(step: int, steps: int, warmup: int) -> float:
    """The share of the full rate at one step, counted from 0: it rises in a line, then falls as a cosine does."""
    if step < warmup:
        return step / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


@pytest.mark.parametrize(("warmup_ratio", "warmup"), [(0.0, 0), (0.3, 3)])
def test_the_learning_rate_rises_in_the_warmup_and_falls_as_a_cosine(
    tmp_path: Path, warmup_ratio: float, warmup: int
) -> None:
    found = [row["learning_rate"] for row in train(tmp_path, stage(rate=2e-3, warmup_ratio=warmup_ratio))]
    assert found == pytest.approx([2e-3 * cosine(step, 10, warmup) for step in range(10)])


class NormLog(TrainingLog):
    """A log that notes the norm of the gradient which the optimizer is given."""

    def on_pre_optimizer_step(
        self, args: object, state: object, control: object, *, model: torch.nn.Module, **kwargs: object
    ) -> None:
        gradients = [value.grad for value in model.parameters() if value.grad is not None]
        self.norm = torch.nn.utils.get_total_norm(gradients).item()
        with self.path.with_name("norms.txt").open("a") as norms:
            norms.write(f"{self.norm}\n")


@pytest.mark.parametrize("most", [0.01, 1e6])
def test_a_gradient_that_is_too_long_is_shortened_for_the_optimizer(tmp_path: Path, most: float) -> None:
    logged = [row["grad_norm"] for row in train(tmp_path, stage(TEXT[:2]), log_class=NormLog, max_grad_norm=most)]
    given = list(map(float, (tmp_path / "norms.txt").read_text().split()))
    assert min(logged) > 0.01  # the log has the norm before
    assert given == pytest.approx([min(norm, most) for norm in logged], rel=1e-3)


def weights(model: AudioLLM) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in model.components.trainable()])


def test_weight_decay_draws_every_weight_towards_zero(tmp_path: Path) -> None:
    """AdamW takes rate times decay of a weight off, whatever the gradient (arXiv 1711.05101)."""
    rate, decay = 1e-2, 0.5
    plain, decayed = tiny(Qwen2Audio), tiny(Qwen2Audio)
    plain.components.set_trainable(LANGUAGE_MODEL_ONLY)
    start = weights(plain)
    one_step = stage(TEXT[:1], rate=rate)
    train(tmp_path / "plain", one_step, model=plain)
    train(tmp_path / "decayed", one_step, model=decayed, weight_decay=decay)
    torch.testing.assert_close(weights(decayed) - weights(plain), -rate * decay * start, rtol=1e-3, atol=1e-6)


@pytest.mark.filterwarnings("ignore")  # of the library's own
def test_weight_decay_reaches_the_8_bit_optimizer() -> None:
    pytest.importorskip("torchao")
    model = tiny(Qwen2Audio)
    model.components.set_trainable(LANGUAGE_MODEL_ONLY)
    optimizer = make_optimizer(model.components, 1e-3, Training(optimizer="adamw-8bit", weight_decay=0.5))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.5]


def test_another_seed_shows_batches_in_another_order_and_the_same_seed_repeats(tmp_path: Path) -> None:
    first, again, other = (train(tmp_path / name, stage(), seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert first == again
    assert first != other


def test_another_seed_drops_out_other_units_and_the_same_seed_repeats(tmp_path: Path) -> None:
    """All examples make one batch, sorted by length, so that dropout is all that a seed can change."""
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        model = tiny(Qwen2Audio)
        model.lora.add(Lora(rank=2, dropout=0.5), seed=0)
        settings = {"lora": Lora(rank=2, dropout=0.5), "batch_size": 4}
        found.append(train(tmp_path / name, stage(LONGER_AND_LONGER, epochs=3), seed, model=model, **settings))
    first, again, other = found
    assert first == again
    assert first[0]["loss"] == other[0]["loss"]  # updates begin at zero, so that nothing is dropped yet
    assert first[-1]["loss"] != other[-1]["loss"]


def test_every_epoch_has_an_order_of_its_own() -> None:
    shown = [example.utterance.id for (example,) in plan_batches(stage(epochs=3), batch_size=1, seed=0)]
    epochs = [shown[:10], shown[10:20], shown[20:]]
    assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
    assert all((a == b) == (i == j) for (i, a), (j, b) in product(enumerate(epochs), repeat=2))
