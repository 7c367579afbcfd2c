"""The Python face: pinned names, each documented, and what load, run, evaluate and compare promise."""

import doctest
import inspect
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import eartune
from builders import experiment, pool
from eartune import ParseStatus, Prediction, SemanticFrame, Utterance, api
from eartune.data.utterance import Recording
from eartune.errors import InputError
from eartune.models import registry
from eartune.models.architecture import Architecture
from eartune.tasks.prediction import write_predictions
from eartune.tasks.slu import SluTask

STOP, GO = SemanticFrame("stop"), SemanticFrame("go")


def test_the_public_names_are_these() -> None:
    assert set(eartune.__all__) == {
        *("load", "run", "evaluate", "compare", "TrainedModel", "Prediction", "ParseStatus", "RunOutcome"),
        *("SemanticFrame", "Entity", "Utterance", "Recording", "Example", "as_text", "as_speech"),
        *("read_manifest", "write_manifest", "read_experiment", "Experiment"),
        *("Scheme", "Stage", "Asking", "Component", "Task", "Score", "Difference", "InputError", "__version__"),
    }
    assert len(eartune.__all__) <= 30


@pytest.mark.parametrize("name", sorted(set(eartune.__all__) - {"__version__"}))
def test_a_public_name_can_be_imported_and_says_what_it_is(name: str) -> None:
    assert (getattr(eartune, name).__doc__ or "").strip()


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        eartune.nonsense  # noqa: B018


def test_pocket_is_the_model_that_comes_with_eartune_whatever_folder_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a clone of eartune, whose folder pocket/ has the scripts that made it, it was "no finished model"."""
    monkeypatch.chdir(tmp_path)
    Path("pocket").mkdir()
    monkeypatch.setattr(registry, "load", lambda architecture: architecture)
    loaded = api.load("pocket", utterances=pool(2))
    assert loaded.model == loaded.architecture == Architecture(type="qwen2-audio", checkpoint="pocket")
    with pytest.raises(InputError):
        api.load("./pocket")


def test_the_functions_keep_their_arguments() -> None:
    signatures = {name: [*inspect.signature(getattr(eartune, name)).parameters] for name in ("load", "run", "compare")}
    assert signatures == {
        "load": ["model", "task", "utterances", "through"],
        "run": [
            "experiment",
            "data",
            "runs",
            "schemes",
            "task",
            "gpus",
            "workers",
            "gpus_per_model",
            "ray",
            "track",
            "console",
        ],
        "compare": ["references", "first", "second", "task"],
    }


def test_to_import_it_takes_no_torch() -> None:
    program = "import eartune, sys; eartune.evaluate; eartune.run; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_examples_in_the_docstrings_of_evaluate_and_compare_hold() -> None:
    names = {"eartune": eartune, "SemanticFrame": SemanticFrame}
    for function in (api.evaluate, api.compare):
        (found,) = doctest.DocTestFinder(recurse=False).find(function, globs=names)
        assert doctest.DocTestRunner().run(found) == (0, len(found.examples)) and found.examples


# --- evaluate and compare ------------------------------------------------------------------------------------------


def test_answers_are_scored_in_the_order_of_the_references_and_none_is_wrong() -> None:
    score = eartune.evaluate([STOP, GO, GO, GO], [STOP, GO, None, STOP])["intent_accuracy"]
    assert (score.value, score.n) == (0.5, 4) and score.low < 0.5 < score.high


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="there are 1 answers to 2 references; give None for a missing answer"):
        eartune.evaluate([STOP, GO], [STOP])


def test_an_answer_that_is_no_frame_is_refused_where_the_reference_is_one() -> None:
    with pytest.raises(InputError, match="the answer 'stop' is not a SemanticFrame, as the reference is"):
        eartune.evaluate([STOP], ["stop"])


def test_manifests_and_experiments_are_named_by_text_too(tmp_path: Path) -> None:
    path = str(tmp_path / "test.jsonl")
    eartune.write_manifest(path, pool(2))
    assert [utterance.id for utterance in eartune.read_manifest(path)] == ["u0", "u1"]
    with pytest.raises(InputError, match=r"nothing\.yaml: no such experiment"):
        eartune.read_experiment("nothing.yaml")


@pytest.mark.parametrize("name", ["runs/orders/curriculum-20pct-seed0", "not/there"])
def test_a_model_that_is_not_there_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=f"^{name}: is no folder here, and cannot be loaded from the hub"):
        eartune.load(name)


def test_an_exported_adapter_is_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "Qwen/Qwen2-Audio-7B-Instruct"}')
    with pytest.raises(eartune.InputError, match="is an adapter for Qwen/Qwen2-Audio-7B-Instruct and no model"):
        eartune.load(tmp_path)


def test_an_object_that_is_no_task_is_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match="alarms: task: object is not a task: it has no answer_fields, check, "):
        eartune.run(experiment(), task=object())  # type: ignore[arg-type]


def spoken(name: str, frame: SemanticFrame, *files: str) -> Utterance:
    return Utterance(name, None, "en", frame, tuple(Recording(Path(file), 1.0) for file in files))


def predicted(name: str, file: str | None, frame: SemanticFrame | None) -> Prediction:
    return Prediction(name, file, "", ParseStatus.OK if frame else ParseStatus.NOT_JSON, frame)


TEST = [spoken("a", STOP, "near/1.wav", "far/1.wav"), spoken("b", GO, "2.wav")]


@pytest.mark.parametrize(
    ("predictions", "right", "n"),
    [
        ([("a", "near/1.wav", STOP), ("a", "far/1.wav", GO), ("b", "2.wav", GO)], 2, 3),
        ([("b", "2.wav", GO), ("a", "far/1.wav", STOP)], 2, 3),  # one recording of a has no answer
        ([("a", None, STOP), ("b", None, None)], 1, 2),  # of sentences, not of recordings
        ([("b", "2.wav", None)], 0, 3),
    ],
)
def test_predictions_are_matched_by_id_and_what_is_missing_is_wrong(
    predictions: list[tuple[str, str | None, SemanticFrame | None]], right: int, n: int
) -> None:
    score = eartune.evaluate(TEST, [predicted(*row) for row in predictions])["intent_accuracy"]
    assert (round(score.value * score.n), score.n) == (right, n)


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([("c", None, STOP)], "a prediction has the id 'c', which no reference has"),
        ([("b", "2.wav", GO)] * 2, r"two predictions have the id 'b' and the recording 2\.wav"),
    ],
)
def test_a_prediction_that_fits_nothing_is_refused(
    predictions: Sequence[tuple[str, str | None, SemanticFrame]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        eartune.evaluate(TEST, [predicted(*row) for row in predictions])


def test_files_are_scored_as_what_is_in_them(tmp_path: Path) -> None:
    rows = pool(3)
    eartune.write_manifest(tmp_path / "test.jsonl", rows)
    answers = [predicted(row.id, None, row.frame if place else None) for place, row in enumerate(rows)]
    write_predictions(tmp_path / "answers.jsonl", answers, SluTask())
    found = eartune.evaluate(tmp_path / "test.jsonl", tmp_path / "answers.jsonl")
    assert found == eartune.evaluate(rows, answers) and found["exact_match"].value == pytest.approx(2 / 3)


def test_two_systems_are_compared_in_pairs() -> None:
    truth = [STOP, GO] * 20
    difference = eartune.compare(truth, [STOP] * 40, truth)["intent_accuracy"]
    assert difference.value == 0.5 and difference.p < 0.001 and difference.low > 0
