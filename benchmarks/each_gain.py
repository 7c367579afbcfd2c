"""Measure the gain of each optimisation of a step or a search on its own, in turns: python benchmarks/each_gain.py

eartune is compared with itself without the optimisation, on the model and the requests of the other benchmarks, in
bfloat16. Writes benchmarks/each_gain.json: median seconds of both, and the ratio's median and range.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from against_stock import row_maker
from mid_size import our_model, requests, spoken
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn.functional import cross_entropy

from eartune.data.audio import read_audio
from eartune.data.example import Example, as_text
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.models import fused_operations
from eartune.models.batch import Batch, Row
from eartune.models.chat_format import InstructionPosition
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.fused_layers import FUSED
from eartune.models.fused_linear import packed_weights
from eartune.models.fused_operations import multiplies_bfloat16
from eartune.models.generation.beam_search import Answer, Unconstrained, beam_search, greedy
from eartune.models.generation.generate import StepScores, prefill
from eartune.models.generation.kv_cache import CachedDecoder
from eartune.settings import Training
from eartune.training.encoder_cache import encoded
from eartune.training.micro_batches import limits_of, micro_batches
from eartune.training.stage import LANGUAGE_MODEL_ONLY
from eartune.training.trainer import Learner

ROUNDS, ROWS, MICRO_BATCH, NEW_TOKENS, BEAMS = 3, 16, 8, 32, 3
END = 7  # any token; random weights hardly write it by themselves
Work = Callable[[], object]


def main() -> None:
    """Measure the optimisations of training, then those of decoding."""
    model = our_model()
    model.module.eval()
    model.components.set_trainable(LANGUAGE_MODEL_ONLY)
    utterances = requests(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        kinds: dict[str, tuple[Example, ...]] = {
            "text": as_text(utterances),
            "speech": spoken(utterances, Path(folder)),
        }
        rows = [row for kind, examples in kinds.items() for row in training_rows(model, kind, examples)]
        rows.append(kept_states_row(model, rows_of(model, kinds["speech"], "after"), kinds["speech"]))
        text = rows_of(model, kinds["text"], "after")
        rows += [activations_row(model, text), *few_operations_rows(model, text)]
        asked = rows_of(model, kinds["speech"][:MICRO_BATCH], "after")
        rows += [beams_row(model, asked), ended_row(model, asked), packed_row(model, asked)]
    write_json(Path(__file__).with_suffix(".json"), {"rows": rows, "made_with": made_with()})
    table = Table(*rows[0], box=None)
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=140).print(table)


def rows_of(model: Qwen2Audio, examples: Sequence[Example], instructed: InstructionPosition) -> list[Row]:
    """Return rows with targets."""
    return [row_maker(model, instructed).to_learn(example) for example in examples]


# --- training ------------------------------------------------------------------------------------------------------


def training_rows(model: Qwen2Audio, kind: str, examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Measure logits of answers only, packing without padding, and the shared prefix computed once."""
    rows, first = (sorted(rows_of(model, examples, place), key=model.n_positions) for place in ("after", "before"))
    ours, stock = Learner(model).eval(), whole(model)
    tried: dict[str, tuple[Work, Work]] = {
        "logits of answers alone": (lambda: step(model, rows, ours), lambda: step(model, rows, stock)),
        "no padding": (lambda: step(model, rows, ours), lambda: step(model, rows, ours, packs=False)),
        "instruction read once": (lambda: step(model, first, ours), lambda: step(model, first, ours, shares=False)),
    }
    return [measured(f"{what}, {kind}", *both) for what, both in tried.items()]


def whole(model: Qwen2Audio) -> Callable[[Batch], Tensor]:
    """Return the loss from the logits of every position, as stock models compute it."""

    def loss(batch: Batch) -> Tensor:
        logits = model.head(model.hidden(batch))[:, :-1].float()
        return cross_entropy(logits.flatten(0, 1), batch.labels[:, 1:].flatten(), reduction="sum")

    return loss


