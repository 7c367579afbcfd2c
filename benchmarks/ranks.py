"""How far two and three processes are from one: the largest differences of losses, gradients and weights.

    python benchmarks/ranks.py              # all families, stages and numbers of processes: two minutes on two cores
    python benchmarks/ranks.py --kills 20   # one of two processes is killed at random until the stage is trained

Tiny models with random weights are trained by one process and by several, over gloo on this machine; the table is
printed and written into benchmarks/ranks.json. Losses and norms are compared as shares of themselves, gradients as
shares of the largest gradient of their step, weights as they are, at a rate of 1e-4. The stages are those of
tests/processes_in_training.py. A stage that is cut is taken up by another number of processes from its last checkpoint.

Kills come at a moment drawn from a seed, in either process, with a checkpoint after every step; the other process is
ended, and the stage is taken up again until it is trained. Its losses and weights are compared with those of one
process that nothing happened to; the log is written into benchmarks/ranks_kills.json.
"""

import json
import multiprocessing
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import torch  # noqa: E402
import transformers  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

import processes_in_training as stages  # noqa: E402
from eartune.errors import ProcessLostError  # noqa: E402
from eartune.experiments.ranks import on_ranks  # noqa: E402
from processes_in_training import (  # noqa: E402
    ADAPTER_ALONE,
    CASES,
    CUT,
    EIGHT_BIT,
    FEW,
    ROUNDED,
    TEXT_AND_ADAPTER,
    UNEVEN,
)

ALL = (*CASES, FEW, TEXT_AND_ADAPTER, ADAPTER_ALONE, UNEVEN, EIGHT_BIT, CUT, ROUNDED)
CUTS = ((3, 2), (3, 1), (1, 3), (2, 3))
LONGEST = 1.3
"""The seconds within which a process is killed; the stage takes about as long."""
Row = dict[str, str | float]


def main(arguments: Sequence[str]) -> None:
    """Train everything, print the table and write it; or kill processes, and print and write what came of it."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(["processes_in_training"])
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    if arguments:
        with tempfile.TemporaryDirectory() as folder:
            write("ranks_kills.json", {"runs": kill(int(arguments[1]), Path(folder))})
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = [*rows_of_whole_stages(Path(folder)), *rows_of_cut_stages(Path(folder))]
    table = Table("stage", "processes", "losses", "gradient norms", "gradients", "weights", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(f"{value:.1e}" if isinstance(value, float) else value for value in row.values()))
    Console(width=150).print(table)
    write("ranks.json", {"rows": rows})


def write(name: str, content: dict[str, Any]) -> None:
    """Write what was found beside this file."""
    text = json.dumps({"torch": torch.__version__} | content, indent=1) + "\n"
    (ROOT / "benchmarks" / name).write_text(text, encoding="utf-8")


def kill(n: int, folder: Path) -> list[dict[str, Any]]:
    """Train a stage by two processes again and again until `n` were killed; return what came of each training."""
    shown, draw = stages.examples(folder), random.Random(0)
    alone = stages.train(CUT, shown, folder / "whole")
    runs: list[dict[str, Any]] = []
    while sum(len(run["kills"]) for run in runs) < n:
        kills: list[str] = []
        while True:
            rank, seconds = draw.randrange(2), draw.uniform(0.0, LONGEST)
            where = folder / str(len(runs))
            try:
                found = on_ranks(2, stages.train_until_killed, CUT, shown, where, rank, stages.NEVER, seconds)
                break
            except ProcessLostError as error:
                saved = max((int(path.name.split("-")[1]) for path in where.glob("checkpoint-*")), default=0)
                kills.append(f"{seconds:.2f} s, {str(error).split(' (')[0]}, checkpoint of step {saved}")
        far = stages.differences(stages.last_steps(alone, len(found.gradients)), found)
        runs.append({"kills": kills, "losses": far.losses, "weights": far.weights})
        print(runs[-1], flush=True)
    return runs


def rows_of_whole_stages(folder: Path) -> list[Row]:
    """The rows of all stages by two and by three processes, the farthest of which counts."""
    shown = stages.examples(folder)
    one = [stages.train(case, shown, folder / "1" / case.name) for case in ALL]
    found = {n: on_ranks(n, stages.train_all, ALL, shown, folder / str(n)) for n in (2, 3)}
    return [
        row(case.name, str(n), [stages.differences(alone, each) for each in found[n][place]])
        for place, (case, alone) in enumerate(zip(ALL, one, strict=True))
        for n in (2, 3)
    ]


def rows_of_cut_stages(folder: Path) -> list[Row]:
    """The rows of a stage that is cut before its last step and taken up by another number of processes."""
    shown = stages.examples(folder)
    alone = stages.train(CUT, shown, folder / "whole")
    rows = []
    for first, then in CUTS:
        name = f"cut-{first}-{then}"
        for n, function, *arguments in (
            (first, stages.cut, CUT, shown, folder / name, len(alone.losses) - 1),
            (then, stages.train_all, (CUT,), shown, folder, name),
        ):
            found = on_ranks(n, function, *arguments) if n > 1 else function(*arguments)
        far = [stages.differences(stages.last_steps(alone, 1), each) for each in found[0]]
        rows.append(row(f"{CUT.name}, cut before its last step", f"{first}, then {then}", far))
    return rows


def row(stage: str, processes: str, far: list[stages.Differences]) -> Row:
    """A row of the table: the largest difference that any process has."""
    names = asdict(far[0])
    return {"stage": stage, "processes": processes} | {n: max(asdict(each)[n] for each in far) for n in names}


if __name__ == "__main__":
    main(sys.argv[1:])
