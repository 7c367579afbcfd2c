"""Training: the same whatever the micro-batch, wherever it is cut, and in the order that was planned."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast, TrainerControl

from eartune.data.audio import write_audio
from eartune.data.example import Example, Modality
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance
from eartune.errors import InputError
from eartune.files import read_lines
from eartune.models.architecture import Architecture
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Row
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.registry import FAMILIES
from eartune.models.rows import RowMaker
from eartune.settings import Component, Lora, Training
from eartune.tasks.slu import Schema, SluTask
from eartune.training import trainer
from eartune.training.callbacks import TrainingLog
from eartune.training.micro_batches import limits_of, micro_batches
from eartune.training.optimizer import MasterAdamW
from eartune.training.stage import Stage
from eartune.training.trainer import (
    PickledBatches,
    PlannedBatches,
    load_weights,
    n_workers,
    plan_batches,
    save_weights,
    train_stage,
    unpickled,
)
from tiny_models import is_supported, tiny

INTENTS = Schema.of([SemanticFrame("one")])


@pytest.fixture
def examples(tmp_path: Path) -> tuple[Example, ...]:
    """Five typed and three spoken examples with answers of very different length."""
    found = []
    for i in range(8):
        entities = tuple(Entity("item", "word " * i) for _ in range(i % 3))
        utterance = Utterance(f"u{i}", f"say {i}", "en", SemanticFrame(f"intent{i}", entities))
        recording = None
        if i >= 5:
            path = tmp_path / f"{i}.wav"
            write_audio(path, np.random.default_rng(i).standard_normal(6000 + 900 * i).astype(np.float32) * 0.1)
            recording = Recording(path, 0.5)
        found.append(Example(utterance, recording))
    return tuple(found)


def stage(examples: tuple[Example, ...], epochs: int = 1, rate: float = 1e-3) -> Stage:
    return Stage("mixed", examples, epochs, rate, 0.0, tuple(Component))


class PowerCutError(Exception):
    """Stands for a power failure."""


class CutLog(TrainingLog):
    """A log after whose n-th step the power fails; checkpoints are taken at every step."""

    def __init__(self, path: Path, cut_after: int) -> None:
        super().__init__(path, lambda *_: None, checkpoint_seconds=0.0)
        self.cut_after = cut_after

    def on_step_begin(self, args: object, state: object, control: TrainerControl, **kwargs: object) -> None:
        if state.global_step == self.cut_after:  # type: ignore[attr-defined]
            raise PowerCutError


def train(model: AudioLLM, what: Stage, folder: Path, log: TrainingLog | None = None, **settings: object) -> None:
    rows = RowMaker(model, SluTask(), INTENTS, Architecture(type="qwen2-audio", checkpoint="pocket"))
    training = Training(**({"batch_size": 8, "micro_batch_size": 8} | settings))
    train_stage(
        model, what, rows.to_learn, training, 0, folder, log or TrainingLog(folder / "train.jsonl", lambda *_: None)
    )


def weights(model: AudioLLM) -> torch.Tensor:
    return torch.cat([value.detach().flatten().float() for value in model.module.parameters()])


def test_one_step_is_the_same_for_8x1_4x2_2x4_and_1x8(examples: tuple[Example, ...], tmp_path: Path) -> None:
    """Stock Qwen2-Audio under the stock trainer: the gradient is four times too large at 2x4."""
    spoken = tuple(example for example in examples for _ in range(1) if example.modality is Modality.SPEECH)
    typed = tuple(example for example in examples if example.modality is Modality.TEXT)
    for group in (typed, spoken):
        start = weights(tiny(Qwen2Audio))
        updates, norms = [], []
        for micro in (8, 4, 2, 1):
            model = tiny(Qwen2Audio)
            folder = tmp_path / f"{group[0].modality}-{micro}"
            train(model, stage(group), folder, micro_batch_size=micro, max_grad_norm=1e9)
            updates.append(weights(model) - start)
            norms.append(next(read_lines(folder / "train.jsonl"))[1]["grad_norm"])
        assert all(abs(norm / norms[0] - 1) < 1e-4 for norm in norms)
        # AdamW's first step is nearly the sign of the gradient, so compare it where the gradient is not rounding noise.
        for update in updates[1:]:
            assert (torch.sign(update) == torch.sign(updates[0])).float().mean() > 0.999


def typed_and_spoken(model: AudioLLM, examples: tuple[Example, ...]) -> list[Row]:
    rows = RowMaker(model, SluTask(), INTENTS, Architecture(type="qwen2-audio", checkpoint="pocket"))
    return [rows.to_learn(example) for example in examples]


@pytest.mark.parametrize("most_positions", [None, 1, 300, 500, 10_000])
@pytest.mark.parametrize("most_rows", [1, 3, 8])
def test_micro_batches_hold_every_row_once_and_keep_to_what_is_allowed(
    examples: tuple[Example, ...], most_rows: int, most_positions: int | None
) -> None:
    model = tiny(Qwen2Audio)
    rows = typed_and_spoken(model, examples)
    limits = limits_of(Training(micro_batch_size=most_rows, micro_batch_tokens=most_positions), model)
    found = micro_batches(rows, model.n_positions, limits)
    assert sorted(map(id, (row for some in found for row in some))) == sorted(map(id, rows))
    shapes = [tuple(model.collate(some).input_ids.shape) for some in found]
    assert all(n <= most_rows and (n == 1 or n * width <= (most_positions or math.inf)) for n, width in shapes)
    for (n, _), (_, longer) in pairwise(shapes):  # one row more would have been too many
        assert n == most_rows or (n + 1) * longer > (most_positions or math.inf)


def test_by_length_both_modalities_go_from_short_to_long_side_by_side(tmp_path: Path) -> None:
    typed = [Example(Utterance(f"u{n}", "word" * n, "en", SemanticFrame("a"))) for n in (5, 1, 4, 2, 3, 6)]
    heard = [
        Example(Utterance(f"s{n}", None, "en", SemanticFrame("a")), Recording(tmp_path / "a.wav", float(n)))
        for n in (3, 1, 2)
    ]
    what = replace(stage((*typed, *heard), epochs=2), order="by-length")
    batches = [[example.utterance.id for example in batch] for batch in plan_batches(what, 2, 0)]
    for epoch in (batches[:5], batches[5:]):
        assert [batch for batch in epoch if batch[0].startswith("u")] == [["u1", "u2"], ["u3", "u4"], ["u5", "u6"]]
        assert [batch for batch in epoch if batch[0].startswith("s")] == [["s1", "s2"], ["s3"]]
        assert [batch[0][0] for batch in epoch] == ["u", "s", "u", "u", "s"]


def test_a_rows_length_is_known_before_it_is_padded(examples: tuple[Example, ...]) -> None:
    model = tiny(Qwen2Audio)
    for row in typed_and_spoken(model, examples):
        assert model.n_positions(row) == model.collate([row]).input_ids.shape[1]


def test_losses_and_gradients_are_the_same_whatever_the_budget_of_positions(
    examples: tuple[Example, ...], tmp_path: Path
) -> None:
    found = []
    for budget in (None, 10_000, 400, 1):
        folder = tmp_path / str(budget)
        train(tiny(Qwen2Audio), stage(examples, epochs=2), folder, micro_batch_tokens=budget)
        found.append([(row["loss"], row["grad_norm"]) for _, row in read_lines(folder / "train.jsonl")])
    assert all(torch.allclose(torch.tensor(other), torch.tensor(found[0]), rtol=1e-4) for other in found[1:])


def losses(folder: Path) -> list[float]:
    return [row["loss"] for _, row in read_lines(folder / "train.jsonl")]


def test_what_workers_read_ahead_trains_the_same_and_goes_on_where_it_was_cut(
    examples: tuple[Example, ...], tmp_path: Path
) -> None:
    alone, helped, cut, resumed = (tiny(Qwen2Audio) for _ in range(4))
    for model in (alone, helped, cut, resumed):
        model.lora.add(Lora(rank=2, dropout=0.3), seed=0)  # draws from the state that workers must leave alone
    plan = stage(examples, epochs=3)
    train(alone, plan, tmp_path / "alone", batch_size=3, workers=0)
    train(helped, plan, tmp_path / "helped", batch_size=3, workers=2)
    assert losses(tmp_path / "helped") == losses(tmp_path / "alone")
    with pytest.raises(PowerCutError):
        train(cut, plan, tmp_path / "cut", CutLog(tmp_path / "cut" / "train.jsonl", 4), batch_size=3, workers=2)
    train(resumed, plan, tmp_path / "cut", batch_size=3, workers=2)
    assert losses(tmp_path / "cut") == losses(tmp_path / "alone")
    assert torch.equal(weights(resumed), weights(alone))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_recording_that_is_gone_is_one_sentence_from_a_worker_too(
    examples: tuple[Example, ...], tmp_path: Path, workers: int
) -> None:
    gone = examples[-1].recording
    assert gone is not None
    gone.path.unlink()
    with pytest.raises(InputError) as found:
        train(tiny(Qwen2Audio), stage(examples), tmp_path / "out", workers=workers)
    assert str(found.value) == f"{gone.path}: no such recording"


def test_workers_hand_over_nothing_in_shared_memory(examples: tuple[Example, ...]) -> None:
    """Tensors in a queue lie in /dev/shm, which has 64 MB in many containers."""
    model = tiny(Qwen2Audio)
    rows = RowMaker(model, SluTask(), INTENTS, Architecture(type="qwen2-audio", checkpoint="pocket"))
    batches = PlannedBatches([examples[5:]], rows.to_learn, model, Training())
    item = PickledBatches(batches)[0]
    assert isinstance(item, bytes)
    (batch,), (same,) = unpickled(item).micro_batches, batches[0].micro_batches
    assert batch.mel is not None and same.mel is not None and torch.equal(batch.mel, same.mel)


def test_without_workers_batches_are_handed_over_as_they_are(
    examples: tuple[Example, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were pickled and unpickled in one process."""
    monkeypatch.setattr(trainer, "pickle", None)
    train(tiny(Qwen2Audio), stage(examples), tmp_path, workers=0)
    assert len(losses(tmp_path)) == 2  # a batch of text, and one of speech


