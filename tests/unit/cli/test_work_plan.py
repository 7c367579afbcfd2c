"""What `eartune check` says about a run on several GPUs, in sentences whose numbers are counted by hand."""

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from builders import experiment, pool
from eartune.cli.app import app
from eartune.cli.work_plan import Part, memory_sentence, order_table, pace_of, print_work_plan, summary, workers
from eartune.data.example import as_speech
from eartune.errors import InputError
from eartune.experiments.keys import Keys
from eartune.experiments.plan import Pools
from eartune.experiments.schedule import Task, simulate
from eartune.experiments.time_estimate import Forecast
from eartune.settings import Component
from eartune.training.gpus import gpu_named
from eartune.training.memory_estimate import ComponentMemory, Footprint

TASKS = [Task("text", {"t": 3600}, 1800), Task("curriculum", {"t": 3600, "s": 7200}, 1800)]


def footprint(gigabytes: float) -> Footprint:
    return Footprint({Component.LANGUAGE_MODEL: ComponentMemory(1, 1, gigabytes * 1e9, 0, 0)}, 0, 0)


def test_hours_until_the_last_model_and_hours_of_work_and_money() -> None:
    """One worker: 1 + 2 + 0.5 + 0.5 h; of two, the second decodes the text model while the first goes on."""
    assert summary(simulate(TASKS, 1), 1, 1, None) == [
        "1 GPU: the last model is there after 4.0 h; the work takes 4.00 GPU hours in all, 100% of the GPUs' time "
        "until then"
    ]
    assert summary(simulate(TASKS, 2), 2, 1, 2.5) == [
        "2 GPUs: the last model is there after 3.5 h; the work takes 4.00 GPU hours in all, 57% of the GPUs' time "
        "until then",
        "at 2.5 an hour: 17.50 for all GPUs until the last model is there, 10.00 if each is given back as soon as it "
        "has nothing to do",
    ]


def test_gpus_that_are_left_over_are_named_and_paid_for() -> None:
    _, left_over, money = summary(simulate(TASKS, workers(7, 3)), 7, 3, 1.0)
    assert left_over == "1 GPU of these can do nothing, as a model takes 3"
    assert money.startswith("at 1 an hour: 24.50 for all GPUs") and " 12.00 if each" in money


def test_the_order_names_gpus_and_the_stages_that_a_model_trains_itself() -> None:
    table = order_table(TASKS, simulate(TASKS, 2), 2)
    cells = list(zip(*(column.cells for column in table.columns), strict=True))
    assert cells == [
        ("curriculum", "0-1", "2 of 2 stages", "0.00", "3.50"),
        ("text", "2-3", "0 of 1 stages", "1.00", "1.50"),
    ]
    assert [column.header for column in table.columns][-1] == "is there after, h"


def test_too_few_gpus_for_a_model_are_refused() -> None:
    with pytest.raises(InputError, match=r"^--gpus 2: is fewer than the 4 of --gpus-per-model$"):
        workers(2, 4)


def test_a_gpu_that_does_not_hold_a_stage_is_said_to_and_what_would() -> None:
    h100 = gpu_named("H100")
    assert memory_sentence(footprint(30), None, 1) == "the smallest GPU that holds it: 32 GB (RTX 5090)"
    assert memory_sentence(footprint(60), h100, 4) == (
        "the smallest GPU that holds it, 4 of which train a model together: 80 GB (A100, H100)"
    )
    assert "An H100 has 80 GB and does not hold it." in memory_sentence(footprint(79), h100, 1)


def test_without_a_gpu_or_a_run_no_hours_are_invented(tmp_path: Path) -> None:
    wanted = experiment()
    pools = Pools(pool(4), pool(4, 2.0), as_speech(pool(4, 2.0)), wanted.task.labels(pool(4)))
    assert isinstance(pace_of(wanted, pools, tmp_path, gpu_named("L4"), 1), Forecast)
    pace = pace_of(wanted, pools, tmp_path, None, 1)
    assert pace is None
    console = Console(record=True, width=200)
    print_work_plan(console, [(Part((), Keys(wanted, pools, "base")), pace)], 8, None)
    assert console.export_text() == (
        "nothing like it has been trained here, so that no hours are known; name a GPU for a forecast: --gpu H100\n"
    )


def test_an_unknown_gpu_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check", "experiments/demo.yaml", "--gpu", "TPU", "--data", str(tmp_path)])
    assert isinstance(done.exception, InputError) and str(done.exception).startswith("--gpu TPU: ")
