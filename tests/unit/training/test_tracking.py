"""Trackers, or fakes of them, get the losses of a stage under its names through the library's integrations."""

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from builders import pool
from eartune.data.example import as_text
from eartune.errors import InputError
from eartune.files import read_lines
from eartune.models.architecture import Architecture
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import RowMaker
from eartune.settings import Training
from eartune.tasks.slu import SluTask
from eartune.training.callbacks import TrainingLog
from eartune.training.stage import LANGUAGE_MODEL_ONLY, Stage
from eartune.training.tracking import TRACKERS, TrackedStage, Tracking, tracking_of
from eartune.training.trainer import train_stage, training_arguments
from tiny_models import tiny

STAGE = Stage("text", as_text(pool(6)), 1, 1e-3, 0, LANGUAGE_MODEL_ONLY)
STEPS = 3


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_", "TENSORBOARD_"))]:
        monkeypatch.delenv(name)


def train(folder: Path, tracked: TrackedStage | None, fails: bool = False) -> list[float]:
    """Train three steps of two rows, and return their losses."""
    model = tiny(Qwen2Audio)
    rows = RowMaker(model, SluTask(), SluTask().labels(pool(6)), Architecture(type="qwen2-audio", checkpoint="pocket"))
    log = TrainingLog(folder / "train.jsonl", (lambda *_: 1 / 0) if fails else (lambda *_: None))
    with nullcontext() if tracked is None else tracked.opened():
        train_stage(model, STAGE, rows.to_learn, Training(batch_size=2), 0, folder, log, (), tracked)
    return [row["loss"] for _, row in read_lines(folder / "train.jsonl")]


