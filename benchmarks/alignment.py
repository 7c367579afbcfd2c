"""Examples a second of the step that trains the pocket checkpoint: python benchmarks/alignment.py

The step is that of `pocket/align.py`, on typed requests; the untrained adapter and LoRA cost as much as trained ones.
Writes benchmarks/alignment.json.
"""

import statistics
import sys
from pathlib import Path

from machine import timed
from mid_size import requests

from eartune.data.example import as_text
from eartune.experiments.provenance import made_with
from eartune.files import write_json
from eartune.models.pocket.build import build_pocket
from eartune.training.optimizer import MasterAdamW

sys.path.insert(0, str(Path(__file__).parents[1] / "pocket"))
from against_stock import row_maker

from align import TOKENS_A_BATCH, prepare, take_step

ROUNDS = 5


def main() -> None:
    """Time some steps of as many rows as a batch of the alignment has, after one to warm up."""
    pocket = build_pocket(trained=None)
    rows = [row_maker(pocket, "after").to_learn(example) for example in as_text(requests(32))]
    longest = max(map(pocket.n_positions, rows))
    rows = rows[: TOKENS_A_BATCH // longest]
    prepare(pocket)
    optimizer = MasterAdamW(pocket.model.parameters(), lr=1e-5)
    take_step(pocket, rows, optimizer)
    rates = [len(rows) / timed(lambda: take_step(pocket, rows, optimizer)) for _ in range(ROUNDS)]
    found = {"examples, a second": round(statistics.median(rates), 2), "rows": len(rows), "rounds": ROUNDS}
    print(found)
    write_json(Path(__file__).with_suffix(".json"), {**found, "made_with": made_with()})


if __name__ == "__main__":
    main()
