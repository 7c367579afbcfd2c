"""Profile steps and searches: python benchmarks/where_time_goes.py [--only pocket] [--out FILE]

For a text step, a speech step, greedy search and search with 3 beams, on the mid-size model (all weights train) and on
the pocket checkpoint (LoRA, as in the demo): seconds, the shares of kinds of work, TFLOP multiplied, and the share of
this machine's measured peak. Writes benchmarks/where_time_goes.json, with the machine named.
"""

import argparse
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from against_stock import CLIPS, NEW_TOKENS, SECONDS_TO_DECODE, asked, row_maker
from machine import Shape, flop_of, peak_on, read_bandwidth, timed
from mid_size import noise, our_model, pocket, requests, spoken
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from eartune.data.audio import load_audio
from eartune.data.example import Example, as_text
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.models.batch import Row
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.generation.generate import generate
from eartune.settings import Component, Decoding, Lora, Training
from eartune.training.encoder_cache import encoded
from eartune.training.micro_batches import limits_of, micro_batches
from eartune.training.optimizer import make_optimizer
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY
from eartune.training.trainer import Learner

ROUNDS, ROWS = 3, 16
PRODUCTS = {"aten::mm", "aten::addmm", "aten::linear", "aten::mkldnn_linear", "mkldnn::_linear_pointwise"}
PRODUCTS |= {"aten::mkldnn_convolution", "aten::convolution_backward", "aten::_convolution"}
ATTENTION = {"aten::bmm", "aten::baddbmm", "aten::_softmax", "aten::_softmax_backward_data"}
ATTENTION |= {"aten::_scaled_dot_product_flash_attention_for_cpu"}
ATTENTION |= {"aten::_scaled_dot_product_flash_attention_for_cpu_backward"}
MOVEMENT = {"aten::copy_", "aten::cat", "aten::fill_", "aten::zero_", "aten::index", "aten::_index_put_impl_"}
MOVEMENT |= {"aten::masked_scatter_", "aten::index_select", "aten::index_add_", "aten::embedding_dense_backward"}
MOVEMENT |= {"aten::constant_pad_nd", "aten::gather", "aten::nonzero", "aten::masked_select", "aten::empty"}
MOVEMENT |= {"aten::empty_strided", "aten::resize_", "aten::index_copy_", "aten::_local_scalar_dense"}
KINDS = ("products", "attention", "elementwise", "data movement", "Python")
Work = Callable[[], object]


def main() -> None:
    """Profile the works of both models, print a table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["mid-size", "pocket"])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    bandwidth = read_bandwidth()
    rows = []
    for name in ("mid-size", "pocket"):
        if options.only in (None, name):
            rows += [measured(name, work, bandwidth) for work in works(name)]
            found = {"rows": rows, "bandwidth, GB/s": round(bandwidth / 1e9, 1), "made_with": made_with()}
            write_json(options.out, found)
    columns = list(max(rows, key=len))
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    Console(width=170).print(table)


# --- works ---------------------------------------------------------------------------------------------------------


class Profiled(NamedTuple):
    """A work to profile, and the model that does it."""

    what: str
    work: Work
    model: Qwen2Audio
    first_tokens: Work | None = None
    """The same search for two tokens alone, so that the seconds of one token can be told; None for steps."""


def works(name: str) -> Iterator[Profiled]:
    """Yield the works of one model."""
    model = trained_model(name)
    some = requests(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        speech = spoken(some, Path(folder))
        for what, examples in (("text step", as_text(some)), ("speech step", speech)):
            yield Profiled(what, step(model, name, rows_of(model, name, examples)), model)
    model = our_model() if name == "mid-size" else pocket()
    model.module.eval()
    for what, beams in (("greedy", 1), ("3 beams", 3)):
        yield Profiled(what, search(model, beams, NEW_TOKENS), model, search(model, beams, 2))


def trained_model(name: str) -> Qwen2Audio:
    """Return the mid-size model, or pocket with LoRA as the demo trains it."""
    if name == "mid-size":
        return our_model()
    model = Qwen2Audio(deepcopy(pocket().model), pocket().tokenizer, pocket().extractor)
    model.lora.add(Lora(), 0)
    return model


def rows_of(model: Qwen2Audio, name: str, examples: Sequence[Example]) -> list[Row]:
    """Return rows with targets; pocket's encoder is frozen, so that its states are cached, as in a run."""
    rows = [row_maker(model, "after").to_learn(example) for example in examples]
    if name == "mid-size" or examples[0].recording is None:
        return rows
    clips = [encoded(model, load_audio(example.recording.path, False)) for example in examples if example.recording]
    return [replace(row, clip=clip) for row, clip in zip(rows, clips, strict=True)]


