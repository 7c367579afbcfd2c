"""A grid on a Ray cluster of two machines, which here are two nodes of one: the same files, though one is lost."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from eartune.errors import InputError
from eartune.experiments.experiment import Experiment
from eartune.experiments.resources import Resources
from eartune.experiments.runner import run

if sys.platform != "linux":
    pytest.skip("runs that are killed are compared on Linux alone", allow_module_level=True)
from killed_runs import differences, experiment

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'eartune[ray]'")


@pytest.fixture(scope="module")
def settings(data: Path) -> Experiment:
    return experiment(data, schemes=("text-only", "direct-mixing", "curriculum"))


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A cluster of two nodes with a core each; the driver is at the first."""
    from ray.cluster_utils import Cluster

    even = {"worker_niceness": 0}  # Ray gives way to all else: beside other tests that is a minute and a half
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": even})
    found.other = found.add_node(num_cpus=1)
    yield found
    ray.shutdown()
    found.shutdown()


def both_work() -> bool:
    """Return whether each node has a model; the first may have trained one before the second is given any."""
    return bool(ray.is_initialized() and ray.available_resources().get("CPU", 0) == 0)


def test_a_cluster_makes_what_one_process_makes_though_a_machine_is_lost(
    settings: Experiment, data: Path, tmp_path: Path, cluster: Any
) -> None:
    def lose() -> None:
        while not (both_work() and list((tmp_path / "runs" / "tiny" / "stages").glob("*/train.jsonl"))):
            time.sleep(0.02)
        at_work = psutil.Process(cluster.other.all_processes["raylet"][0].process.pid).children(recursive=True)
        cluster.remove_node(cluster.other, allow_graceful=False)
        for process in at_work:  # they would notice in some seconds, and finish models this small before
            with suppress(psutil.NoSuchProcess):
                process.kill()

    losing = threading.Thread(target=lose)
    losing.start()
    console = Console(file=StringIO(), width=200)
    outcome = run(settings, data, tmp_path / "runs", console, Resources(ray=cluster.address))
    losing.join()
    assert isinstance(console.file, StringIO)
    printed = console.file.getvalue()
    assert outcome.failed == () and ("Ray 1: " in printed or "Ray 2: " in printed)
    assert "it goes on in another" in printed  # the machine that was lost was given a model
    run(settings, data, tmp_path / "whole", Console(quiet=True))
    assert differences(tmp_path / "whole", tmp_path / "runs") == []


def test_a_cluster_that_is_not_there_is_one_sentence(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no Ray cluster at 127\.0\.0\.1:1 \("):
        run(experiment(data), data, tmp_path / "runs", Console(quiet=True), Resources(ray="127.0.0.1:1"))
