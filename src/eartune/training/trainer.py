"""One loop for all schemes: a thin subclass of transformers.Trainer that trains one stage.

stage -> planned global batches -> micro-batches -> one loss over all their answer tokens -> one step
"""

import math
import multiprocessing
import os
import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from eartune.data.example import Example, Modality
from eartune.errors import InputError
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Batch, Row
from eartune.settings import Training
from eartune.training.names import WEIGHTS
from eartune.training.optimizer import make_optimizer
from eartune.training.schemes import Stage

GlobalBatch = list[Batch]


def train_stage(
    model: AudioLLM,
    stage: Stage,
    make_row: Callable[[Example], Row],
    settings: Training,
    seed: int,
    folder: Path,
    journal: TrainerCallback,
) -> None:
    """Train the stage's trainable components in place; checkpoints in `folder` are taken up if there are any.

    One process: on several, each would take other global batches, so that is refused.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("eartune trains in one process; start it without torchrun or accelerate launch")
    model.components.set_trainable(stage.trainable)
    if settings.recompute_activations:
        model.recompute_activations()
    plan = plan_batches(stage, settings.batch_size, seed)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # rows go one by one; it would warn of each worker
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,  # the plan holds every epoch
        per_device_train_batch_size=1,  # an item of the plan is a whole global batch
        learning_rate=stage.learning_rate,
        warmup_steps=round(stage.warmup_ratio * len(plan)),
        lr_scheduler_type="cosine",
        max_grad_norm=settings.max_grad_norm,
        seed=seed,
        save_strategy="no",  # the journal asks for a checkpoint every few minutes
        save_total_limit=1,
        logging_strategy="steps",
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=n_workers(settings),
        use_cpu=not torch.cuda.is_available(),
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # several would bring DataParallel, which cannot split a planned batch
    trainer = StageTrainer(
        model=Learner(model),
        args=arguments,
        train_dataset=Packed(PlannedBatches(plan, make_row, model, settings)),
        data_collator=_only,
        optimizers=(make_optimizer(model.components, stage.learning_rate, settings), None),
        callbacks=[journal],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=_last_checkpoint(folder))


def n_workers(settings: Training) -> int:
    """How many processes read ahead: a GPU would wait for recordings, a CPU has no core to spare."""
    if settings.workers is not None:
        return settings.workers
    return 2 if torch.cuda.is_available() and "fork" in multiprocessing.get_all_start_methods() else 0


def plan_batches(stage: Stage, batch_size: int, seed: int) -> list[tuple[Example, ...]]:
    """Every global batch of every epoch, in order: one modality each, shuffled.

    Batches of one modality need no dummy audio on any process.
    """
    draw = random.Random(seed)
    batches = []
    for _ in range(stage.epochs):
        epoch = []
        for modality in Modality:
            examples = [example for example in stage.examples if example.modality is modality]
            draw.shuffle(examples)
            epoch += [tuple(examples[i : i + batch_size]) for i in range(0, len(examples), batch_size)]
        draw.shuffle(epoch)
        batches += epoch
    return batches


class PlannedBatches(Dataset[GlobalBatch]):
    """The plan as a dataset whose items are global batches, cut into micro-batches of rows of like length."""

    def __init__(
        self,
        plan: Sequence[tuple[Example, ...]],
        make_row: Callable[[Example], Row],
        model: AudioLLM,
        settings: Training,
    ) -> None:
        self.plan = plan
        self.make_row = make_row
        self.model = model
        self.settings = settings

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> GlobalBatch:
        rows = [self.make_row(example) for example in self.plan[index]]
        return [self.model.collate(some) for some in micro_batches(rows, self.model.n_positions, self.settings)]


def micro_batches(rows: Sequence[Row], n_positions: Callable[[Row], int], settings: Training) -> list[list[Row]]:
    """The rows by length, as many together as the settings allow; one that is too long for them goes alone."""
    most_rows, most_positions = settings.micro_batch_size, settings.micro_batch_tokens or math.inf
    batches: list[list[Row]] = [[]]
    for length, row in sorted(((n_positions(row), row) for row in rows), key=itemgetter(0)):
        n_rows = len(batches[-1]) + 1
        if n_rows > 1 and (n_rows > most_rows or n_rows * length > most_positions):  # this row is the longest so far
            batches.append([])
        batches[-1].append(row)
    return batches


class Packed(Dataset[bytes]):
    """Global batches, or what is wrong with the input, as bytes, in which workers hand them over through a pipe.

    Tensors would go through /dev/shm, which containers keep small, and an error would come with a trace in its message.
    """

    def __init__(self, batches: PlannedBatches) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> bytes:
        try:
            return pickle.dumps(self.batches[index])
        except InputError as error:
            return pickle.dumps(error)


def unpacked(item: bytes) -> GlobalBatch:
    """The global batch; raises the InputError that came in its place."""
    found: GlobalBatch | InputError = pickle.loads(item)
    if isinstance(found, InputError):
        raise found
    return found


class Learner(nn.Module):
    """An audio LLM as the trainer sees it: a micro-batch in, the sum of its answer tokens' losses out."""

    def __init__(self, audio_llm: AudioLLM) -> None:
        super().__init__()
        self.module = audio_llm.module
        self.audio_llm = audio_llm

    def forward(self, batch: Batch) -> Tensor:
        """Cross entropy in float32 over label positions only, summed."""
        answers = batch.labels[:, 1:] != -100
        hidden = self.audio_llm.hidden(batch)[:, :-1][answers]
        return cross_entropy(self.audio_llm.head(hidden).float(), batch.labels[:, 1:][answers], reduction="sum")


