"""Compare the memory that `eartune check` estimates with the tensors of one training step; no GPU is needed.

    python benchmarks/footprint.py

Every allocation and release of one step on a middle-sized Qwen2-Audio is counted; the weights are random.
"""

import tempfile
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mid_size import config, our_model
from rich.console import Console
from rich.table import Table
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from eartune.data.audio import SAMPLE_RATE, write_audio
from eartune.data.example import Example
from eartune.data.frame import Entity, SemanticFrame
from eartune.data.utterance import Recording, Utterance
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.models.architecture import Architecture
from eartune.models.batch import Batch
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.nf4 import quantise_nf4
from eartune.models.packed_attention import PREFIX
from eartune.models.rows import RowMaker
from eartune.models.size import QWEN2_AUDIO_7B, Size
from eartune.models.size_from_config import size_of_config
from eartune.settings import Component, Lora, Training
from eartune.tasks.slu import SluTask
from eartune.training.memory_estimate import Footprint, footprint
from eartune.training.optimizer import make_optimizer
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY, Stage
from eartune.training.trainer import Learner

ROWS, SECONDS = 4, 4.0
WORDS = "please book a table for four at the italian restaurant tomorrow evening"
FRAME = SemanticFrame.of("restaurant", "book", [Entity("guests", "four"), Entity("date", "tomorrow evening")])
FULL, LORA = Training(micro_batch_size=ROWS), Training(micro_batch_size=ROWS, lora=Lora())
Mode = tuple[Training, str, tuple[Component, ...], bool]
MODES: dict[str, Mode] = {
    "full, text": (FULL, "bfloat16", LANGUAGE_MODEL_ONLY, False),
    "full, speech": (FULL, "bfloat16", EVERYTHING, True),
    "full, speech, recomputed": (FULL.model_copy(update={"recompute_activations": True}), "bfloat16", EVERYTHING, True),
    "full, speech, 8 bits": (FULL.model_copy(update={"optimizer": "adamw-8bit"}), "bfloat16", EVERYTHING, True),
    "LoRA, text": (LORA, "bfloat16", LANGUAGE_MODEL_ONLY, False),
    "LoRA, speech": (LORA, "bfloat16", LANGUAGE_MODEL_ONLY, True),
    "LoRA, speech, recomputed": (
        LORA.model_copy(update={"recompute_activations": True}),
        "bfloat16",
        LANGUAGE_MODEL_ONLY,
        True,
    ),
    "DoRA, speech": (LORA.model_copy(update={"lora": Lora(dora=True)}), "bfloat16", LANGUAGE_MODEL_ONLY, True),
    "LoRA on nf4, speech": (LORA, "nf4", LANGUAGE_MODEL_ONLY, True),
}


def main() -> None:
    """Measure each mode of training; print and write it beside the estimate for the 7B model."""
    table = Table("mode", "foretold MB", "measured MB", "ratio", "7B, foretold GB", "on", box=None)
    rows = []
    for name, mode in MODES.items():
        foretold, measured = foretell(mode, size_of_config("qwen2-audio", config())), measure(mode)
        large = foretell(mode, QWEN2_AUDIO_7B)
        rows.append(
            {
                "mode": name,
                "foretold_mb": round(foretold.total / 1e6, 1),
                "measured_mb": round(measured / 1e6, 1),
                "ratio": round(foretold.total / measured, 3),
                "qwen2_audio_7b_foretold_gb": round(large.total / 1e9, 1),
                "gpu": large.gpu,
            }
        )
        table.add_row(*map(str, rows[-1].values()))
    write_json(Path(__file__).with_suffix(".json"), {"rows": rows, "made_with": made_with()})
    Console(width=120).print(table)


def stage_of(mode: Mode, folder: Path) -> Stage:
    """Return a stage of one micro-batch with equal rows."""
    recording = Recording(folder / "noise.wav", SECONDS)
    utterance = Utterance(id="u", text=WORDS, frame=FRAME, language="en", recordings=(recording,))
    example = Example(utterance, recording if mode[3] else None)
    return Stage("one", (example,) * ROWS, 1, 1e-4, 0, mode[2])


def foretell(mode: Mode, size: Size) -> Footprint:
    """Return the estimate of `eartune check`."""
    architecture = Architecture(type="qwen2-audio", checkpoint="pocket", precision=mode[1])
    return footprint(size, stage_of(mode, Path()), architecture, mode[0], SluTask())


def measure(mode: Mode) -> float:
    """Return the peak bytes of all tensors in the second step."""
    training, precision, trainable, _ = mode
    model = our_model()
    model.collator = replace(model.collator, shares_prefix="never")  # rows all alike would share all
    for part in (model.language_model, model.model.model.audio_tower):
        part.config._attn_implementation = f"{PREFIX}sdpa"  # as on a GPU; the plain one of a CPU keeps its matrices
    module = model.module
    if precision == "nf4":
        quantise_nf4(model.lora.linears())
        module.to("cpu")
    if training.lora:
        model.lora.add(training.lora, 0)
    model.components.set_trainable(trainable)
    if training.recompute_activations:
        model.recompute_activations()
    module.train()
    model.components.put_frozen_in_eval_mode()
    batch = micro_batch(model, mode)
    optimizer = make_optimizer(model.components, 1e-4, training)
    with torch.compiler.set_stance("force_eager"):  # of the 8-bit optimizer, whose compiled step makes no copies
        Learner(model)(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
    tally = Tally()
    for tensor in (
        *module.parameters(),
        *module.buffers(),
        *tree_leaves((optimizer.param_groups, dict(optimizer.state))),
    ):
        tally.count(tensor)
    with tally:
        Learner(model)(batch).backward()
        if training.optimizer == "adamw":
            optimizer.step()
    return float(tally.peak)


class Tally(TorchDispatchMode):
    """Counts the bytes of all living storages, and their maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.known = WeakIdKeyDictionary(ref_type=weakref.ref)
        self.now = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count the storages of its results."""
        found = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(found):
            self.count(tensor)
        return found

    def count(self, tensor: Any) -> None:
        """Count a storage once, until it is released."""
        if isinstance(tensor, torch.Tensor) and (storage := tensor.untyped_storage()) not in self.known:
            self.known[storage] = True
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.release, storage.nbytes())

    def release(self, size: int) -> None:
        """Subtract a storage that is released."""
        self.now -= size


def micro_batch(model: Qwen2Audio, mode: Mode) -> Batch:
    """Return the rows as the trainer makes them."""
    with tempfile.TemporaryDirectory() as folder:
        stage = stage_of(mode, Path(folder))
        noise = np.random.default_rng(0).standard_normal(round(SECONDS * SAMPLE_RATE)) * 0.1
        write_audio(Path(folder) / "noise.wav", noise.astype(np.float32))
        labels = SluTask().labels(example.utterance for example in stage.examples)
        rows = RowMaker(model, SluTask(), labels, Architecture(type="qwen2-audio", checkpoint="pocket"))
        return model.collate([rows.to_learn(example) for example in stage.examples])


if __name__ == "__main__":
    main()
