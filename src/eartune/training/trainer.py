"""The one training loop of all schemes: a thin subclass of transformers.Trainer that trains one stage.

stage -> planned global batches -> micro-batches -> one loss over all their answer tokens -> one step

Several processes plan the same batches and deal out their rows; gradients are summed once a step.
"""

import logging
import multiprocessing
import os
import pickle
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from eartune.data.example import Example, Modality
from eartune.errors import InputError
from eartune.files import atomic, read_json, remove, write_json
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Batch, Row
from eartune.processes import ONE, Processes
from eartune.run_folder import CheckpointFolder, StageFolder
from eartune.settings import Training
from eartune.training.callbacks import TrainingLog
from eartune.training.distillation import taught_loss
from eartune.training.micro_batches import dealt_out, limits_of, micro_batches
from eartune.training.optimizer import (
    drop_gradients_of_others,
    give_out_weights,
    load_shares,
    make_optimizer,
    save_share,
)
from eartune.training.stage import Stage
from eartune.training.tracking import TrackedStage


class GlobalBatch(NamedTuple):
    """What one process computes of an optimizer step."""

    micro_batches: list[Batch]
    """Those of this process, which has none if others have all rows."""
    n_labels: int
    """The number of answer tokens of all processes, by which losses are divided."""


def train_stage(
    model: AudioLLM,
    stage: Stage,
    make_row: Callable[[Example], Row],
    settings: Training,
    seed: int,
    folder: Path,
    log: TrainingLog,
    callbacks: Sequence[TrainerCallback] = (),
    tracked: TrackedStage | None = None,
    processes: Processes = ONE,
) -> float:
    """Train the stage's trainable components in place and return how many seconds that took in all sessions.

    Training resumes from the last checkpoint in `folder`, if there is one, whatever number of processes saved it;
    `callbacks` are called after the log, and a tracker shows the losses of what is `tracked`. All processes have the
    same weights afterwards.
    """
    model.components.set_trainable(stage.trainable)
    if settings.recompute_activations:
        model.recompute_activations()
    plan = plan_batches(stage, settings.batch_size, seed)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # otherwise it warns about each worker process
    arguments = training_arguments(stage, settings, len(plan), seed, folder, tracked)
    batches = PlannedBatches(plan, make_row, model, settings, processes)
    trainer = StageTrainer(
        log,
        processes,
        model=Learner(model, stage.teacher_weight),
        args=arguments,
        train_dataset=PickledBatches(batches) if arguments.dataloader_num_workers else batches,
        data_collator=_the_only,
        optimizers=(make_optimizer(model.components, stage.learning_rate, settings, processes), None),
        callbacks=[log, *callbacks],
    )
    trainer.remove_callback(PrinterCallback)
    last = processes.of_first(lambda: last_checkpoint(StageFolder(folder)))
    log.earlier_seconds = 0.0 if last is None else read_json(last.seconds)["seconds"]
    trainer.train(resume_from_checkpoint=None if last is None else str(last.path))
    return log.seconds


def last_checkpoint(folder: StageFolder) -> CheckpointFolder | None:
    """Return the checkpoint that training goes on from; None if it begins anew."""
    complete = [found for found in folder.checkpoints() if found.is_complete and found.optimizer_shares]
    return complete[-1] if complete else None


def training_arguments(
    stage: Stage, settings: Training, n_steps: int, seed: int, folder: Path, tracked: TrackedStage | None = None
) -> TrainingArguments:
    """Return the settings of the library's trainer for a stage of `n_steps` optimizer steps."""
    # It would warn that it sees one process where torch knows of several: each trains as one process does.
    logging.getLogger("transformers.training_args").setLevel(logging.ERROR)
    reporting = {"report_to": "none"} if tracked is None else tracked.arguments
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,  # the plan holds every epoch
        per_device_train_batch_size=1,  # an item of the plan is a whole global batch
        learning_rate=stage.learning_rate,
        warmup_steps=round(stage.warmup_ratio * n_steps),
        lr_scheduler_type="cosine",
        max_grad_norm=settings.max_grad_norm,
        seed=seed,
        save_strategy="no",  # the log asks for a checkpoint every few minutes
        save_total_limit=1,
        logging_strategy="steps",
        logging_steps=1,
        **reporting,
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=n_workers(settings),
        use_cpu=not torch.cuda.is_available(),
    )
    arguments.report_to = [] if tracked is None else [tracked.tracker]  # the library adds Kubeflow in its jobs, unasked
    arguments._n_gpu = min(1, arguments.n_gpu)  # for several, DataParallel would split a planned batch
    return arguments


def n_workers(settings: Training) -> int:
    """Return how many worker processes read ahead: a GPU would wait for recordings, a CPU has no core to spare."""
    if settings.workers is not None:
        return settings.workers
    return 2 if torch.cuda.is_available() and "fork" in multiprocessing.get_all_start_methods() else 0


