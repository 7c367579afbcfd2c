"""Rates of training and decoding from the files of runs: which stages are comparable, and what is made of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import experiment, pool
from eartune.data.example import as_speech, as_text
from eartune.experiments.measured import Measured, measured
from eartune.experiments.plan import Pools, plan_cells
from eartune.experiments.provenance import machine
from eartune.files import write_json, write_lines
from eartune.run_folder import RunsFolder, StageFolder
from eartune.settings import Decoding
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY, DevSet, Stage

EXPERIMENT = experiment()
POOLS = Pools(pool(4), pool(4, 2.0), as_speech(pool(10, 2.0)), EXPERIMENT.task.labels(pool(4)))
PARTS = [str(part) for part in LANGUAGE_MODEL_ONLY]


def trained(
    runs: Path,
    name: str = "text",
    steps_done: int = 10,
    seconds: float = 60,
    speech_hours: float = 0,
    run: str = "other",
    **changes: Any,
) -> StageFolder:
    """The files of a model of another run with one finished stage of 40 rows in 10 steps, 4800 tokens if typed."""
    model = RunsFolder(runs).run(run).model(f"{name}-seed0")
    write_json(model.settings, experiment(**changes).model_dump(mode="json"))
    row = {"text_examples": 40, "speech_examples": int(speech_hours > 0), "speech_hours": speech_hours, "epochs": 1}
    row |= {"steps": 10, "trainable": PARTS, "folder": f"../stages/{name}-1"}
    write_json(model.plan, {"stages": [row]})
    folder = RunsFolder(runs).run(run).stage(name, "1")
    write_lines(folder.log, [{"step": step + 1} for step in range(steps_done)])
    folder.weights.write_bytes(b"")
    write_json(folder.note, {"seconds": seconds})
    return folder


def found(runs: Path) -> Measured:
    rates = measured(EXPERIMENT, POOLS, runs)
    assert rates is not None
    return rates


def stage(epochs: int = 1, trainable: Any = LANGUAGE_MODEL_ONLY) -> Stage:
    """Four texts: 480 tokens an epoch."""
    return Stage("text", as_text(pool(4)), epochs, 1e-4, 0, trainable)


def test_a_stage_is_as_long_as_its_tokens_at_the_measured_rate(tmp_path: Path) -> None:
    trained(tmp_path)
    assert found(tmp_path).stage(stage(epochs=3)) == pytest.approx(3 * 480 / 4800 * 60)


def test_a_stage_that_was_stopped_counts_for_the_steps_that_it_did(tmp_path: Path) -> None:
    trained(tmp_path, steps_done=5)
    assert found(tmp_path).stage(stage()) == pytest.approx(480 / 2400 * 60)


def test_a_checkpoint_counts_where_a_stage_is_not_finished(tmp_path: Path) -> None:
    folder = trained(tmp_path)
    folder.note.unlink()
    assert measured(EXPERIMENT, POOLS, tmp_path) is None
    checkpoint = folder.path / "checkpoint-4"
    for file in ("trainer_state.json", "seconds.json"):
        write_json(checkpoint / file, {"seconds": 20.0})
    (checkpoint / "weights.safetensors").write_bytes(b"")
    assert found(tmp_path).stage(stage()) == pytest.approx(480 / (4800 * 4 / 10) * 20)


def test_stages_of_the_same_kind_are_asked_first(tmp_path: Path) -> None:
    """Those with recordings, of 4920 and 25 * 360 tokens, say nothing of typed ones, unless there are no others."""
    trained(tmp_path)
    trained(tmp_path, "mixed", speech_hours=0.1, seconds=600)
    rates = found(tmp_path)
    assert rates.stage(stage()) == pytest.approx(480 / 4800 * 60)
    assert rates.stage(stage(trainable=EVERYTHING)) == pytest.approx(480 / (4800 + 4920 + 9000) * 660)


@pytest.mark.parametrize(
    "changes",
    [{"architecture__checkpoint": "tiny"}, {"training__lora": {"rank": 4}}, {"training__batch_size": 8}],
    ids=str,
)
def test_what_takes_another_time_is_not_compared(tmp_path: Path, changes: dict[str, Any]) -> None:
    trained(tmp_path, **changes)
    assert measured(EXPERIMENT, POOLS, tmp_path) is None


def test_settings_that_take_no_time_and_other_data_do_not_matter(tmp_path: Path) -> None:
    trained(tmp_path, training__max_grad_norm=2.0, question="Another one?", name="x")
    assert len(found(tmp_path).stages) == 1


def test_a_stage_that_models_share_counts_once(tmp_path: Path) -> None:
    trained(tmp_path)
    first, second = (RunsFolder(tmp_path).run("other").model(f"{name}-seed0") for name in ("text", "curriculum"))
    for file in (first.settings, first.plan):
        second.path.mkdir(exist_ok=True)
        (second.path / file.name).write_text(file.read_text())
    assert len(found(tmp_path).stages) == 1


def test_what_another_machine_did_is_left_out(tmp_path: Path) -> None:
    trained(tmp_path)
    result = RunsFolder(tmp_path).run("other").model("text-seed0").result
    write_json(result, {"made_with": {"machine": machine()}})
    assert len(found(tmp_path).stages) == 1
    write_json(result, {"made_with": {"machine": machine() | {"cores": 999}}})
    assert measured(EXPERIMENT, POOLS, tmp_path) is None


def test_answers_are_as_long_as_those_of_the_same_decoding(tmp_path: Path) -> None:
    plan = plan_cells(EXPERIMENT, POOLS)[0]
    trained(tmp_path)
    a_token = 60 / 4800
    assert found(tmp_path).decoding(plan) == pytest.approx((9000 + 180 * 10) * a_token)
    model = RunsFolder(tmp_path).run("other").model("text-seed0")
    write_json(model.decoding, {"seconds": 7.0})
    write_lines(model.predictions, [{}] * 2)
    assert found(tmp_path).decoding(plan) == pytest.approx(9000 * a_token + 10 * 3.5)
    write_json(model.settings, experiment(decoding__beams=1).model_dump(mode="json"))
    assert found(tmp_path).decoding(plan) == pytest.approx((9000 + 180 * 10) * a_token)


def test_the_dev_set_is_answered_after_every_epoch(tmp_path: Path) -> None:
    """Two recordings in three epochs are six answers, each as long as training of 180 tokens."""
    trained(tmp_path)
    alone = stage(epochs=3)
    choosing = replace(alone, dev=DevSet(as_speech(pool(2, 2.0)), Decoding(beams=1)))
    assert found(tmp_path).stage(choosing) - found(tmp_path).stage(alone) == pytest.approx(6 * 180 / 4800 * 60)
    plan = plan_cells(EXPERIMENT, POOLS)[0]
    prompted = replace(plan, prompts=plan.prompts * 3, dev=choosing.dev)
    longer = found(tmp_path).decoding(prompted) - found(tmp_path).decoding(plan)
    assert longer == pytest.approx(6 * 180 / 4800 * 60)


def test_gpus_of_one_model_divide_what_was_measured_and_it_is_said(tmp_path: Path) -> None:
    trained(tmp_path)
    two = measured(EXPERIMENT, POOLS, tmp_path, gpus=2)
    assert two is not None and two.stage(stage()) == pytest.approx(found(tmp_path).stage(stage()) / 2)
    assert two.source == (
        "Measured on this machine, on 1 stage of the same checkpoint and settings, answers as long as training of "
        "their tokens, divided by 2 as if nothing were lost between GPUs; other machines are taken to be as fast."
    )


def test_without_runs_nothing_is_known(tmp_path: Path) -> None:
    assert measured(EXPERIMENT, POOLS, tmp_path / "none") is None
