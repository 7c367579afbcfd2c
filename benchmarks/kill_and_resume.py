"""Kill tiny experiments at random places, run them again, and compare them with one that was not killed.

    python benchmarks/kill_and_resume.py                            # 30 trials
    python benchmarks/kill_and_resume.py --kills 10 --first 20      # trials 20 to 29, beside those that were done

Half of the trials are killed at a random moment. The others are killed before a random operation on a file, or in the
middle of a write: from a random operation on, no file may grow beyond some bytes. One in five is killed twice. Files,
weights, answers, scores and logs must be equal to the last digit; times and memory may differ.

Writes benchmarks/kill_and_resume.json, and exits with 1 if a trial was not equal.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # for the tiny experiment of the suite

from eartune.experiments.provenance import made_with
from eartune.files import read_json, write_json
from killed_runs import VARIANTS, Kill, differences, experiment, make_data, run_in_a_fork, run_to_the_end

FOUND = Path(__file__).with_suffix(".json")


def main(first: int, n_trials: int, seed: int) -> int:
    """Run the trials, print a line for each, and write the results; return the exit code."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_data(root / "data")
        run_in_a_fork(experiment(root / "data"), root / "data", root / "first", Kill(number=0))  # the server is started
        whole: dict[str, tuple[int, float]] = {}
        trials = []
        for number in range(first, first + n_trials):
            variant = list(VARIANTS)[number % len(VARIANTS)]
            if variant not in whole:
                started = time.monotonic()
                operations = run_to_the_end(experiment(root / "data", variant), root / "data", root / variant)
                whole[variant] = len(operations), time.monotonic() - started
            trials.append(run_trial(number, variant, random.Random(f"{seed} {number}"), whole[variant], root))
            print(*trials[-1].values(), sep="; ", flush=True)
    known = {row["trial"]: row for row in read_json(FOUND)["trials"]} if FOUND.exists() and first else {}
    rows = [row for _, row in sorted((known | {row["trial"]: row for row in trials}).items())]
    equal = sum(row["outcome"] == "equal" for row in rows)
    head = {"trials in all": len(rows), "equal": equal, "file operations of a run": max(n for n, _ in whole.values())}
    write_json(FOUND, head | {"seed": seed, "trials": rows, "made_with": made_with()})
    print(f"{equal} of {len(rows)} equal")
    return 0 if equal == len(rows) else 1


def run_trial(number: int, variant: str, draw: random.Random, whole: tuple[int, float], root: Path) -> dict[str, Any]:
    """Kill a run once or twice, run it to the end, and compare its folder with that of the whole run."""
    settings, runs = experiment(root / "data", variant), root / f"trial-{number}"
    killed = []
    for _ in range(2 if number % 5 == 4 else 1):
        kill = draw_kill(number, draw, *whole)
        code, operations = run_in_a_fork(settings, root / "data", runs, kill)
        killed.append(place_of(kill, operations) if code < 0 else "it was at its end already")
    try:
        run_to_the_end(settings, root / "data", runs)
        found = differences(root / variant, runs)
    except RuntimeError as error:
        found = [str(error)]
    return {"trial": number, "variant": variant, "killed": killed, "outcome": ", ".join(found) or "equal"}


def draw_kill(number: int, draw: random.Random, n_operations: int, seconds: float) -> Kill:
    """Draw where a trial is killed: at a moment if its number is odd, else at an operation or in a write."""
    if number % 2:
        return Kill(seconds=draw.uniform(0, seconds))
    return Kill(number=draw.randrange(n_operations), most_bytes=draw.choice((1, 50, 150, 2000)) if number % 4 else None)


def place_of(kill: Kill, operations: list[str]) -> str:
    """Return a description of where a run was killed."""
    last = f"operation {len(operations)}, {operations[-1]}" if operations else "the first operation"
    if kill.seconds is not None:
        return f"{kill.seconds:.2f} s after its start, after {last}"
    return f"before {last}" if kill.most_bytes is None else f"in a write beyond {kill.most_bytes} bytes, after {last}"


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=30, help="number of trials (default 30)")
    options.add_argument("--first", type=int, default=0, help="number of the first one (default 0)")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    sys.exit(main(given.first, given.kills, given.seed))
