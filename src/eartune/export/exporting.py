"""Export: trained model -> merged weights -> hub layout and card -> same logits in plain transformers -> renamed."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from eartune.data.audio import Wave
from eartune.data.example import Example
from eartune.errors import InputError
from eartune.experiments.finished_model import FinishedModel, load_audio_llm, read_finished_model
from eartune.experiments.process_memory import give_memory_back
from eartune.export import stock_logits
from eartune.export.adapter import save_adapter
from eartune.export.card import write_card
from eartune.export.check import read_answered, write_check
from eartune.export.request import write_request
from eartune.export.vllm_command import vllm_command
from eartune.files import atomic, remove_leftovers, write_json
from eartune.inference.trained_model import EXPORTED
from eartune.models.audio_llm import AudioLLM
from eartune.models.registry import checkpoint_of
from eartune.models.rows import RowMaker
from eartune.models.transformers_version import transformers_is_at_least

ROWS = 8
FLOAT32_BELOW = 2_000_000_000  # parameters; a larger model is compared in its own precision, to save memory
LEAST_AGREEMENT = 0.98
"""The least fraction of answer tokens with the same most probable token in both; rounding decides near ties."""

PrintLine = Callable[[str], None]
"""Prints one line."""


@dataclass(frozen=True)
class Question:
    """A test recording with its right answer, as inputs of the stock model, and the logits of eartune's model."""

    arguments: dict[str, Tensor]
    answers: Tensor  # (answer tokens,), the positions whose logits predict a token of the answer
    logits: Tensor  # (answer tokens, vocabulary)


def export_run(run_dir: Path, to: Path, print_line: PrintLine, adapter: bool = False) -> None:
    """Write a model of a run to the folder `to`, which appears only if plain transformers computes the same logits.

    With `adapter`, only its LoRA is written, for peft. Raises InputError if `to` is not empty, if no recording of the
    test exists any more, if the logits differ, if more than LoRA was trained and only an adapter is requested, or if
    LoRA would be merged into a model that answers through words.
    """
    if not transformers_is_at_least("5.23"):
        raise InputError(
            "export needs transformers 5.23 or newer; 5.17 writes weight names that other tools cannot read"
        )
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise InputError(f"{to}: exists already; name a new folder, or an empty one")
    run = read_finished_model(run_dir)
    if run.through == "words" and run.has_lora and not adapter:
        raise InputError(
            f"{run_dir}: transcribes without its LoRA and answers with it, which one merged checkpoint cannot; "
            "export with --adapter, or load the model from its run with eartune.load"
        )
    answered = read_answered(run)
    model = load_audio_llm(run)
    stored = next(model.module.parameters()).dtype
    if sum(parameter.numel() for parameter in model.module.parameters()) < FLOAT32_BELOW:
        model.module.float()
    precision = next(model.module.parameters()).dtype
    questions = [question(model, run, one.example) for one in answered[:ROWS]]  # before anything is merged or rounded
    remove_leftovers(to.absolute().parent)
    name = to.resolve().name  # by which servers know the folder, ours too
    with atomic(to.absolute()) as half_written:
        if adapter:
            save_adapter(model, run, half_written)
        else:
            model.lora.merge()
            model.module.to(stored).eval()
            model.save(half_written)
            write_json(half_written / EXPORTED, exported_settings(run))
        write_request(half_written, model, run, name)
        if run.through == "nothing":
            write_check(half_written, run, answered)
        write_card(run, model.chat, half_written / "README.md", vllm_command(model, run, name, adapter), adapter)
        del model  # two models may not fit into memory
        give_memory_back()
        print_line(f"written; plain transformers now decodes {len(questions)} test recordings in another process")
        base = checkpoint_of(run.experiment.architecture) if adapter else ""
        print_line(compare(questions, run_stock_model(questions, half_written, precision, base), to))


def exported_settings(run: FinishedModel) -> dict[str, Any]:
    """Return what `eartune.load` needs beside the weights to prompt and decode as the run did."""
    experiment = run.experiment
    return {
        "task": experiment.task.to_json(),
        "labels": run.labels.to_json(),
        "preface": run.preface,
        "asked": run.asked.value,
        "architecture": experiment.architecture.model_dump(mode="json", exclude={"checkpoint"}),
        "decoding": experiment.decoding.model_dump(mode="json") | {"through": run.through},
        "lora_is_merged": run.has_lora,
    }


@torch.no_grad()
def question(model: AudioLLM, run: FinishedModel, example: Example) -> Question:
    """Compute the logits of one example alone, as some stock models encode a clip differently beside a longer one."""
    rows = RowMaker(model, run.experiment.task, run.labels, run.experiment.architecture, run.preface)
    assert example.recording is not None
    batch = model.collate([rows.to_learn(example)])
    answers = torch.nonzero(batch.labels[0, 1:] != -100)[:, 0]
    logits = model.head(model.hidden(batch.to(model.device))[0, answers.to(model.device)]).float().cpu()
    arguments = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    return Question(arguments | _stock_audio(model, rows.wave(example.recording)), answers, logits)


def _stock_audio(model: AudioLLM, wave: Wave) -> dict[str, Tensor]:
    dtype = next(model.module.parameters()).dtype
    return {n: v.to(dtype) if v.is_floating_point() else v for n, v in model.stock_audio([wave]).items()}


def run_stock_model(questions: Sequence[Question], folder: Path, dtype: torch.dtype, base: str = "") -> list[Tensor]:
    """Return the logits of plain transformers, each (tokens, vocabulary); `base` is the base model of an adapter."""
    asked, answered = folder.with_suffix(".questions"), folder.with_suffix(".answers")
    named = {f"{i}/{name}": value for i, q in enumerate(questions) for name, value in q.arguments.items()}
    save_file({name: value.contiguous() for name, value in named.items()}, asked)
    command = [
        sys.executable,
        str(stock_logits.__file__),
        str(folder),
        str(asked),
        str(answered),
        str(dtype).removeprefix("torch."),
        base,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise InputError(f"plain transformers cannot run the exported model ({last})")
        found = load_file(answered)
        return [found[str(i)] for i in range(len(questions))]
    finally:
        asked.unlink(missing_ok=True)
        answered.unlink(missing_ok=True)


def compare(questions: Sequence[Question], stock: Sequence[Tensor], folder: Path) -> str:
    """Return a sentence about how well the logits agree; raises InputError if they differ or are not finite."""
    ours = torch.cat([q.logits for q in questions])
    theirs = torch.cat([logits[q.answers] for q, logits in zip(questions, stock, strict=True)])
    alike = (ours.argmax(-1) == theirs.argmax(-1)).float().mean().item()
    apart = (ours - theirs).abs().max().item()
    agreement = f"the same most probable token for {alike:.1%} of {len(ours)} answer tokens, logits within {apart:.2g}"
    if alike < LEAST_AGREEMENT or not (torch.isfinite(ours).all() and torch.isfinite(theirs).all()):
        raise InputError(
            f"{folder}: plain transformers answers differently from the model that was trained ({agreement})"
        )
    return f"plain transformers agrees: {agreement}"
