"""Count what steps and tokens of Qwen2-Audio-7B would ask of an H100, without one: python benchmarks/on_paper.py

All operations on the model's real widths run on tensors without content, with the kernels that a GPU would take, and
are counted: launches, bytes moved, FLOP of products. Counts of 32 layers follow from those of one and of two. Nothing
here is a measurement of a GPU. Writes benchmarks/on_paper.json.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import against_stock
import torch
from gpu_counts import counted
from mid_size import pocket, requests, spoken
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, silu
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    WhisperFeatureExtractor,
)
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm, rotate_half

from eartune.data.example import Example, as_text
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.models import fused_layers
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.fused_layers import FUSED
from eartune.settings import Lora
from eartune.training import trainer
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY

SECONDS_PER_LAUNCH = 5e-6  # of the host, for one operation of eager PyTorch, forward or backward (assumed)
LAYERS = 32  # of the decoder, and of the encoder
TEXT = {"model_type": "qwen2", "hidden_size": 4096, "intermediate_size": 11008, "vocab_size": 156_032}
TEXT |= {"num_attention_heads": 32, "num_key_value_heads": 32}
STEPS = [("text", 8, True), ("text", 8, False), ("speech", 8, True), ("speech", 8, False), ("text", 1, True)]
STEPS += [("text", 32, True)]
CHANGES = ("attention of all rows in one call", "one product for q, k, v, and for gate, up, with LoRA")
CHANGES += ("norms, rotary, gates", "loss with its gradient (a step, not a layer)")


def main() -> None:
    """Count steps and tokens of both, and what each change saves; print and write it."""
    with tempfile.TemporaryDirectory() as folder:
        speech = spoken(requests(max(rows for _, rows, _ in STEPS)), Path(folder))
        works = [row for case in STEPS for row in step(*case, speech)]
    works += [row for beams in (1, 3) for row in token(beams)]
    changes = saved()
    write_json(Path(__file__).with_suffix(".json"), {"works": works, "changes": changes, "made_with": made_with()})
    for rows in (works, changes):
        table = Table(*rows[0], box=None)
        for row in rows:
            table.add_row(*map(str, row.values()))
        Console(width=170).print(table)


# --- works ---------------------------------------------------------------------------------------------------------


def stock_module(n_layers: int, lora: bool = False, is_spoken: bool = False) -> Any:
    """Return transformers' model at the widths of the 7B on the meta device; with LoRA, the encoder is frozen."""
    config = Qwen2AudioConfig(
        audio_config={"encoder_layers": n_layers},
        text_config={**TEXT, "num_hidden_layers": n_layers},
        audio_token_index=pocket().audio_token_id,
    )
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        module = Qwen2AudioForConditionalGeneration(config).to(torch.bfloat16)
    if lora:
        Qwen2Audio.lora_of(module).add(Lora(), 0)
    Qwen2Audio.components_of(module).set_trainable(EVERYTHING if is_spoken and not lora else LANGUAGE_MODEL_ONLY)
    return module


def our_model(n_layers: int, lora: bool = False, is_spoken: bool = False) -> Qwen2Audio:
    """Return eartune's, with the attention that it takes on a GPU."""
    module = stock_module(n_layers, lora, is_spoken)
    model = Qwen2Audio(module, pocket().tokenizer, WhisperFeatureExtractor(feature_size=128))
    for part in (model.language_model, model.model.model.audio_tower):
        part.config._attn_implementation = "by_row_sdpa"
    return model


def step(what: str, n_rows: int, lora: bool, speech: Sequence[Example]) -> list[dict[str, Any]]:
    """Return rows for the forward and backward pass over one micro-batch, by ours and by the stock recipe."""
    some = speech[:n_rows] if what == "speech" else as_text([example.utterance for example in speech[:n_rows]])

    def ours(n_layers: int) -> Counter[str]:
        return training(our_model(n_layers, lora, what == "speech"), some)

    def stock(n_layers: int) -> Counter[str]:
        module, batch = stock_module(n_layers, lora, what == "speech"), against_stock.stock_batch(face, "after", some)
        return counted(lambda: module(**batch).loss.backward(), module)

    face = our_model(1)
    name = f"{what} step of {n_rows}, {'LoRA' if lora else 'all weights'}"
    return [row_of(name, "ours", of_all_layers(ours)), row_of(name, "stock", of_all_layers(stock))]


def training(model: Qwen2Audio, examples: Sequence[Example]) -> Counter[str]:
    """Count the forward and backward pass of our trainer over one micro-batch."""
    rows = against_stock.row_maker(model, "after")
    batch = model.collate([rows.to_learn(example) for example in examples])
    return counted(lambda: trainer.Learner(model)(batch).backward(), model.module)


def token(beams: int) -> list[dict[str, Any]]:
    """Return rows for one token of the answers to 8 clips, by ours and by the library's `generate`."""

    def ours(n_layers: int) -> Counter[str]:
        model = our_model(n_layers)
        return last_token(lambda: against_stock.answers_of_ours(model, beams, "after"), model.module)

    def stock(n_layers: int) -> Counter[str]:
        module, face = stock_module(n_layers).eval(), our_model(n_layers)
        return last_token(lambda: against_stock.answers_of_stock(module, face, beams, "after"), module)

    name = f"a token of 8 answers, {'greedy' if beams == 1 else f'{beams} beams'}"
    return [row_of(name, "ours", of_all_layers(ours)), row_of(name, "stock", of_all_layers(stock))]