def plan_batches(stage: Stage, batch_size: int, seed: int) -> list[tuple[Example, ...]]:
    """Return the global batches of all epochs in their order: each holds one modality, and each epoch is shuffled anew.

    A batch of one modality needs no dummy audio for a frozen or idle encoder. By length, each modality has its short
    examples first, equal ones in an order that is drawn, and batches of both stand side by side from first to last.
    """
    draw = random.Random(seed)
    batches: list[tuple[Example, ...]] = []
    for _ in range(stage.epochs):
        epoch: list[tuple[float, tuple[Example, ...]]] = []
        for modality in Modality:
            examples = [example for example in stage.examples if example.modality is modality]
            draw.shuffle(examples)
            if stage.order == "by-length":
                examples.sort(key=attrgetter("length"))
            starts = range(0, len(examples), batch_size)
            epoch += [((i + batch_size / 2) / len(examples), tuple(examples[i : i + batch_size])) for i in starts]
        draw.shuffle(epoch)
        if stage.order == "by-length":
            epoch.sort(key=itemgetter(0))
        batches += [batch for _, batch in epoch]
    return batches if stage.augment is None else numbered(batches)


def numbered(batches: Sequence[tuple[Example, ...]]) -> list[tuple[Example, ...]]:
    """Return the batches, whose examples know how many times their recordings are shown before."""
    shown: Counter[tuple[int, int]] = Counter()

    def number(example: Example) -> Example:
        same = id(example.utterance), id(example.recording)
        shown[same] += 1
        return replace(example, showing=shown[same] - 1)

    return [tuple(map(number, batch)) for batch in batches]


class PlannedBatches(Dataset[GlobalBatch]):
    """The data set of a stage: an item is a global batch, as micro-batches of rows of about the same length.

    Every process makes all rows, as lengths and labels of all must be known, and micro-batches of its own rows.
    """

    def __init__(
        self,
        plan: Sequence[tuple[Example, ...]],
        make_row: Callable[[Example], Row],
        model: AudioLLM,
        settings: Training,
        processes: Processes = ONE,
    ) -> None:
        self.plan = plan
        self.make_row = make_row
        self.model = model
        self.processes = processes
        self.limits = limits_of(settings, model, processes.size)

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> GlobalBatch:
        rows = [self.model.tokenize(self.make_row(example)) for example in self.plan[index]]
        n_labels = sum(len(row.token_ids[1]) for row in rows if row.token_ids is not None)
        own = dealt_out(rows, self.model.n_positions, self.processes.size)[self.processes.rank]
        batches = micro_batches(own, self.model.n_positions, self.limits) if own else []
        return GlobalBatch([self.model.collate(some) for some in batches], n_labels)