class Calls:
    """A package that notes with which arguments it is called, and under which variables."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> None:
        self.noted: list[tuple[str, Any]] = []
        self.module = ModuleType(name)
        self.module.__spec__ = ModuleSpec(name, None)
        self.module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, self.module)

    def note(self, name: str, answer: Any = None) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            self.noted.append((name, kwargs or (args[0] if args else None)))
            return answer

        return called

    def of(self, name: str) -> list[Any]:
        return [content for called, content in self.noted if called == name]


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    calls = Calls(monkeypatch, "wandb", run=None, config=Settings(), define_metric=None)
    module = calls.module

    def init(**settings: Any) -> None:
        calls.noted.append(("init", settings | {"group": os.environ.get("WANDB_RUN_GROUP")}))
        module.run = SimpleNamespace(_label=lambda **_: None, summary={})

    def finish() -> None:
        calls.noted.append(("finish", None))
        module.run = None

    module.init, module.finish, module.log = init, finish, calls.note("log")
    for name in ("wandb.sdk", "wandb.sdk.lib", "wandb.sdk.lib.config_util"):
        Calls(monkeypatch, name, ConfigError=ValueError)
    yield calls


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    validation = SimpleNamespace(MAX_PARAM_VAL_LENGTH=250, MAX_PARAMS_TAGS_PER_BATCH=100)
    calls = Calls(monkeypatch, "mlflow", __version__="3.0", utils=SimpleNamespace(validation=validation))
    module = calls.module
    active: list[Any] = []

    def start_run(**settings: Any) -> None:
        calls.noted.append(("start_run", settings))
        active.append(SimpleNamespace(info=SimpleNamespace(run_id="1")))

    def end_run() -> None:
        calls.noted.append(("end_run", None))
        active.clear()

    module.start_run, module.end_run = start_run, end_run
    module.active_run = lambda: active[0] if active else None
    module.is_tracking_uri_set = lambda: False
    for name in ("set_experiment", "log_params", "set_tags", "log_metrics"):
        setattr(module, name, calls.note(name))
    yield calls


class Settings(dict[str, Any]):
    """The settings of a run of wandb or trackio."""

    def update(self, content: dict[str, Any], allow_val_change: bool = False) -> None:  # type: ignore[override]
        super().update(content)


def tracked(tracker: str, folder: Path, model: str = "curriculum-5pct-seed0") -> TrackedStage:
    return Tracking(tracker, "orders", folder).stage(model, "text")


def test_wandb_gets_the_losses_in_a_run_for_each_stage(wandb: Calls, tmp_path: Path) -> None:
    """Left open, the first run would get the losses of the second stage too."""
    losses = train(tmp_path / "one", tracked("wandb", tmp_path))
    train(tmp_path / "two", tracked("wandb", tmp_path, "text-only-seed0"))
    named = {"project": "orders", "group": "text"}
    assert wandb.of("init") == [named | {"name": f"{m}-text"} for m in ("curriculum-5pct-seed0", "text-only-seed0")]
    assert [row["train/loss"] for row in wandb.of("log") if "train/loss" in row][:STEPS] == losses
    assert len(wandb.of("finish")) == 2
    assert "WANDB_PROJECT" not in os.environ


def test_a_run_of_wandb_is_closed_after_an_error(wandb: Calls, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, tracked("wandb", tmp_path), fails=True)
    assert wandb.module.run is None and "WANDB_RUN_GROUP" not in os.environ


def test_what_the_user_has_set_stands(wandb: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    train(tmp_path, tracked("wandb", tmp_path))
    assert wandb.of("init")[0]["project"] == os.environ["WANDB_PROJECT"] == "mine"


def test_mlflow_gets_the_losses_in_an_experiment_of_the_runs_name(mlflow: Calls, tmp_path: Path) -> None:
    losses = train(tmp_path, tracked("mlflow", tmp_path))
    assert mlflow.of("set_experiment") == ["orders"]
    assert mlflow.of("start_run") == [{"run_name": "curriculum-5pct-seed0-text", "nested": False}]
    assert mlflow.of("set_tags") == [{"model": "curriculum-5pct-seed0", "stage": "text"}]
    logged = [row["metrics"] for row in mlflow.of("log_metrics")]
    assert [row["loss"] for row in logged if "loss" in row] == losses


def test_a_run_of_mlflow_is_closed_after_an_error(mlflow: Calls, tmp_path: Path) -> None:
    """Also while the error, and with it the trainer, is still held, as the library closes the run with the trainer."""
    with pytest.raises(ZeroDivisionError) as held:
        train(tmp_path, tracked("mlflow", tmp_path), fails=True)
    assert mlflow.module.active_run() is None and held.tb is not None


def test_trackio_gets_the_losses_and_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = SimpleNamespace(current_space_id=SimpleNamespace(get=lambda: None))
    calls = Calls(monkeypatch, "trackio", config=Settings(), context_vars=nowhere, __version__="1.0")
    for name in ("init", "log", "finish"):
        setattr(calls.module, name, calls.note(name))
    losses = train(tmp_path, tracked("trackio", tmp_path))
    (init,) = calls.of("init")
    assert (init["project"], init["name"], init["space_id"]) == ("orders", "curriculum-5pct-seed0-text", None)
    assert [row["train/loss"] for row in calls.of("log") if "train/loss" in row] == losses


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_the_losses_in_a_folder_for_each_stage(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: pip install 'eartune[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    losses = train(tmp_path / "stage", tracked("tensorboard", tmp_path / "tracked"))
    events = EventAccumulator(str(tmp_path / "tracked" / "curriculum-5pct-seed0-text")).Reload()
    found = events.Scalars("train/loss")
    assert [event.step for event in found] == [1, 2, 3]
    assert [event.value for event in found] == pytest.approx(losses, rel=1e-6)


def test_unasked_nothing_is_sent_anywhere(wandb: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to a tracker that is installed, nor to Kubeflow, which the library adds within its jobs."""
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_URL", "http://localhost:1")
    train(tmp_path, None)
    assert wandb.noted == []
    assert training_arguments(STAGE, Training(), 1, 0, tmp_path).report_to == []
    asked = training_arguments(STAGE, Training(), 1, 0, tmp_path, tracked("trackio", tmp_path))
    assert asked.report_to == ["trackio"]


def test_no_tracker_is_the_default(tmp_path: Path) -> None:
    assert tracking_of(None, "orders", tmp_path) is None


def test_an_installed_tracker_is_taken(wandb: Calls, tmp_path: Path) -> None:
    assert tracking_of("wandb", "orders", tmp_path) == Tracking("wandb", "orders", tmp_path)


def test_an_unknown_tracker_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"^--track neptune: is no tracker that is known; known are wandb, mlflow, tensorboard, trackio$",
    ):
        tracking_of("neptune", "orders", tmp_path)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_tracker_that_is_not_installed_is_named_with_the_command(
    tracker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eartune.training.tracking.find_spec", lambda name: None)
    with pytest.raises(InputError, match=rf"^--track {tracker}: is not installed; pip install 'eartune\[{tracker}\]'$"):
        tracking_of(tracker, "orders", tmp_path)
