"""Compare eartune with the stock recipe, on the same weights and data, in turns: python benchmarks/against_stock.py

The stock recipe is transformers' Trainer with the model's own processor (sound padded to 30 s), forward and loss, and
its `generate`; both get the same prompts, with the instruction after the content or before it. Writes
benchmarks/against_stock.json: examples per second (medians of the rounds), ratios with their range, and the differences
of losses of some training steps, or of answers, in float32.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from machine import flop_of, peak_on, timed
from mid_size import noise, our_model, pocket, requests, spoken, stock_model
from rich.console import Console
from rich.table import Table
from torch import Tensor
from transformers import Qwen2AudioProcessor, Trainer, TrainerCallback, TrainingArguments

from eartune.data.audio import SAMPLE_RATE, read_audio
from eartune.data.example import Example, Modality, as_text
from eartune.data.frame import SemanticFrame
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.models.architecture import Architecture
from eartune.models.batch import Row
from eartune.models.chat_format import InstructionPosition, Prompt, render
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.generation.generate import generate
from eartune.models.rows import RowMaker
from eartune.settings import Decoding, Training
from eartune.tasks.slu import Schema, SluTask, instruction
from eartune.training.callbacks import TrainingLog
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY, Stage
from eartune.training.trainer import Learner, train_stage

ROUNDS = 3
SPEECH_BATCH, TEXT_BATCH = 8, 16  # of a step; 30 s of padding take the stock recipe long
MICRO_BATCH = 8  # the Trainer's default; eartune chooses its own
STEPS = 2  # of a round; the first warms up
COMPARED_STEPS, COMPARED_ROWS = 5, 2
SECONDS_TO_DECODE, NEW_TOKENS, CLIPS = 3.0, 32, 8
RATE = 1e-5


def main() -> None:
    """Compare training on speech and on text, and greedy and beam search."""
    with tempfile.TemporaryDirectory() as folder:
        speech = spoken(requests(SPEECH_BATCH * STEPS), Path(folder))
        text = as_text(requests(TEXT_BATCH * STEPS))
        rows = [
            training_row("speech step", speech, "after", Path(folder)),
            training_row("speech step", speech, "before", Path(folder)),
            training_row("text step", text, "after", Path(folder)),
            training_row("text step", text, "before", Path(folder)),
            decoding_row("answers, greedy", 1, "after"),
            decoding_row("answers, greedy", 1, "before"),
            decoding_row("answers, 3 beams", 3, "after"),
            decoding_row("answers, 3 beams", 3, "before"),
        ]
    write_json(
        Path(__file__).with_suffix(".json"),
        {"rows": rows, "peak, TFLOP/s": round(peak() / 1e12, 3), "made_with": made_with()},
    )
    table = Table(*rows[0], box=None)
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=120).print(table)


# --- training ------------------------------------------------------------------------------------------------------


def training_row(
    name: str, examples: Sequence[Example], instructed: InstructionPosition, folder: Path
) -> dict[str, Any]:
    """Measure examples per second of both in turns."""
    stock, ours, batch = [], [], len(examples) // STEPS
    for number in range(ROUNDS):
        stock.append(train_stock(examples, instructed, batch, folder / f"stock-{name}-{instructed}-{number}"))
        ours.append(train_ours(examples, instructed, batch, folder / f"ours-{name}-{instructed}-{number}"))
    share = of_peak(ours, step_flop(examples[:batch], instructed) / batch)
    return row_of(name, instructed, stock, ours, loss_difference(examples, instructed)) | share


class Clock(TrainerCallback):
    """A callback that records the time at the end of each step."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.times: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Record the time."""
        self.times.append(time.perf_counter())

    def rate(self) -> float:
        """Return examples per second between the ends of the first and last step, with the loading of data."""
        return self.batch * (len(self.times) - 1) / (self.times[-1] - self.times[0])