def step(model: Qwen2Audio, name: str, rows: Sequence[Row]) -> Work:
    """Return one optimizer step over the rows, as a stage takes it."""
    settings = Training(batch_size=len(rows)) if name == "mid-size" else Training(batch_size=len(rows), lora=Lora())
    spoken_components = EVERYTHING if name == "mid-size" else (Component.MODALITY_ADAPTER, Component.LANGUAGE_MODEL)
    model.components.set_trainable(LANGUAGE_MODEL_ONLY if rows[0].clip is None else spoken_components)
    optimizer = make_optimizer(model.components, 1e-5, settings)
    learner, limits = Learner(model), limits_of(settings, model)

    def work() -> None:
        model.module.train()
        model.components.put_frozen_in_eval_mode()
        batches = [model.collate(some) for some in micro_batches(rows, model.n_positions, limits)]
        n_labels = sum(int((batch.labels[:, 1:] != -100).sum()) for batch in batches)
        for batch in batches:
            (learner(batch) / n_labels).backward()
        torch.nn.utils.clip_grad_norm_(model.components.trainable(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return work


def search(model: Qwen2Audio, beams: int, n_tokens: int) -> Work:
    """Return a search for answers to clips of 3 s."""
    rows = [Row(asked(model, "after"), model.features(noise(SECONDS_TO_DECODE, seed)), None) for seed in range(CLIPS)]
    decoding = Decoding(beams=beams, max_new_tokens=n_tokens)
    return lambda: generate(model, model.collate(rows), decoding)


# --- measures ------------------------------------------------------------------------------------------------------


def measured(name: str, profiled: Profiled, bandwidth: float) -> dict[str, Any]:
    """Return seconds, shares, TFLOP and share of the peak of one work."""
    work, model = profiled.work, profiled.model
    work()
    seconds = median_seconds(work)
    flop = flop_of(work)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        wall = timed(work)
    events = profiler.key_averages(group_by_input_shape=True)
    kinds: Counter[str] = Counter()
    for event in events:
        kinds[kind_of(event.key)] += event.self_cpu_time_total / 1e6
    kinds["Python"] = max(0.0, wall - kinds.total())
    peak = peak_on([shape for shape, _ in shapes_of(events).most_common(6)])
    row = {
        "model": name,
        "what": profiled.what,
        "seconds": round(seconds, 3),
        "TFLOP": round(flop / 1e12, 3),
        "peak, TFLOP/s": round(peak / 1e12, 3),
        "of peak": round(flop / seconds / peak, 3),
        **{kind: round(kinds[kind] / wall, 3) for kind in KINDS},
        "not products, s": round(seconds * (1 - kinds["products"] / wall), 3),
        "calls": sum(event.count for event in events),
    }
    if profiled.first_tokens is not None:
        a_token = (seconds - median_seconds(profiled.first_tokens)) / (NEW_TOKENS - 2)
        row["a token, ms"] = round(1000 * a_token, 2)
        row["a token / its floor"] = round(a_token / (bytes_read(model) / bandwidth), 2)
    return row


def kind_of(operation: str) -> str:
    """Return the kind of work that an operation of torch is."""
    for kind, names in (("products", PRODUCTS), ("attention", ATTENTION), ("data movement", MOVEMENT)):
        if operation in names:
            return kind
    return "elementwise"


def shapes_of(events: Any) -> Counter[Shape]:
    """Return the multiplications of each shape (rows, inner, columns) of a product."""
    found: Counter[Shape] = Counter()
    for event in events:
        shapes = [shape for shape in event.input_shapes if len(shape) == 2]
        if event.key in ("aten::mm", "aten::addmm") and len(shapes) >= 2:
            (m, k), (_, n) = shapes[-2:]
            found[m, k, n] += event.count * m * k * n
    return found


def bytes_read(model: Qwen2Audio) -> int:
    """Return the bytes of the weights that each token must read: the decoder's layers and the head."""
    head = model.module.lm_head.weight
    layers = sum(value.nbytes for name, value in model.language_model.named_parameters() if "embed_tokens" not in name)
    return layers + int(head.nbytes)


def median_seconds(work: Work) -> float:
    """Return the median seconds of some calls."""
    return statistics.median(timed(work) for _ in range(ROUNDS))


if __name__ == "__main__":
    main()