def test_a_row_is_tokenized_once(examples: tuple[Example, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """It was once to know its length, and again to make its batch."""
    model = tiny(Qwen2Audio)
    tokenized: list[str] = []
    stock = PreTrainedTokenizerFast.__call__

    def counting(self: Any, text: str, **settings: Any) -> Any:
        tokenized.append(text)
        return stock(self, text, **settings)

    monkeypatch.setattr(PreTrainedTokenizerFast, "__call__", counting)
    rows = RowMaker(model, SluTask(), INTENTS, Architecture(type="qwen2-audio", checkpoint="pocket"))
    batch = PlannedBatches([examples], rows.to_learn, model, Training(micro_batch_size=3))[0]
    assert len(batch.micro_batches) == 3
    assert len(tokenized) == 3 * len(examples)  # the prompt before its content, the prompt behind it, the answer


def test_nobody_reads_ahead_on_a_cpu_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for has_gpu, expected in ((False, 0), (True, 2)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda has_gpu=has_gpu: has_gpu)
        assert n_workers(Training()) == expected
        assert n_workers(Training(workers=1)) == 1


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if is_supported(family)])
def test_a_cut_run_goes_on_to_the_same_weights(examples: tuple[Example, ...], tmp_path: Path, family: str) -> None:
    whole, cut, resumed = (tiny(FAMILIES[family]) for _ in range(3))
    plan = stage(examples, epochs=2)
    train(whole, plan, tmp_path / "whole", batch_size=3)
    with pytest.raises(PowerCutError):
        train(cut, plan, tmp_path / "cut", CutLog(tmp_path / "cut" / "train.jsonl", 4), batch_size=3)
    train(resumed, plan, tmp_path / "cut", batch_size=3)
    assert torch.equal(weights(resumed), weights(whole))
    steps = [row["step"] for _, row in read_lines(tmp_path / "cut" / "train.jsonl")]
    assert steps == list(range(1, 7))