class TimedLog(TrainingLog):
    """eartune's training log, which also records the times of steps."""

    def __init__(self, path: Path, steps: Clock) -> None:
        super().__init__(path, lambda *_: None)
        self.steps = steps

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Record the time."""
        self.steps.on_step_end(args, state, control)


def train_ours(
    examples: Sequence[Example],
    instructed: InstructionPosition,
    batch: int,
    folder: Path,
    dtype: torch.dtype = torch.bfloat16,
) -> float:
    """Train a stage as `eartune run` does; return examples per second."""
    clock = Clock(batch)
    trainable = EVERYTHING if examples[0].modality is Modality.SPEECH else LANGUAGE_MODEL_ONLY
    stage = Stage("one", tuple(examples), 1, RATE, 0, trainable)
    model = our_model(dtype)
    training = Training(batch_size=batch)
    rows = row_maker(model, instructed)
    train_stage(model, stage, rows.to_learn, training, 0, folder, TimedLog(folder / "log.jsonl", clock))
    return clock.rate()


def train_stock(examples: Sequence[Example], instructed: InstructionPosition, batch: int, folder: Path) -> float:
    """Train the stock model with transformers' Trainer; return examples per second."""
    clock = Clock(batch)
    model = stock_model()
    if examples[0].modality is Modality.TEXT:
        model.model.audio_tower.requires_grad_(False)
        model.model.multi_modal_projector.requires_grad_(False)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=MICRO_BATCH,
        gradient_accumulation_steps=batch // MICRO_BATCH,
        learning_rate=RATE,
        lr_scheduler_type="cosine",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=not torch.cuda.is_available(),
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=list(examples),  # type: ignore[arg-type]
        data_collator=lambda some: stock_batch(pocket(), instructed, some),
        callbacks=[clock],
    )
    trainer.train()
    return clock.rate()


def step_flop(examples: Sequence[Example], instructed: InstructionPosition) -> int:
    """Return the floating-point operations of our step over some examples."""
    model, rows = our_model(), row_maker(pocket(), instructed)
    speech = examples[0].modality is Modality.SPEECH
    model.components.set_trainable(EVERYTHING if speech else LANGUAGE_MODEL_ONLY)
    batch = model.collate([rows.to_learn(example) for example in examples])
    return flop_of(lambda: Learner(model)(batch).backward())


def stock_batch(
    ours: Qwen2Audio,
    instructed: InstructionPosition,
    examples: Sequence[Example],
    dtype: torch.dtype = torch.bfloat16,
) -> dict[str, Tensor]:
    """Return the processor's batch of prompts, answers and sounds, with labels on answers alone."""
    processor = Qwen2AudioProcessor(ours.extractor, ours.tokenizer)
    maker = row_maker(ours, instructed)
    texts, answers, waves = [], [], []
    for example in examples:
        row = maker.to_learn(example)
        placeholder = ours.tokenizer.convert_ids_to_tokens(ours.audio_token_id) if row.clip else ""
        answers.append(f"{row.answer}{ours.chat.answer_end}")
        texts.append(row.prompt.before + placeholder + row.prompt.after + answers[-1])
        if example.recording is not None:
            waves.append(read_audio(example.recording.path))
    batch = dict(
        processor(text=texts, audio=waves or None, sampling_rate=SAMPLE_RATE, return_tensors="pt", padding=True)
    )
    labels = torch.full_like(batch["input_ids"], -100)
    for place, answer in enumerate(answers):
        n_tokens = len(ours.tokenizer(answer, add_special_tokens=False)["input_ids"])
        labels[place, -n_tokens:] = batch["input_ids"][place, -n_tokens:]
    if "input_features" in batch:
        batch["input_features"] = batch["input_features"].to(dtype)
    return batch | {"labels": labels}


def row_maker(model: Qwen2Audio, instructed: InstructionPosition) -> RowMaker:
    """Return the maker of rows with the prompts of `eartune run`."""
    architecture = Architecture(type="qwen2-audio", checkpoint="pocket", instruction=instructed)
    return RowMaker(model, SluTask(), Schema.of([SemanticFrame.of("any", "scenario")]), architecture)


