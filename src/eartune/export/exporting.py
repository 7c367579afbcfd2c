"""Export: trained model -> updates merged -> hub layout and card -> asked again by plain transformers -> there."""

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
from eartune.data.example import Example, as_speech
from eartune.data.utterance import read_manifest
from eartune.errors import InputError
from eartune.experiments.finished_model import FinishedModel, load_audio_llm, read_finished_model
from eartune.experiments.process_memory import give_memory_back
from eartune.export import fresh
from eartune.export.adapter import save_adapter
from eartune.export.card import write_card
from eartune.files import atomic, remove_leftovers, write_json
from eartune.inference.trained_model import EXPORTED
from eartune.models.audio_llm import AudioLLM
from eartune.models.registry import checkpoint_of
from eartune.models.rows import RowMaker
from eartune.models.transformers_version import transformers_is_at_least
from eartune.run_folder import RunFolder

ROWS = 8
PRECISE_BELOW = 2_000_000_000  # parameters, up to which there is memory to compare in float32
ALIKE = 0.98
"""The least share of answer tokens for which both must find the same one most probable; rounding decides near ties."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Question:
    """A test recording with its right answer, as the stock forward takes it, and what our forward makes of it."""

    arguments: dict[str, Tensor]
    answers: Tensor  # (tokens,) which logits foretell a token of the answer
    logits: Tensor  # (answer tokens, vocabulary)


def export_run(run_dir: Path, to: Path, say: Say, adapter: bool = False) -> None:
    """Write a model of a run to `to`; nothing is there unless plain transformers, loading it anew, agrees with ours.

    With `adapter`, its LoRA alone, for peft. Raises InputError where there is something already, where no recording
    of the test is left to ask about, where the two disagree, or where an adapter would not be all that was trained.
    """
    if not transformers_is_at_least("5.23"):
        raise InputError(
            "export needs transformers 5.23 or newer; 5.17 writes names of weights that others cannot read"
        )
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise InputError(f"{to}: exists already; name a new folder, or an empty one")
    run = read_finished_model(run_dir)
    examples = test_examples(run)
    model = load_audio_llm(run)
    stored = next(model.module.parameters()).dtype
    if sum(parameter.numel() for parameter in model.module.parameters()) < PRECISE_BELOW:
        model.module.float()
    precision = next(model.module.parameters()).dtype
    questions = [question(model, run, example) for example in examples]  # before anything is merged or rounded
    remove_leftovers(to.absolute().parent)
    with atomic(to.absolute()) as half_written:
        if adapter:
            save_adapter(model, run, half_written)
        else:
            model.lora.merge()
            model.module.to(stored).eval()
            model.save(half_written)
            write_json(half_written / EXPORTED, exported_settings(run))
        write_card(run, model.chat, half_written / "README.md", adapter)
        del model  # two of them may not fit
        give_memory_back()
        say(f"written; {len(questions)} test recordings are asked again by plain transformers in a process of its own")
        base = checkpoint_of(run.experiment.architecture) if adapter else ""
        say(compare(questions, ask_anew(questions, half_written, precision, base), to))


def exported_settings(run: FinishedModel) -> dict[str, Any]:
    """What `eartune.load` needs beside the weights, to ask the exported model as the run did."""
    experiment = run.experiment
    return {
        "task": experiment.task.to_json(),
        "labels": run.labels.to_json(),
        "preface": run.preface,
        "architecture": experiment.architecture.model_dump(mode="json", exclude={"checkpoint"}),
        "decoding": experiment.decoding.model_dump(mode="json"),
    }


def test_examples(run: FinishedModel) -> list[Example]:
    """The first recordings of the test that are still there."""
    manifest = RunFolder(run.folder.path.resolve().parent).references
    there = [e for e in as_speech(read_manifest(manifest)) if e.recording is not None and e.recording.path.is_file()]
    if not there:
        raise InputError(f"{manifest}: the recordings of the test are gone, so there is nothing to compare answers on")
    return there[:ROWS]


@torch.no_grad()
def question(model: AudioLLM, run: FinishedModel, example: Example) -> Question:
    """Each question in a batch of its own, as some stock models encode a clip differently beside a longer one."""
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


def ask_anew(questions: Sequence[Question], folder: Path, dtype: torch.dtype, base: str = "") -> list[Tensor]:
    """The logits of plain transformers, each (tokens, vocabulary); `base` is what an adapter is for."""
    asked, answered = folder.with_suffix(".questions"), folder.with_suffix(".answers")
    named = {f"{i}/{name}": value for i, q in enumerate(questions) for name, value in q.arguments.items()}
    save_file({name: value.contiguous() for name, value in named.items()}, asked)
    command = [
        sys.executable,
        str(fresh.__file__),
        str(folder),
        str(asked),
        str(answered),
        str(dtype).removeprefix("torch."),
        base,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise InputError(f"plain transformers cannot run what was written ({last})")
        found = load_file(answered)
        return [found[str(i)] for i in range(len(questions))]
    finally:
        asked.unlink(missing_ok=True)
        answered.unlink(missing_ok=True)


def compare(questions: Sequence[Question], stock: Sequence[Tensor], folder: Path) -> str:
    """Both in a sentence; raises InputError where they disagree, or either has numbers that are none."""
    ours = torch.cat([q.logits for q in questions])
    theirs = torch.cat([logits[q.answers] for q, logits in zip(questions, stock, strict=True)])
    alike = (ours.argmax(-1) == theirs.argmax(-1)).float().mean().item()
    apart = (ours - theirs).abs().max().item()
    said = f"the same most probable token for {alike:.1%} of {len(ours)} answer tokens, logits within {apart:.2g}"
    if alike < ALIKE or not (torch.isfinite(ours).all() and torch.isfinite(theirs).all()):
        raise InputError(f"{folder}: plain transformers answers differently from the model that was trained ({said})")
    return f"plain transformers agrees: {said}"
