"""What is done is known by keys: equal work has equal keys, and anything that changes the outcome changes them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import experiment, frame, pool
from eartune.data.example import as_speech
from eartune.data.utterance import Recording
from eartune.errors import InputError
from eartune.experiments.plan import CellPlan, Pools, plan_cells
from eartune.experiments.run_folder import (
    StageFolder,
    alone_in,
    base_fingerprint,
    cell_fingerprint,
    stage_folders,
    write_plan,
)
from eartune.models.architecture import Architecture
from eartune.tasks.slu import Schema

ROOT = Path("runs/alarms")
TEXT, SPEECH, TEST = pool(4), pool(4, 1.0, prefix="s"), pool(2, 1.0, prefix="t")


@pytest.fixture(autouse=True)
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something under the name of each recording."""
    monkeypatch.chdir(tmp_path)
    for utterance in (*SPEECH, *pool(3, 1.0, prefix="t")):
        utterance.recordings[0].path.write_text(utterance.id)
    Path("x.wav").write_text("x")


def pools(text: Any = TEXT, speech: Any = SPEECH, test: Any = TEST) -> Pools:
    return Pools(tuple(text), tuple(speech), as_speech(test), Schema.of([frame("alarm.set", "date:friday")]))


def test_a_run_is_alone_in_its_folder_and_leaves_it_free(tmp_path: Path) -> None:
    with (
        alone_in(tmp_path / "alarms"),
        pytest.raises(InputError, match="another eartune run is at work there"),
        alone_in(tmp_path / "alarms"),
    ):
        pass
    with alone_in(tmp_path / "alarms"):
        pass


def keys(base: str = "pocket", of: Pools | None = None, **changes: Any) -> dict[str, list[str]]:
    """By cell: the names of its stages' folders."""
    settings = experiment(**changes)
    plans = plan_cells(settings, of or pools())
    return {p.cell.name: [folder.path.name for folder in stage_folders(settings, p, ROOT, base)] for p in plans}


def fingerprints(base: str = "pocket", of: Pools | None = None, **changes: Any) -> dict[str, str]:
    settings = experiment(**changes)
    return {
        plan.cell.name: cell_fingerprint(settings, plan, of or pools(), base)
        for plan in plan_cells(settings, of or pools())
    }


def schemes(**changes: Any) -> list[dict[str, Any]]:
    return [{"type": "untuned"}, {"type": "text-only"}, {"type": "direct-mixing"}, {"type": "curriculum"} | changes]


CURRICULUM = "curriculum-50pct-seed0"


def test_equal_stages_share_a_folder_whatever_cell_they_belong_to() -> None:
    found = keys(grid__schemes=[{"type": "text-only", "epochs": 2}, {"type": "curriculum"}])
    assert found["text-only-seed0"] == found[CURRICULUM][:1] == found["curriculum-100pct-seed0"][:1]
    assert found[CURRICULUM][1] != found["curriculum-100pct-seed0"][1]


def test_a_stage_is_another_after_another_one() -> None:
    """The mixed stages of direct mixing and of the curriculum show the same, but start from other weights."""
    same = {"epochs": 1, "learning_rate": 3e-6, "warmup_ratio": 0.02}
    found = keys(grid__schemes=[{"type": "direct-mixing"} | same, {"type": "curriculum"}])
    assert found["direct-mixing-50pct-seed0"][0] != found[CURRICULUM][1]