def last_token(answer: Callable[[], object], module: nn.Module) -> Counter[str]:
    """Count what answers of 5 tokens take more than answers of 4."""
    with patch.object(against_stock, "NEW_TOKENS", 4):
        four = counted(answer, module)
    with patch.object(against_stock, "NEW_TOKENS", 5):
        return minus(counted(answer, module), four)


def of_all_layers(count: Callable[[int], Counter[str]]) -> Counter[str]:
    """Return the counts of all layers from those of one and of two."""
    one, two = count(1), count(2)
    return Counter({name: one[name] + (LAYERS - 1) * (two[name] - one[name]) for name in two})


def minus(more: Counter[str], less: Counter[str]) -> Counter[str]:
    """Return the differences of counts."""
    return Counter({name: more[name] - less[name] for name in more})


def row_of(name: str, whose: str, counts: Counter[str]) -> dict[str, Any]:
    """Return counts and milliseconds; memory and products are those of operations that each of them binds.

    The host runs ahead of the GPU, so that the longer of both is the time of all.
    """
    host, memory, products = counts["launches"] * SECONDS_PER_LAUNCH, counts["memory"], counts["products"]
    on_gpu = "memory" if memory > products else "products"
    return {
        "what": name,
        "by": whose,
        "launches": int(counts["launches"]),
        "GB": round(counts["bytes"] / 1e9, 1),
        "TFLOP": round(counts["flop"] / 1e12, 2),
        "host, ms": round(1000 * host, 1),
        "memory, ms": round(1000 * memory, 1),
        "products, ms": round(1000 * products, 1),
        "all, ms": round(1000 * max(host, memory + products), 1),
        "bound by": "host" if host > memory + products else on_gpu,
    }


# --- changes -------------------------------------------------------------------------------------------------------


def saved() -> list[dict[str, Any]]:
    """Return launches and megabytes that each change saves in a text step of 8 rows, a layer, and what is left."""
    found: dict[str, dict[str, Any]] = {}
    for lora in (True, False):
        levels = [[at_level(level, n_layers, lora) for n_layers in (1, 2)] for level in range(len(CHANGES) + 1)]
        a_layer = [minus(two, one) for one, two in levels]
        savings = [minus(before, after) for before, after in pairwise(a_layer)]
        savings[-1] = minus(levels[-2][0], levels[-1][0])
        rest = Counter({"launches": a_layer[-1]["other launches"], "bytes": a_layer[-1]["other bytes"]})
        names = (*CHANGES, "left, which is neither products nor attention", "left in all")
        for name, counts in zip(names, (*savings, rest, a_layer[-1]), strict=True):
            with_what = "LoRA" if lora else "all weights"
            numbers = {f"launches, {with_what}": counts["launches"], f"MB, {with_what}": round(counts["bytes"] / 1e6)}
            found[name] = found.get(name, {"change": name}) | numbers
    return list(found.values())


def at_level(level: int, n_layers: int, lora: bool) -> Counter[str]:
    """Count a text step with the first `level` of the changes."""
    model = our_model(n_layers, lora)
    if level < 1:
        model.language_model.config._attn_implementation = "row_by_row"
    if level < 2:
        for layer in model.language_model.layers:
            layer.__class__ = next(theirs for theirs, ours in FUSED.items() if ours is type(layer))
    with ExitStack() as patches:
        if level < 3:
            for name, plain in (("rms_norm", norm), ("rotate", rotate), ("gated", gated)):
                patches.enter_context(patch.object(fused_layers, name, plain))
        if level < 4:
            patches.enter_context(patch.object(trainer, "summed_cross_entropy", loss))
        return training(model, as_text(requests(8)))


def norm(states: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Normalise as the library does."""
    return Qwen2RMSNorm.forward(SimpleNamespace(weight=weight, variance_epsilon=epsilon), states)


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate as the library does, but queries and keys at once."""
    return heads * cos[..., None, :] + rotate_half(heads) * sin[..., None, :]


def gated(gate_up: Tensor) -> Tensor:
    """Gate as the library does."""
    gate, up = gate_up.chunk(2, dim=-1)
    return silu(gate) * up


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum the cross entropy as the library does."""
    return cross_entropy(logits.float(), labels, reduction="sum")


def row_by_row(module: Any, *heads: Any, **settings: Any) -> tuple[Tensor, None]:
    """Attend within the shared prefix and within each row in a call of its own."""
    *heads, lengths = heads
    prefix, *rows = zip(*(torch.split(part, lengths.flatten().tolist(), dim=2) for part in heads), strict=True)
    outputs = [sdpa_attention_forward(module, *prefix, None, **settings)[0]]
    for query, *own in rows:
        key, value = (torch.cat(pair, dim=2) for pair in zip(prefix[1:], own, strict=True))
        mask = query.new_empty(1, 1, query.shape[2], key.shape[2])
        outputs.append(sdpa_attention_forward(module, query, key, value, mask, **settings)[0])
    return torch.cat(outputs, dim=1), None


AttentionInterface.register("row_by_row", row_by_row)
AttentionMaskInterface.register("row_by_row", sdpa_mask)


if __name__ == "__main__":
    main()
