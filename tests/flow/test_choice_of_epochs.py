"""The epoch of a stage is chosen on recordings of its own; a kill changes neither the choice nor the weights."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eartune.data.example import Example
from eartune.data.utterance import read_manifest
from eartune.experiments.experiment import Experiment
from eartune.experiments.finished_model import load_finished_model
from eartune.experiments.runner import run
from eartune.files import read_json, read_lines
from eartune.inference import decode
from eartune.report import read_results
from eartune.run_folder import StageFolder
from eartune.settings import Decoding, Lora, Training
from killed_runs import Kill, choosing, differences, run_in_a_fork, run_to_the_end

MODEL = "tiny/direct-mixing-50pct-seed0"


@pytest.fixture(scope="module")
def settings(data: Path) -> Experiment:
    return choosing(data, patience=2)


@pytest.fixture(scope="module")
def whole(settings: Experiment, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for runs of one that was not killed."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    run_to_the_end(settings, data, runs)
    return runs


def stage_of(runs: Path) -> StageFolder:
    (path,) = runs.glob("tiny/stages/mixed-*")
    return StageFolder(path)


def scores_of(stage: StageFolder) -> list[float]:
    return [row["score"] for _, row in read_lines(stage.dev)]


def test_the_stage_ends_when_its_patience_does_and_keeps_its_best_epoch(whole: Path, data: Path) -> None:
    stage = stage_of(whole)
    scores, note = scores_of(stage), read_json(stage.note)
    best, tried = note["dev"]["epoch"], note["dev"]["tried"]
    assert 1 < best < tried < 6 and tried == best + 2  # else this test and those below would show little
    assert scores[best - 1] == max(scores) > scores[-1] and scores.index(max(scores)) == best - 1
    assert note["stopped"] == f"stopped after epoch {tried} of 6, as none was better after epoch {best}"
    assert len(list(read_lines(stage.log))) == 5 * tried
    assert sorted(path.name for path in stage.path.iterdir()) == [
        "dev.jsonl",
        "stage.json",
        "train.jsonl",
        "weights.safetensors",
    ]


def test_the_weights_that_are_kept_answer_the_dev_set_as_its_best_epoch_did(whole: Path, data: Path) -> None:
    model, stage = load_finished_model(whole / MODEL), stage_of(whole)
    dev = read_manifest(data / "dev.jsonl")
    answers = model.predict([row.recordings[0].path for row in dev])
    right = sum(answer == row.label for answer, row in zip(answers, dev, strict=True))
    assert right / len(dev) == max(scores_of(stage)) == read_json(stage.note)["dev"]["score"]


def test_plan_and_result_and_report_say_what_was_chosen_on_what(whole: Path) -> None:
    chosen = read_json(stage_of(whole).note)["dev"]["epoch"]
    (planned,) = read_json(whole / MODEL / "plan.json")["stages"]
    assert planned["dev"] == {"recordings": 4, "beams": 1, "patience": 2}
    (result,) = read_results(whole / "tiny")
    assert result.dev == {"recordings": 4, "epoch": {"mixed": f"{chosen} of 6"}}
    assert result.seconds["dev"] > 0 and result.test["recordings"] == 5
    note = "The epoch was chosen on the dev set of 4 recordings; the test was decoded once."
    assert note in (whole / "tiny" / "report.md").read_text()


PLACES = {
    "while the dev set is decoded, in the middle of a row": (
        Kill(pattern="open */choosing/epoch-1.part.jsonl", most_bytes=150),
        "choosing/epoch-1.part.jsonl",
        "dev.jsonl",
    ),
    "after the weights of the best epoch, before its row": (
        Kill(pattern="open */dev.TEMPORARY.jsonl"),
        "choosing/weights.safetensors",
        "dev.jsonl",
    ),
    "after the row of an epoch, before the checkpoint of its last step": (
        Kill(pattern="save */checkpoint-15/optimizer-0.pt"),
        "choosing/epoch-3.jsonl",
        "checkpoint-15/trainer_state.json",
    ),
    "between the ends of two epochs, after the best": (
        Kill(pattern="save */checkpoint-17/optimizer-0.pt"),
        "choosing/epoch-3.jsonl",
        "choosing/epoch-4.jsonl",
    ),
    "after the end by patience, before the weights of the stage": (
        Kill(pattern="rename */mixed-????????????/weights.safetensors"),
        "dev.jsonl",
        "weights.safetensors",
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="places of a kill are found by what Linux knows of open files")
@pytest.mark.parametrize(("kill", "there", "not_there"), PLACES.values(), ids=PLACES.keys())
def test_a_stage_that_is_killed_chooses_the_same_epoch_and_ends_with_the_same_weights(
    whole: Path, settings: Experiment, data: Path, tmp_path: Path, kill: Kill, there: str, not_there: str
) -> None:
    runs = tmp_path / "runs"
    code, _ = run_in_a_fork(settings, data, runs, kill)
    stage = stage_of(runs)
    assert code < 0 and (stage.path / there).exists() and not (stage.path / not_there).exists()
    run_to_the_end(settings, data, runs)
    assert differences(whole, runs) == []


SCHEMES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cascade": ({"type": "cascade", "epochs": 2}, {}),
    "through words": (
        {"type": "text-only", "epochs": 2},
        {"decoding": Decoding(beams=1, max_new_tokens=5, through="words"), "training": Training(lora=Lora(rank=2))},
    ),
    "words first": ({"type": "words-then-frame", "text_epochs": 2}, {}),
    "recordings": ({"type": "text-only", "epochs": 2}, {}),
}


@pytest.mark.parametrize(("scheme", "changes"), SCHEMES.values(), ids=SCHEMES.keys())
def test_the_dev_set_is_asked_as_the_test_is(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: dict[str, Any], changes: dict[str, Any]
) -> None:
    asked: dict[str, list[tuple[Any, bool]]] = {"dev": [], "test": []}
    ask = decode.ask

    def noted(model: Any, examples: Sequence[Example], *rest: Any) -> Any:
        for example in examples:
            pool = example.utterance.id.rstrip("0123456789")
            asked[pool].append((example.asked, example.transcript is None))
        return ask(model, examples, *rest)

    monkeypatch.setattr(decode, "ask", noted)
    settings = choosing(data, scheme=scheme).model_copy(update=changes)
    assert run(settings, data, tmp_path / "runs", Console(quiet=True)).failed == ()
    assert len(asked["dev"]) == 2 * 4 and len(asked["test"]) == 5  # two epochs; the test once
    assert set(asked["dev"]) == set(asked["test"])
