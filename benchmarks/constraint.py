"""What holding answers to a schema costs a token, in turns, in one run: python benchmarks/constraint.py

Writes benchmarks/constraint.json: milliseconds a step with and without, median ratio and range, and how many of the
answers of random weights are valid.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import torch
from mid_size import noise, our_model, requests
from rich.console import Console
from rich.table import Table

from eartune.architectures.families.qwen2_audio import Qwen2Audio
from eartune.batches import Batch, Row
from eartune.constraint import Constraint
from eartune.files import write_json
from eartune.prompts import render
from eartune.provenance import made_with
from eartune.settings import Decoding
from eartune.tasks.slu import ParseStatus, Schema, instruction, parse

ROUNDS, CLIPS, NEW_TOKENS = 5, 8, 32


def main() -> None:
    """Greedy and with beams."""
    model = our_model()
    model.module.eval()
    schema = Schema.of(utterance.frame for utterance in requests(500))
    rows = [Row(render(model.chat, instruction(True), None), model.features(noise(3.0, i)), None) for i in range(CLIPS)]
    found = [measured(model, model.collate(rows), schema, beams) for beams in (1, 3)]
    write_json(Path(__file__).with_suffix(".json"), {"rows": found, "made_with": made_with()})
    table = Table(*found[0], box=None)
    for row in found:
        table.add_row(*map(str, row.values()))
    Console(width=120).print(table)


def measured(model: Qwen2Audio, batch: Batch, schema: Schema, beams: int) -> dict[str, Any]:
    """Milliseconds a step of the search, free and held."""
    held = Decoding(beams=beams, max_new_tokens=NEW_TOKENS, constrain="schema")
    model.generate(batch, held, schema)  # makes the constraint
    (constraint,) = model._constraints.values()
    answers, steps = generate_and_count(model, batch, held, schema, constraint)
    free = held.model_copy(update={"constrain": "nothing", "max_new_tokens": steps})  # as long
    times: dict[str, list[float]] = {"free": [], "held": []}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        model.generate(batch, free)
        times["free"].append(1000 * (time.perf_counter() - start) / steps)
        start = time.perf_counter()
        model.generate(batch, held, schema)
        times["held"].append(1000 * (time.perf_counter() - start) / steps)
    ratios = [held / free for free, held in zip(times["free"], times["held"], strict=True)]
    return {
        "beams": beams,
        "free, ms a step": round(statistics.median(times["free"]), 2),
        "held, ms a step": round(statistics.median(times["held"]), 2),
        "ratio": round(statistics.median(ratios), 3),
        "lowest": round(min(ratios), 3),
        "highest": round(max(ratios), 3),
        "valid": f"{sum(parse(a, schema)[1] is ParseStatus.OK for a in answers)} of {len(answers)}",
    }


def generate_and_count(
    model: Qwen2Audio, batch: Batch, decoding: Decoding, schema: Schema, constraint: Constraint
) -> tuple[list[str], int]:
    """Answers, and how many steps the search took."""
    searches = []
    make = constraint.processor
    constraint.processor = lambda limit: searches.append(make(limit)) or searches[-1]  # type: ignore[assignment,func-returns-value]
    try:
        answers = model.generate(batch, decoding, schema)
    finally:
        constraint.processor = make  # type: ignore[method-assign]
    return answers, 1 + max(map(len, searches[0].matchers))


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