CHANGES: dict[str, dict[str, Any]] = {
    "text epochs": {"grid__schemes": schemes(text_epochs=3)},
    "speech epochs": {"grid__schemes": schemes(speech_epochs=2)},
    "text rate": {"grid__schemes": schemes(text_learning_rate=1e-4)},
    "speech rate": {"grid__schemes": schemes(speech_learning_rate=1e-4)},
    "text warm-up": {"grid__schemes": schemes(text_warmup_ratio=0.5)},
    "speech warm-up": {"grid__schemes": schemes(speech_warmup_ratio=0.5)},
    "trained parts": {"grid__schemes": schemes(trainable=["language-model"])},
    "batch size": {"training__batch_size": 8},
    "lora": {"training__lora": {"rank": 4}},
    "weight decay": {"training__weight_decay": 0.1},
    "checkpoint": {"architecture__checkpoint": "Qwen/Qwen2-Audio-7B"},
    "precision": {"architecture__precision": "float32"},
    "instruction": {"architecture__instruction": "before"},
    "entity order": {"task__entity_order": "by-type"},
    "selection seed": {"grid__selection_seed": 1},
    "base weights": {"base": "other"},
    "text": {"of": pools(text=pool(5))},
    "words": {"of": pools(text=[replace(TEXT[0], text="other words"), *TEXT[1:]])},
    "labels": {"of": pools(text=[replace(TEXT[0], frame=frame("alarm.set")), *TEXT[1:]])},
    "recording": {"of": pools(speech=[replace(u, recordings=(Recording(Path("x.wav"), 1.0),)) for u in SPEECH])},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_outcome_changes_the_key(change: str) -> None:
    assert keys(**CHANGES[change])[CURRICULUM][-1] != keys()[CURRICULUM][-1]
    assert fingerprints(**CHANGES[change])[CURRICULUM] != fingerprints()[CURRICULUM]


def test_a_checkpoint_is_known_by_its_name_and_a_folder_by_its_files_too(tmp_path: Path) -> None:
    def fingerprint(checkpoint: str) -> str:
        return base_fingerprint(Architecture(type="qwen2-audio", checkpoint=checkpoint))

    assert fingerprint("Qwen/Qwen2-Audio-7B") == "Qwen/Qwen2-Audio-7B"
    folder = tmp_path / "tuned"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    before = fingerprint(str(folder))
    assert fingerprint(str(folder)) == before
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert fingerprint(str(folder)) != before


@pytest.mark.parametrize(("name", "heard_by"), [("s0-0.flac", {"curriculum-100pct-seed0"}), ("t0-0.flac", None)])
def test_a_recording_replaced_under_its_name_is_another(name: str, heard_by: set[str] | None) -> None:
    before = fingerprints()
    Path(name).write_text("something else")
    after = fingerprints()
    assert (heard_by or {*before}) <= {cell for cell in before if before[cell] != after[cell]}
    assert heard_by is None or before["untuned-seed0"] == after["untuned-seed0"]


def test_the_seed_changes_every_key() -> None:
    found = keys(grid__seeds=[0, 1])
    assert not set(found[CURRICULUM]) & set(found["curriculum-50pct-seed1"])


@pytest.mark.parametrize("change", ["speech epochs", "speech rate", "trained parts", "selection seed", "recording"])
def test_what_comes_later_does_not_change_the_text_stage(change: str) -> None:
    assert keys(**CHANGES[change])[CURRICULUM][0] == keys()[CURRICULUM][0]


@pytest.mark.parametrize(
    "changes",
    [
        {"training__micro_batch_size": 1},
        {"training__micro_batch_tokens": 100},
        {"training__workers": 3},
        {"training__encoded_gb": 0},
        {"training__recompute_activations": True},
        {"decoding__batch_size": 1},
        {"name": "other"},
        {"question": "other?"},
        {"grid__budgets": ["50%", "75%", "100%"]},
        {"grid__seeds": [0, 1, 2]},
    ],
    ids=str,
)
def test_what_does_not_change_the_outcome_does_not_change_the_key(changes: dict[str, Any]) -> None:
    assert keys(**changes)[CURRICULUM] == keys()[CURRICULUM]
    assert fingerprints(**changes)[CURRICULUM] == fingerprints()[CURRICULUM]


@pytest.mark.parametrize("cell", ["untuned-seed0", "text-only-seed0", CURRICULUM])
@pytest.mark.parametrize(
    "changes",
    [
        {"decoding__beams": 1},
        {"decoding__max_new_tokens": 5},
        {"architecture__instruction": "before"},
        {"architecture__precision": "float32"},
        {"base": "other"},
        {"of": pools(test=pool(3, 1.0, prefix="t"))},
        {"of": pools(test=[replace(u, frame=frame("alarm.query")) for u in TEST])},
    ],
    ids=["beams", "tokens", "instruction", "precision", "weights", "test", "test labels"],
)
def test_what_changes_the_answers_or_their_scores_changes_the_cells_fingerprint(
    cell: str, changes: dict[str, Any]
) -> None:
    assert fingerprints(**changes)[cell] != fingerprints()[cell]


def test_a_stage_is_done_when_its_note_is_there(tmp_path: Path) -> None:
    stage = StageFolder(tmp_path)
    assert not stage.is_done
    (tmp_path / "stage.json").write_text('{"seconds": 12.5}')
    assert stage.is_done and stage.seconds() == 12.5
    assert stage.weights == tmp_path / "weights.safetensors"


def plan_of(name: str) -> CellPlan:
    return next(plan for plan in plan_cells(experiment(), pools()) if plan.cell.name == name)


def test_a_plan_can_be_read(tmp_path: Path) -> None:
    plan = plan_of(CURRICULUM)
    stages = stage_folders(experiment(), plan, tmp_path, "pocket")
    write_plan(tmp_path / plan.cell.name, experiment(), plan, pools().labels, stages)
    written = {path.stem: json.loads(path.read_text()) for path in (tmp_path / plan.cell.name).iterdir()}
    assert written["settings"] == experiment().model_dump(mode="json")
    assert written["labels"] == {
        "intents": ["alarm_set"],
        "entity_types": ["date"],
        "has_scenario": True,
        "pairs": [["alarm", "set"]],
    }
    assert written["selection"] == {
        "budget": "50%",
        "utterances": [{"id": u.id, "seconds": 1.0} for u in plan.speech],
    }
    assert [stage["name"] for stage in written["plan"]["stages"]] == ["text", "mixed"]
    assert (tmp_path / plan.cell.name / written["plan"]["stages"][0]["folder"]).resolve() == stages[0].path
    assert written["plan"]["stages"][1]["speech_examples"] == 2