def step(
    model: Qwen2Audio,
    rows: Sequence[Row],
    loss_of: Callable[[Batch], Tensor],
    shares: bool = True,
    packs: bool = True,
) -> None:
    """Run forward and backward of all micro-batches."""
    model.packs = packs
    model.collator = replace(model.collator, shares_prefix="always" if shares else "never")
    for first in range(0, len(rows), MICRO_BATCH):
        loss = loss_of(model.collate(rows[first : first + MICRO_BATCH]))
        loss.backward()  # type: ignore[no-untyped-call]
    model.module.zero_grad()


def kept_states_row(model: Qwen2Audio, rows: Sequence[Row], examples: Sequence[Example]) -> dict[str, Any]:
    """Measure cached states of a frozen encoder, which are read from memory."""
    clips = [encoded(model, read_audio(example.recording.path)) for example in examples if example.recording]
    kept = [replace(row, clip=clip) for row, clip in zip(rows, clips, strict=True)]
    ours = Learner(model).eval()
    return measured("encoder's states kept, speech", lambda: step(model, kept, ours), lambda: step(model, rows, ours))


def activations_row(model: Qwen2Audio, rows: Sequence[Row]) -> dict[str, Any]:
    """Measure kept activations of the decoder against recomputed ones."""
    again = our_model()
    again.components.set_trainable(LANGUAGE_MODEL_ONLY)
    again.recompute_activations()
    ours, other = Learner(model).eval(), Learner(again).train()  # the library computes again in training mode alone
    return measured("activations kept, text", lambda: step(model, rows, ours), lambda: step(again, rows, other))


