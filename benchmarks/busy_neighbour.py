"""Time a step alone and beside a busy process: python benchmarks/busy_neighbour.py [--only POLICY] [--out FILE]

For each way in which OpenMP's threads may wait for one another, and for what eartune chooses: the seconds of a text
step of the pocket checkpoint (16 rows, LoRA), alone and beside a process that multiplies matrices in two threads. The
environment is read when torch is loaded, so that each measurement is a process of its own. With --only the other
policies stay in the file as they are.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
POLICIES: dict[str, dict[str, str]] = {
    "as torch does": {},
    "GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
    "GOMP_SPINCOUNT=20000": {"GOMP_SPINCOUNT": "20000"},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"},
    "eartune": {},
}
PROCESSES, STEPS = 2, 3
NEIGHBOUR = """
import torch
torch.set_num_threads(2)
a = torch.randn(1024, 1024)
print("busy", flush=True)
while True:
    a @ a
"""


def main() -> None:
    """Measure the policies, print a table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(POLICIES))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--step", action="store_true", help=argparse.SUPPRESS)  # a process that measures steps
    parser.add_argument("--choose", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(seconds_of_steps(options.choose)))
        return
    policies = [options.only] if options.only else list(POLICIES)
    found: dict[str, dict[str, list[float]]] = {}
    for policy in policies:
        times: dict[str, list[float]] = {"alone": [], "beside": []}
        for _ in range(PROCESSES):  # which cores the threads share with the neighbour's differs between processes
            times["alone"] += measured(policy)
            with neighbour():
                times["beside"] += measured(policy)
        found[policy] = times
    write(options.out, found)


def measured(policy: str) -> list[float]:
    """Return the seconds of each step in a new process under a policy."""
    environment = {name: value for name, value in os.environ.items() if name not in (*WAITING, "OMP_NUM_THREADS")}
    command = [sys.executable, __file__, "--step", *(["--choose"] if policy == "eartune" else [])]
    done = subprocess.run(
        command, env=environment | POLICIES[policy], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{policy:24} {seconds}", flush=True)
    return seconds


@contextmanager
def neighbour() -> Iterator[None]:
    """A process that multiplies matrices in two threads until the block ends."""
    with subprocess.Popen([sys.executable, "-c", NEIGHBOUR], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"busy\n"
            time.sleep(0.5)
            yield
        finally:
            process.kill()


def seconds_of_steps(choose: bool) -> list[float]:
    """Return the seconds of each step after a warm-up; `choose` first does what the command `eartune` does."""
    if choose:
        from eartune.before_torch import before_torch

        before_torch()
    from mid_size import requests
    from where_time_goes import ROWS, rows_of, step, timed, trained_model

    from eartune.data.example import as_text

    model = trained_model("pocket")
    work = step(model, "pocket", rows_of(model, "pocket", as_text(requests(ROWS))))
    work()
    return [round(timed(work), 2) for _ in range(STEPS)]


def write(path: Path, found: dict[str, dict[str, list[float]]]) -> None:
    """Put the median of each policy into the file, with the ranges, and print a table."""
    from rich.console import Console
    from rich.table import Table

    from eartune.experiments.provenance import made_with
    from eartune.files import write_json

    rows = {row["policy"]: row for row in json.loads(path.read_text())["rows"]} if path.is_file() else {}
    for policy, times in found.items():
        alone, beside = (statistics.median(times[where]) for where in ("alone", "beside"))
        row: dict[str, Any] = {"policy": policy, "alone, s": alone, "beside a busy process, s": beside}
        row |= {"ratio": round(beside / alone, 2)}
        rows[policy] = row | {f"{where}, range": [min(times[where]), max(times[where])] for where in times}
    kept = [rows[policy] for policy in POLICIES if policy in rows]
    write_json(path, {"rows": kept, "made_with": made_with()})
    table = Table(*kept[0], box=None)
    for row in kept:
        table.add_row(*map(str, row.values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