class StageTrainer(Trainer):
    """`transformers.Trainer`, but the loss is divided by the number of labels of the whole global batch.

    The stock loss of Qwen2-Audio is a mean over each micro-batch, so its gradient grows with their number.
    """

    def training_step(self, model: nn.Module, inputs: GlobalBatch, num_items_in_batch: Any = None) -> Tensor:
        """Gradients of one global batch; the micro-batches differ in size but not in weight per label."""
        model.train()
        self.model.audio_llm.components.put_frozen_in_eval_mode()
        n_labels = sum(int((batch.labels[:, 1:] != -100).sum()) for batch in inputs)
        if n_labels == 0:
            raise ValueError("a batch without any answer to learn")
        total = torch.zeros((), device=self.args.device)
        for batch in inputs:
            loss = model(batch.to(self.args.device)) / n_labels
            self.accelerator.backward(loss)
            total += loss.detach()
        if not torch.isfinite(total):
            raise ValueError(f"the loss is {total.item()} at step {self.state.global_step + 1}; training stops here")
        return total

    def get_train_dataloader(self) -> DataLoader[bytes]:
        """The plan, in its own order, read ahead by workers.

        They are forked, so that they have the tokenizer and the extractor without a copy of the weights; of these they
        touch none, since what CUDA holds cannot be used in a fork.
        """
        n = self.args.dataloader_num_workers
        context = "fork" if n else None
        return DataLoader(
            self.train_dataset, shuffle=False, collate_fn=_only, num_workers=n, multiprocessing_context=context
        )

    def get_batch_samples(self, epoch_iterator: Iterator[bytes], num_batches: int, device: Any) -> Any:
        """The next global batches; the labels of each are counted in its step."""
        return [unpacked(item) for item in islice(epoch_iterator, num_batches)], None

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.model.audio_llm, folder / WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_weights(self.model.audio_llm, Path(resume_from_checkpoint) / WEIGHTS)


def save_weights(model: AudioLLM, path: Path) -> None:
    """Every parameter that is, or in an earlier stage was, trained; written whole or not at all."""
    half_done = path.with_suffix(".part")
    save_file({name: value.detach().contiguous().cpu() for name, value in model.components.trained()}, half_done)
    half_done.replace(path)


def load_weights(model: AudioLLM, path: Path) -> None:
    """Put saved parameters back; raises InputError where the model has none of that name and shape."""
    known = dict(model.module.named_parameters())
    saved = load_file(path)
    with torch.no_grad():
        for name, value in saved.items():
            if name not in known or known[name].shape != value.shape:
                raise InputError(f"{path}: is not of this model, which has no {name} of shape {tuple(value.shape)}")
            known[name].copy_(value)
    model.components.mark_trained(saved)


def _last_checkpoint(folder: Path) -> str | None:
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    whole = [path for path in checkpoints if (path / "trainer_state.json").exists() and (path / WEIGHTS).exists()]
    return str(whole[-1]) if whole else None


def _only(items: list[bytes]) -> bytes:
    return items[0]