def loss_difference(examples: Sequence[Example], instructed: InstructionPosition) -> float:
    """Return the largest difference between both losses over some steps in float32, with the same rows in each."""
    ours, stock = our_model(torch.float32).model, stock_model(torch.float32)
    face = Qwen2Audio(ours, pocket().tokenizer, pocket().extractor)
    rows = row_maker(face, instructed)
    optimizers = [torch.optim.AdamW(model.parameters(), lr=10 * RATE) for model in (ours, stock)]
    differences = []
    for first in range(0, COMPARED_STEPS * COMPARED_ROWS, COMPARED_ROWS):
        some = examples[first : first + COMPARED_ROWS]
        batch = face.collate([rows.to_learn(example) for example in some])
        losses = [
            Learner(face)(batch) / (batch.labels != -100).sum(),
            stock(**stock_batch(face, instructed, some, torch.float32)).loss,
        ]
        for loss, optimizer in zip(losses, optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        differences.append(abs(losses[0].item() - losses[1].item()))
    return max(differences)


# --- answers -------------------------------------------------------------------------------------------------------


def decoding_row(name: str, beams: int, instructed: InstructionPosition) -> dict[str, Any]:
    """Measure clips per second of both in turns; random weights never end an answer, so all are equally long."""
    ours, stock = our_model(), stock_model().eval()
    ours.module.eval()
    stock_rates, our_rates = [], []
    for _ in range(ROUNDS):
        stock_rates.append(CLIPS / timed(lambda: answers_of_stock(stock, ours, beams, instructed)))
        our_rates.append(CLIPS / timed(lambda: answers_of_ours(ours, beams, instructed)))
    precise, precise_stock = our_model(torch.float32), stock_model(torch.float32).eval()
    precise.module.eval()
    mine = answers_of_ours(precise, beams, instructed)
    theirs = answers_of_stock(precise_stock, precise, beams, instructed)
    differing = sum(a != b for a, b in zip(mine, theirs, strict=True)) / CLIPS
    share = of_peak(our_rates, flop_of(lambda: answers_of_ours(ours, beams, instructed)) / CLIPS)
    return row_of(name, instructed, stock_rates, our_rates, differing) | share


@torch.no_grad()
def answers_of_ours(model: Qwen2Audio, beams: int, instructed: InstructionPosition) -> list[str]:
    """Decode waves to text with eartune."""
    rows = [
        Row(asked(model, instructed), model.features(noise(SECONDS_TO_DECODE, seed)), None) for seed in range(CLIPS)
    ]
    decoding = Decoding(beams=beams, max_new_tokens=NEW_TOKENS)
    return generate(model, model.collate(rows), decoding)


@torch.no_grad()
def answers_of_stock(stock: Any, ours: Qwen2Audio, beams: int, instructed: InstructionPosition) -> list[str]:
    """Decode waves to text with the processor and transformers' `generate`."""
    processor = Qwen2AudioProcessor(ours.extractor, ours.tokenizer)
    placeholder = ours.tokenizer.convert_ids_to_tokens(ours.audio_token_id)
    prompt = asked(ours, instructed)
    texts = [prompt.before + placeholder + prompt.after] * CLIPS
    waves = [noise(SECONDS_TO_DECODE, seed) for seed in range(CLIPS)]
    batch = dict(processor(text=texts, audio=waves, sampling_rate=SAMPLE_RATE, return_tensors="pt", padding=True))
    batch["input_features"] = batch["input_features"].to(next(stock.parameters()).dtype)
    written = stock.generate(
        **batch,
        num_beams=beams,
        max_new_tokens=NEW_TOKENS,
        do_sample=False,
        suppress_tokens=[ours.audio_token_id],
        pad_token_id=ours.tokenizer.pad_token_id,
        eos_token_id=ours.tokenizer.convert_tokens_to_ids(ours.chat.answer_end),
    )
    new = written[:, batch["input_ids"].shape[1] :]
    return [text.strip() for text in ours.tokenizer.batch_decode(new, skip_special_tokens=True)]


def asked(model: Qwen2Audio, instructed: InstructionPosition) -> Prompt:
    """Return the instruction for a clip."""
    return render(model.chat, instruction(True), None, instructed)


# --- both ----------------------------------------------------------------------------------------------------------


def row_of(
    name: str, instructed: InstructionPosition, stock: Sequence[float], ours: Sequence[float], apart: float
) -> dict[str, Any]:
    """Return the medians and ratios of the rounds' rates."""
    ratios = [our / their for our, their in zip(ours, stock, strict=True)]
    return {
        "what": name,
        "instruction": instructed,
        "stock, a second": round(statistics.median(stock), 3),
        "ours, a second": round(statistics.median(ours), 3),
        "ratio": round(statistics.median(ratios), 2),
        "lowest": round(min(ratios), 2),
        "highest": round(max(ratios), 2),
        "apart": round(apart, 7),
    }


def of_peak(rates: Sequence[float], flop: float) -> dict[str, float]:
    """Return the share of the machine's peak that examples a second make, each of which multiplies `flop`."""
    return {"ours, of peak": round(statistics.median(rates) * flop / peak(), 3)}


@cache
def peak() -> float:
    """Return the highest rate of products of this model's shapes on this machine, in FLOP a second."""
    return peak_on([(1024, 1024, 3072), (1024, 1024, 5632), (1024, 2816, 1024)])


if __name__ == "__main__":
    main()