class PickledBatches(Dataset[bytes]):
    """Global batches as bytes, which worker processes send through a pipe; input that is wrong comes as its InputError.

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


def unpickled(item: bytes) -> GlobalBatch:
    """Return the global batch of a worker; raises the InputError that came in its place."""
    found: GlobalBatch | InputError = pickle.loads(item)
    if isinstance(found, InputError):
        raise found
    return found


class Learner(nn.Module):
    """The module that the trainer trains: it takes a micro-batch and returns the summed loss of its answer tokens."""

    def __init__(self, audio_llm: AudioLLM, teacher_weight: float = 0.0) -> None:
        super().__init__()
        self.teacher_weight = teacher_weight
        self.module = audio_llm.module
        self.audio_llm = audio_llm

    def forward(self, batch: Batch) -> Tensor:
        """Return the loss summed over all label positions, a float32 scalar; without a teacher, the cross entropy."""
        hidden = self.audio_llm.hidden(batch)[:, :-1][batch.labels[:, 1:] != -100]
        return taught_loss(self.audio_llm.head(hidden), batch, self.teacher_weight)


class StageTrainer(Trainer):
    """`transformers.Trainer`, but the loss is divided by the number of labels of the whole global batch.

    The stock loss of Qwen2-Audio is a mean over each micro-batch, so its gradient grows with their number.
    """

    def __init__(self, training_log: TrainingLog, processes: Processes, **settings: Any) -> None:
        super().__init__(**settings)
        self.training_log = training_log
        self.processes = processes
        self.add_callback(SharedStep(self.model.audio_llm, processes))

    def training_step(self, model: nn.Module, inputs: GlobalBatch, num_items_in_batch: Any = None) -> Tensor:
        """Add up the gradients of one global batch, in which every label has the same weight; return its mean loss.

        Gradients and loss are of all processes. What is drawn for dropout depends on the seed, the step and the process
        alone, not on where training was cut. Raises ValueError if nothing is to be learned or the loss is not finite.
        """
        components, step = self.model.audio_llm.components, self.state.global_step + 1
        model.train()
        components.put_frozen_in_eval_mode()
        if inputs.n_labels == 0:
            raise ValueError("a batch without any answer to learn")
        torch.manual_seed(hash((self.args.seed, step, self.processes.rank)))
        total = torch.zeros((), device=self.args.device)
        for batch in inputs.micro_batches:
            loss = model(batch.to(self.args.device)) / inputs.n_labels
            self.accelerator.backward(loss)
            total += loss.detach()
        self.processes.add_up([total])
        if not torch.isfinite(total):
            raise ValueError(f"the loss is {total.item()} at step {step}; training stops here")
        self.processes.sum_gradients(list(components.trainable()))
        return total

    def get_train_dataloader(self) -> DataLoader[GlobalBatch | bytes]:
        """Return the planned batches in their order, made here or ahead of time by worker processes.

        Workers are forked, so that they have the tokenizer and the feature extractor without a copy of the weights.
        They use no weights, since a fork cannot use what lies on a GPU.
        """
        n = self.args.dataloader_num_workers
        context = "fork" if n else None
        return DataLoader(
            self.train_dataset,
            shuffle=False,
            collate_fn=_the_only,
            num_workers=n,
            multiprocessing_context=context,
            worker_init_fn=_end_with_the_run,
        )

    def get_batch_samples(self, epoch_iterator: Iterator[GlobalBatch | bytes], num_batches: int, device: Any) -> Any:
        """Return the next global batches; the labels of each are counted in its step."""
        items = islice(epoch_iterator, num_batches)
        return [unpickled(item) if isinstance(item, bytes) else item for item in items], None

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save each process's share of the optimizer, then all else, of which the library writes its state last."""
        started = self.training_log.clock()
        checkpoint = StageFolder(Path(self.args.output_dir)).checkpoint(self.state.global_step)
        self.processes.of_first(lambda: remove(checkpoint.path))  # other processes may have begun one here
        save_share(self.optimizer, checkpoint.optimizer_share(self.processes.rank))
        self.processes.wait_for_all()
        self.processes.of_first(lambda: super(StageTrainer, self)._save_checkpoint(model, trial))
        self.training_log.saved(self.training_log.clock() - started)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """Save the schedule; the optimizer is saved already."""
        torch.save(self.lr_scheduler.state_dict(), CheckpointFolder(Path(output_dir)).schedule)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            folder = CheckpointFolder(Path(checkpoint))
            load_shares(self.optimizer, folder.optimizer_shares)
            self.lr_scheduler.load_state_dict(torch.load(folder.schedule, weights_only=True))

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        checkpoint = CheckpointFolder(Path(output_dir or self.args.output_dir))
        write_json(checkpoint.seconds, {"seconds": self.training_log.seconds})  # so far: without this save
        save_weights(self.model.audio_llm, checkpoint.weights)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_weights(self.model.audio_llm, CheckpointFolder(Path(resume_from_checkpoint)).weights)


class SharedStep(TrainerCallback):
    """The callback by which each process steps its share of the weights, and has those of the others afterwards."""

    def __init__(self, model: AudioLLM, processes: Processes) -> None:
        self.model = model
        self.processes = processes

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait for processes that take longer to load a checkpoint than a sum within a step may take."""
        self.processes.wait_for_all()

    def on_pre_optimizer_step(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Free the memory of the gradients that this process does not step with."""
        drop_gradients_of_others(self.model.components, self.processes)

    def on_optimizer_step(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Give out the weights right after the step."""
        give_out_weights(self.model.components, self.processes)


def save_weights(model: AudioLLM, path: Path) -> None:
    """Save every parameter that trains now or did in an earlier stage; the file is written whole or not at all."""
    with atomic(path) as half_written:
        save_file({name: value.detach().contiguous().cpu() for name, value in model.components.trained()}, half_written)


def load_weights(model: AudioLLM, path: Path) -> None:
    """Load saved parameters into the model; raises InputError if it has none of that name and shape."""
    saved = load_file(path)
    known = dict(model.module.named_parameters())
    with torch.no_grad():
        for name, value in saved.items():
            if name not in known or known[name].shape != value.shape:
                raise InputError(f"{path}: is not of this model, which has no {name} of shape {tuple(value.shape)}")
            known[name].copy_(value)
    model.components.mark_trained(saved)


def saved_names(path: Path) -> list[str]:
    """Return the names of saved parameters, without reading their values."""
    with safe_open(path, "pt") as saved:
        return list(saved.keys())


def _end_with_the_run(worker: int) -> None:
    """End this worker process as soon as the run that started it is killed; it may wait for ever otherwise."""

    def watch() -> None:
        run = multiprocessing.parent_process()
        assert run is not None
        run.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _the_only(items: list[GlobalBatch | bytes]) -> GlobalBatch | bytes:
    """Return the one item of a list: an item of the data set is a batch already."""
    return items[0]
