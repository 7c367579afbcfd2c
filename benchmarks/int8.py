"""Compare a decoder in int8 with one in bfloat16 on a CPU: python benchmarks/int8.py RUN_DIR [--out FILE]

RUN_DIR is a finished model of a run, such as runs/coffee/curriculum-10pct-seed0. LoRA is merged, and the linear layers
of the decoder are replaced: by torchao's weights in int8, by torchao's with activations in int8 as well, and by torch's
own dynamic products in int8. Each answers the recordings of the run's test with greedy search, 10 of them alone, then
all in batches of 16. Printed and written are the scores with 95 % intervals, how many answers are those in bfloat16,
and the seconds.
"""

import argparse
import copy
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import eq
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig, quantize_

import eartune
from eartune.data.audio import Wave, read_audio
from eartune.data.example import Example, as_speech
from eartune.data.utterance import read_manifest
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.inference.trained_model import TrainedModel
from eartune.run_folder import RunFolder

BATCH_SIZE, ALONE = 16, 10
METRICS = ("slot_f1", "slu_f1", "accuracy", "exact_match")


class DynamicInt8(nn.Module):
    """A layer of torch's own dynamic quantization, which takes and returns float32, among layers in bfloat16."""

    def __init__(self, layer: nn.Linear) -> None:
        """Quantize the weight of a layer to int8, by rows of activations as they come."""
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.ao is to be removed once torchao has such kernels for CPUs
            exact = nn.Sequential(copy.deepcopy(layer).float())
            self.layer = torch.ao.quantization.quantize_dynamic(exact, {nn.Linear}, torch.qint8)[0]  # type: ignore[no-untyped-call]

    def forward(self, states: Tensor) -> Tensor:
        """Return the outputs (..., outputs) of states (..., inputs) in their own type."""
        found: Tensor = self.layer(states.float()).to(states.dtype)
        return found


class Called(nn.Module):
    """A layer that is called by itself, as its weight is no plain tensor that could be joined with others."""

    def __init__(self, layer: nn.Linear) -> None:
        """Keep the layer."""
        super().__init__()
        self.layer = layer

    def forward(self, states: Tensor) -> Tensor:
        """Return the outputs (..., outputs) of states (..., inputs)."""
        found: Tensor = self.layer(states)
        return found


def by_torchao(config: Any) -> Callable[[nn.Module], None]:
    """Return what quantizes every linear layer with torchao."""

    def change(layers: nn.Module) -> None:
        quantize_(layers, config)
        replace_linear(layers, Called)

    return change


def replace_linear(layers: nn.Module, kind: Callable[[nn.Linear], nn.Module]) -> None:
    """Put a module of another kind in the place of every linear layer."""
    for module in list(layers.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear:
                setattr(module, name, kind(child))


WAYS: dict[str, Callable[[nn.Module], object]] = {
    "bfloat16": lambda layers: None,
    "torchao, int8 weights": by_torchao(Int8WeightOnlyConfig()),
    "torchao, int8 weights and activations": by_torchao(Int8DynamicActivationInt8WeightConfig()),
    "torch, dynamic int8": lambda layers: replace_linear(layers, DynamicInt8),
}


def main() -> None:
    """Measure, print a table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    examples = as_speech(read_manifest(RunFolder(options.model.resolve().parent).references))
    waves = [read_audio(example.recording.path) for example in examples if example.recording is not None]
    found = [measured(name, options.model, examples, waves) for name in WAYS]
    for one in found:
        one["as_in_bfloat16"] = sum(map(eq, one["texts"], found[0]["texts"]))
    show(found)
    rows = [{key: value for key, value in one.items() if key != "texts"} for one in found]
    write_json(options.out, {"n": len(waves), "threads": torch.get_num_threads(), "ways": rows, **made_with()})


def measured(name: str, folder: Path, examples: Sequence[Example], waves: Sequence[Wave]) -> dict[str, Any]:
    """Return the scores, the texts and the seconds of a way."""
    model = eartune.load(folder)
    model.model.lora.merge()
    WAYS[name](model.model.language_model.layers)
    model = replace(model, decoding=model.decoding.model_copy(update={"beams": 1}))
    answer(model, waves[:1])  # packs weights and allocates memory
    alone = [answer(model, [wave])[1] for wave in waves[:ALONE]]
    texts, answers, seconds = [], [], 0.0
    for start in range(0, len(waves), BATCH_SIZE):
        predictions, taken = answer(model, waves[start : start + BATCH_SIZE])
        texts += [prediction.text for prediction in predictions]
        answers += [prediction.answer for prediction in predictions]
        seconds += taken
    scores = eartune.evaluate([example.utterance for example in examples], answers, task=model.task)
    return {
        "way": name,
        "seconds": round(seconds, 1),
        "seconds_alone": round(sum(alone) / len(alone), 3),
        "scores": {metric: scores[metric].to_json() for metric in METRICS if metric in scores},
        "texts": texts,
    }


def answer(model: TrainedModel, waves: Sequence[Wave]) -> tuple[list[Any], float]:
    """Return the predictions of a batch, and the seconds that they took."""
    started = time.perf_counter()
    return model.answer_batch(waves), time.perf_counter() - started


def show(found: Sequence[dict[str, Any]]) -> None:
    """Print what was measured."""
    table = Table("decoder", *found[0]["scores"], "answers as in bfloat16", "s, all in batches", "s, one alone")
    for one in found:
        scores = (
            f"{100 * s['value']:.1f} [{100 * s['low']:.1f}, {100 * s['high']:.1f}]" for s in one["scores"].values()
        )
        table.add_row(one["way"], *scores, *(str(one[key]) for key in ("as_in_bfloat16", "seconds", "seconds_alone")))
    Console().print(table)


if __name__ == "__main__":
    main()
