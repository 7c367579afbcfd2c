"""Kill workers, or the process that started them, at random moments; run again, and compare with a run that was whole.

    python benchmarks/kill_workers.py                        # 20 trials of each kind
    python benchmarks/kill_workers.py --kinds Ray --kills 5  # 5 on a Ray cluster, beside the others that were done

Kinds: two worker processes, of which one is killed or all together with the process that started them; and a Ray
cluster of two nodes on this machine, of which one is lost or one process is killed. One trial in four is killed twice.
Workers save a checkpoint after every step. Files, weights, answers, scores and logs must be equal to the last digit;
times and memory may differ.

Writes benchmarks/kill_workers.json, and exits with 1 if a trial was not equal.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # for the tiny experiment of the suite
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # processes of Ray do not take this one's path

from rich.console import Console

from deadly_task import DeadlyTask
from eartune.experiments.experiment import Experiment
from eartune.experiments.provenance import made_with
from eartune.experiments.resources import Resources
from eartune.experiments.runner import run
from eartune.files import read_json, write_json
from killed_runs import differences, experiment, make_data

FOUND = Path(__file__).with_suffix(".json")
SECONDS = {"two workers": 2.5, "Ray": 6.0}
"""About how long the models of a run take with each kind of workers; the moments are drawn from these seconds."""


def main(kinds: list[str], first: int, n_trials: int, seed: int) -> int:
    """Run the trials, print a line for each, and write the results; return the exit code."""
    known = read_json(FOUND)["trials"] if FOUND.exists() else []
    trials = [row for row in known if row["kind"] not in kinds or row["trial"] < first]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_data(root / "data")
        run(settings_of(root), root / "data", root / "whole", Console(quiet=True), Resources(workers=2))
        for kind in kinds:
            for number in range(first, first + n_trials):
                trial = {"two workers": kill_workers, "Ray": kill_in_a_cluster}[kind]
                killed = trial(root, root / f"{kind} {number}", random.Random(f"{seed} {kind} {number}"))
                found = differences(root / "whole", root / f"{kind} {number}")
                trials.append({"kind": kind, "trial": number, "killed": killed, "outcome": ", ".join(found) or "equal"})
                print(*trials[-1].values(), sep="; ", flush=True)
    equal = sum(row["outcome"] == "equal" for row in trials)
    write_json(FOUND, {"trials in all": len(trials), "equal": equal, "trials": trials, "made_with": made_with()})
    print(f"{equal} of {len(trials)} equal")
    return 0 if equal == len(trials) else 1


def settings_of(root: Path) -> Experiment:
    """Return the experiment of the suite; its task lets workers save often and kills none itself."""
    return experiment(root / "data").model_copy(update={"task": DeadlyTask(deaths=root / "deaths")})


def kill_workers(root: Path, runs: Path, draw: random.Random) -> list[str]:
    """Kill a worker or all processes once or twice, and run to the end; return what was killed when."""
    killed = []
    for _ in range(2 if draw.random() < 0.25 else 1):
        with start(root, runs) as process:
            seconds, which = draw.uniform(0, SECONDS["two workers"]), draw.choice(("a worker", "all"))
            wait_for_work(runs, process)
            time.sleep(seconds)
            forked = [child for server in children(process.pid) for child in children(server)]
            if process.poll() is None and (which == "all" or forked):
                os.kill(process.pid if which == "all" else draw.choice(forked), signal.SIGKILL)
                killed.append(f"{which} after {seconds:.2f} s")
            else:
                killed.append(f"nothing was there after {seconds:.2f} s")
    with start(root, runs) as process:
        process.wait()
    return killed


def start(root: Path, runs: Path) -> "subprocess.Popen[bytes]":
    """Start a run with two workers in a process of its own."""
    return subprocess.Popen([sys.executable, __file__, "--run", root, runs], stdout=subprocess.DEVNULL)


def wait_for_work(runs: Path, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Wait until a worker has claimed a model, or the run has ended."""
    deadline = time.monotonic() + 60
    while not list(runs.glob("tiny/.claims/*.lock")) and time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            return
        time.sleep(0.01)


def children(process: int) -> list[int]:
    """Return the numbers of the processes that a process started and that run."""
    try:
        found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except FileNotFoundError:
        return []
    return list(map(int, found))


def kill_in_a_cluster(root: Path, runs: Path, draw: random.Random) -> list[str]:
    """Kill a process of a Ray cluster, or one of its nodes, while a grid runs; return what was killed when."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    other = cluster.add_node(num_cpus=1)
    killed: list[str] = []

    def kill() -> None:
        for time_of in range(2 if draw.random() < 0.25 else 1):
            seconds = draw.uniform(0, SECONDS["Ray"])
            wait_for_work(runs)
            time.sleep(seconds)
            making = [int(path.name) for path in Path("/proc").glob("[0-9]*") if b"ray::_make" in command(path)]
            if time_of == 0 and draw.random() < 0.5:
                cluster.remove_node(other, allow_graceful=False)
                killed.append(f"a node after {seconds:.2f} s")
            elif making:
                os.kill(draw.choice(making), signal.SIGKILL)
                killed.append(f"a process after {seconds:.2f} s")
            else:
                killed.append(f"nothing was there after {seconds:.2f} s")

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        run(settings_of(root), root / "data", runs, Console(quiet=True), Resources(ray=cluster.address))
        killing.join()
    finally:
        ray.shutdown()
        cluster.shutdown()
    return killed


def command(process: Path) -> bytes:
    """Return the command line of a process, empty if it has ended."""
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        folder = Path(sys.argv[2])
        outcome = run(
            settings_of(folder), folder / "data", Path(sys.argv[3]), Console(quiet=True), Resources(workers=2)
        )
        sys.exit(len(outcome.failed))
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kinds", nargs="+", default=list(SECONDS), choices=list(SECONDS))
    options.add_argument("--kills", type=int, default=20, help="number of trials of each kind (default 20)")
    options.add_argument("--first", type=int, default=0, help="number of the first one; those before it are kept")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    sys.exit(main(given.kinds, given.first, given.kills, given.seed))
