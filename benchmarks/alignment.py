"""Examples a second of the step that trains the pocket checkpoint: python benchmarks/alignment.py

The step is that of `pocket/align.py`, on typed requests; untrained weights cost as much as trained ones.
Writes benchmarks/alignment.json.
"""

import statistics
import sys
from pathlib import Path

from machine import timed
from mid_size import requests

from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.models.pocket.build import build_pocket
from eartune.tasks.slu import instruction, target

sys.path.insert(0, str(Path(__file__).parents[1] / "pocket"))
from align import TOKENS_A_BATCH, Example, make_optimizer, prepare, take_step, typed
from sentences import Sentence
from tasks import Question

ROUNDS = 5


def main() -> None:
    """Time some steps of as many rows as a batch of the alignment has, after one to warm up."""
    pocket = build_pocket(trained=None)
    examples = [
        Example(
            Sentence(str(asked.text), "home", asked.frame, held_out=False),
            None,
            "after",
            Question(instruction(has_scenario=True), target(asked.frame)),
            length=0,
        )
        for asked in requests(32)
        if asked.frame is not None
    ]
    longest = max(pocket.n_positions(typed(example)) for example in examples)
    examples = examples[: TOKENS_A_BATCH // longest]
    prepare(pocket)
    optimizer = make_optimizer(pocket)
    take_step(pocket, examples, optimizer)
    rates = [len(examples) / timed(lambda: take_step(pocket, examples, optimizer)) for _ in range(ROUNDS)]
    found = {"examples, a second": round(statistics.median(rates), 2), "rows": len(examples), "rounds": ROUNDS}
    print(found)
    write_json(Path(__file__).with_suffix(".json"), {**found, "made_with": made_with()})


if __name__ == "__main__":
    main()