def few_operations_rows(model: Qwen2Audio, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Measure fused layers, the loss with its gradient, products in the faster precision, and larger micro-batches."""
    ours = Learner(model).eval()
    limits = limits_of(Training(batch_size=len(rows)), model)
    batches = micro_batches(rows, model.n_positions, limits)

    def whole_batch() -> None:
        for some in batches:
            ours(model.collate(some)).backward()
        model.module.zero_grad()

    tried: dict[str, Work] = {
        "layers fused": lambda: with_stock_layers(model, lambda: step(model, rows, ours)),
        "the loss with its gradient": lambda: step(model, rows, loss_of_torch(model)),
        "products in the faster precision": lambda: in_bfloat16(lambda: step(model, rows, ours)),
    }
    found = [measured(f"{what}, text", lambda: step(model, rows, ours), without) for what, without in tried.items()]
    return [*found, measured("micro-batches of 2,048 positions", whole_batch, lambda: step(model, rows, ours))]


def with_stock_layers(model: Qwen2Audio, work: Work) -> None:
    """Run a work with the library's decoder layers, whose attention still takes all rows at once."""
    layers = model.language_model.layers
    fused = [type(layer) for layer in layers]
    for layer in layers:
        layer.__class__ = next(stock for stock, ours in FUSED.items() if ours is type(layer))
    work()
    for layer, kind in zip(layers, fused, strict=True):
        layer.__class__ = kind


def loss_of_torch(model: Qwen2Audio) -> Callable[[Batch], Tensor]:
    """Return torch's loss from float32 logits of answers."""

    def loss(batch: Batch) -> Tensor:
        answers = batch.labels[:, 1:] != -100
        logits = model.head(model.hidden(batch)[:, :-1][answers]).float()
        return cross_entropy(logits, batch.labels[:, 1:][answers], reduction="sum")

    return loss


def in_bfloat16(work: Work) -> None:
    """Run a work whose products are done in bfloat16, whatever this processor does faster."""
    fused_operations.multiplies_bfloat16 = lambda: True
    work()
    fused_operations.multiplies_bfloat16 = multiplies_bfloat16


# --- answers -------------------------------------------------------------------------------------------------------


class OncePerBeam(StepScores):
    """Scores of a cache that read every prompt once for each beam."""

    searching = False

    def select(self, rows: Sequence[int]) -> None:
        """Select rows, except the first time, as beams exist already."""
        if self.searching:
            super().select(rows)
        self.searching = True


def beams_row(model: Qwen2Audio, rows: Sequence[Row]) -> dict[str, Any]:
    """Measure a prefill that reads each prompt once for all beams."""
    asked = [Row(row.prompt, row.clip, None) for row in rows]
    return measured(
        f"prompts read once, {BEAMS} beams", lambda: answer(model, asked), lambda: answer(model, asked, spread=True)
    )


@torch.no_grad()
def answer(model: Qwen2Audio, rows: Sequence[Row], spread: bool = False) -> None:
    """Decode some tokens, including the encoder."""
    times = BEAMS if spread else 1
    decoder, states = prefill(model, model.collate([row for row in rows for _ in range(times)]))
    scores = model.head(states[::times, -1]).float()
    writer = (OncePerBeam if spread else StepScores)(model, decoder)
    beam_search(writer, scores, BEAMS, Unconstrained(-1, NEW_TOKENS, model.audio_token_id))


class EndInTurn(Unconstrained):
    """Rules of a greedy search whose first row ends after 18 tokens, and another row every two tokens."""

    def mask(self, answers: Sequence[Answer], scores: Tensor) -> Tensor:
        """Allow only the end for the first unfinished row when it is its turn."""
        if len(answers[0]) + 1 == NEW_TOKENS - 2 * (len(answers) - 1):
            scores = scores.clone()
            scores[0, self.end] = torch.inf
        return super().mask(answers, scores)


class KeepsFinishedRows(StepScores):
    """Scores that also compute padding for finished rows, as transformers' search does."""

    def __init__(self, model: Qwen2Audio, decoder: CachedDecoder) -> None:
        super().__init__(model, decoder)
        self.open_rows = list(range(len(decoder.prompts)))
        self.n_rows = len(self.open_rows)

    def select(self, rows: Sequence[int]) -> None:
        """Record which rows are unfinished."""
        self.open_rows = [self.open_rows[row] for row in rows]

    def extend(self, tokens: Sequence[Answer]) -> Tensor:
        """Append tokens to all rows, padding to finished ones, and return the scores of unfinished rows."""
        given = dict(zip(self.open_rows, tokens, strict=True))
        return super().extend([given.get(row, (0,)) for row in range(self.n_rows)])[self.open_rows]


def ended_row(model: Qwen2Audio, rows: Sequence[Row]) -> dict[str, Any]:
    """Measure greedy search with answers of 18 to 32 tokens, with and without finished rows."""
    asked = [Row(row.prompt, row.clip, None) for row in rows]
    return measured(
        "ended rows let go, greedy",
        lambda: answer_in_turn(model, asked, StepScores),
        lambda: answer_in_turn(model, asked, KeepsFinishedRows),
    )


def packed_row(model: Qwen2Audio, rows: Sequence[Row]) -> dict[str, Any]:
    """Measure greedy search with weights packed once for all of its tokens, and without."""
    asked = [Row(row.prompt, row.clip, None) for row in rows]

    def packed() -> None:
        with packed_weights():
            answer_in_turn(model, asked, StepScores)

    return measured("weights packed once, greedy", packed, lambda: answer_in_turn(model, asked, StepScores))


@torch.no_grad()
def answer_in_turn(model: Qwen2Audio, rows: Sequence[Row], writing: type[StepScores]) -> None:
    """Decode, including the encoder, with rows that end in turn."""
    decoder, states = prefill(model, model.collate(rows))
    scores = model.head(states[:, -1]).float()
    greedy(writing(model, decoder), scores, EndInTurn(END, NEW_TOKENS, model.audio_token_id))


# --- both ----------------------------------------------------------------------------------------------------------


def measured(what: str, ours: Work, without: Work) -> dict[str, Any]:
    """Return seconds of both, measured in turns; the first round is a warm-up."""
    rounds = [(timed(ours), timed(without)) for _ in range(ROUNDS + 1)][1:]
    ratios = sorted(b / a for a, b in rounds)
    return {
        "what": what,
        "with, s": round(statistics.median(a for a, _ in rounds), 3),
        "without, s": round(statistics.median(b for _, b in rounds), 3),
        "ratio": round(statistics.median(ratios), 2),
        "lowest": round(ratios[0], 2),
        "highest": round(ratios[-1], 2),
    }


def timed(work: Work) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