def test_recomputed_activations_train_the_same_weights(examples: tuple[Example, ...], tmp_path: Path) -> None:
    kept, recomputed = tiny(Qwen2Audio), tiny(Qwen2Audio)
    start = weights(kept)
    train(kept, stage(examples), tmp_path / "kept")
    train(recomputed, stage(examples), tmp_path / "recomputed", recompute_activations=True)
    assert any(getattr(part, "gradient_checkpointing", False) for part in recomputed.module.modules())
    torch.testing.assert_close(weights(recomputed), weights(kept), rtol=1e-5, atol=1e-7)
    assert not torch.equal(weights(kept), start)


def test_a_component_learns_at_its_own_rate(examples: tuple[Example, ...], tmp_path: Path) -> None:
    """The first step of Adam is as long as the rate, whatever the gradient."""

    def moved(**settings: object) -> float:
        model = tiny(Qwen2Audio)
        adapter = model.module.get_submodule("model.multi_modal_projector.linear")
        start = adapter.weight.detach().clone()
        spoken = tuple(example for example in examples if example.modality is Modality.SPEECH)
        train(model, stage(spoken), tmp_path / str(len(settings)), batch_size=len(spoken), **settings)
        return float((adapter.weight.detach() - start).abs().mean())

    assert moved(rate_factors={"modality-adapter": 10}) == pytest.approx(10 * moved(), rel=0.01)


@pytest.mark.filterwarnings("ignore")  # of the library's own
def test_eight_bit_moments_learn_and_go_on_where_they_were_cut(examples: tuple[Example, ...], tmp_path: Path) -> None:
    pytest.importorskip("torchao")
    plan = stage(examples, epochs=3)
    whole, cut, resumed = (tiny(Qwen2Audio) for _ in range(3))
    with torch.compiler.set_stance("force_eager"):  # compiling its step takes longer than all of this
        train(whole, plan, tmp_path / "whole", batch_size=3, optimizer="adamw-8bit")
        with pytest.raises(PowerCutError):
            log = CutLog(tmp_path / "cut" / "train.jsonl", 4)
            train(cut, plan, tmp_path / "cut", log, batch_size=3, optimizer="adamw-8bit")
        train(resumed, plan, tmp_path / "cut", batch_size=3, optimizer="adamw-8bit")
    losses = [row["loss"] for _, row in read_lines(tmp_path / "whole" / "train.jsonl")]
    assert losses[-1] < losses[0]
    assert torch.equal(weights(resumed), weights(whole))


def test_weights_files_hold_what_was_trained_in_any_stage(tmp_path: Path) -> None:
    model = tiny(Qwen2Audio)
    model.lora.add(Lora(rank=2), seed=0)
    model.components.set_trainable((Component.MODALITY_ADAPTER,))
    model.components.set_trainable((Component.LANGUAGE_MODEL,))
    with torch.no_grad():
        for _, value in model.components.trained():
            value.add_(0.5)
    save_weights(model, tmp_path / "weights.safetensors")
    again = tiny(Qwen2Audio)
    again.lora.add(Lora(rank=2), seed=9)
    load_weights(again, tmp_path / "weights.safetensors")
    assert torch.equal(weights(again), weights(model))
    assert len(list(again.components.trained())) == 2 * 14 + 2  # LoRA pairs, and the adapter's weight and bias


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    model = tiny(Qwen2Audio)
    model.lora.add(Lora(rank=2), seed=0)
    model.components.set_trainable((Component.LANGUAGE_MODEL,))
    save_weights(model, tmp_path / "weights.safetensors")
    other_rank = tiny(Qwen2Audio)
    other_rank.lora.add(Lora(rank=3), seed=0)
    for other in (tiny(Qwen2Audio), other_rank):
        with pytest.raises(InputError, match=r"weights\.safetensors: is not of this model, which has no .*lora_A"):
            load_weights(other, tmp_path / "weights.safetensors")


def test_the_plan_shows_every_example_once_an_epoch_one_modality_a_batch(examples: tuple[Example, ...]) -> None:
    plan = plan_batches(stage(examples, epochs=2), batch_size=2, seed=1)
    assert all(len({example.modality for example in batch}) == 1 for batch in plan)
    shown = [example.utterance.id for batch in plan for example in batch]
    assert sorted(shown[:8]) == sorted(shown[8:]) == sorted(example.utterance.id for example in examples)
    assert plan == plan_batches(stage(examples, epochs=2), batch_size=2, seed=1)
    assert plan != plan_batches(stage(examples, epochs=2), batch_size=2, seed=2)


def test_bfloat16_weights_learn_at_the_papers_rate_only_through_masters() -> None:
    """Pure bfloat16 AdamW at 5e-6 rounds nearly every step away."""

    def moved(optimizer_class: type[torch.optim.Optimizer]) -> float:
        torch.manual_seed(0)
        parameter = torch.nn.Parameter((torch.randn(4000) * 0.02).bfloat16())
        start = parameter.detach().float().clone()
        optimizer = optimizer_class([parameter], lr=5e-6, weight_decay=0.0)  # type: ignore[call-arg]
        for _ in range(100):
            parameter.grad = torch.ones_like(parameter)
            optimizer.step()
            optimizer.zero_grad()
        return float((parameter.detach().float() - start).mean().abs())

    assert moved(MasterAdamW) == pytest.approx(100 * 5e-6, rel=0.1)
    assert moved(torch.optim.AdamW) < 0.2 * 100 * 5e-6


def test_the_optimizer_goes_on_from_its_saved_masters() -> None:
    def run(cut: bool) -> torch.Tensor:
        torch.manual_seed(0)
        parameter = torch.nn.Parameter(torch.randn(100).bfloat16())
        optimizer = MasterAdamW([parameter], lr=1e-4)
        for step in range(6):
            if cut and step == 3:
                saved = optimizer.state_dict()
                optimizer = MasterAdamW([parameter], lr=1e-4)
                optimizer.load_state_dict(saved)
            parameter.grad = torch.full_like(parameter, 0.1 * step)
            optimizer.step()
        return parameter.detach()

    assert torch.equal(run(cut=True), run(cut=False))
