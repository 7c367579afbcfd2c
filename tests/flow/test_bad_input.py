"""What a user may get wrong: every command says it in one line, exits with code 2, and writes nothing."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from builders import experiment, experiment_file, frame, pool, sound_file, tone, utterance
from eartune.cli.app import main
from eartune.data.audio import SAMPLE_RATE
from eartune.data.example import as_speech
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.experiments.cell import write_plan
from eartune.experiments.plan import Pools, plan_cells
from eartune.run_folder import RunFolder
from eartune.tasks.slu import Schema
from tiny_models import tiny

CHECK = ("check", "alarms.yaml", "--data", ".", "--runs", "runs")
SCORE = ("score", "predictions.jsonl", "--reference", "test.jsonl")
PREDICT = ("predict", "runs/alarms/untuned-seed0", "test0.wav", "--out", "answers.jsonl")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment, its data, and predictions of its test, with nothing wrong in them."""
    monkeypatch.chdir(tmp_path)
    experiment_file(tmp_path / "alarms.yaml")
    write_manifest(tmp_path / "text.jsonl", pool(4))
    for name, size in (("speech", 4), ("test", 2)):
        write_manifest(tmp_path / f"{name}.jsonl", [spoken(u, tmp_path) for u in pool(size, prefix=name)])
    write_predictions(tmp_path, "test0", "test1")
    return tmp_path


def spoken(row: Utterance, folder: Path) -> Utterance:
    return replace(row, recordings=(Recording(sound_file(folder / f"{row.id}.wav"), 0.5),))


def write_predictions(folder: Path, *names: str) -> None:
    rows = [{"id": name, "scenario": "alarm", "action": "set", "entities": []} for name in names]
    (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def edit(path: str, **keys: Any) -> Callable[[Path], object]:
    """Change keys of a manifest's second row; None takes one out."""

    def change(folder: Path) -> None:
        lines = (folder / path).read_text().splitlines()
        row = {key: value for key, value in (json.loads(lines[1]) | keys).items() if value is not None}
        (folder / path).write_text("\n".join([lines[0], json.dumps(row), *lines[2:]]) + "\n")

    return change


def settings(**changes: Any) -> Callable[[Path], object]:
    return lambda folder: experiment_file(folder / "alarms.yaml", **changes)


def text(path: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / path).write_text(content)


def cut(path: str) -> Callable[[Path], object]:
    return lambda folder: (folder / path).write_bytes((folder / path).read_bytes()[:-20])


def signal(path: str, samples: np.ndarray) -> Callable[[Path], object]:
    return lambda folder: soundfile.write(folder / path, samples, SAMPLE_RATE, subtype="FLOAT")


def remove(path: str) -> Callable[[Path], object]:
    return lambda folder: (folder / path).unlink()


NOT_A_NUMBER = np.append(tone(0.5)[:, 0], np.float32("nan"))

CHECK_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing experiment": (remove("alarms.yaml"), "alarms.yaml: no such experiment"),
    "broken YAML": (text("alarms.yaml", "name: [a"), "alarms.yaml: is not YAML"),
    "unknown key": (settings(grdi={}), "alarms.yaml: unknown key 'grdi'; did you mean 'grid'?"),
    "unknown nested key": (
        settings(training__batchsize=4),
        "alarms.yaml: training: unknown key 'batchsize'; did you mean 'batch_size'?",
    ),
    "unknown corpus": (
        settings(data__text=[{"corpus": "gramar"}]),
        "alarms.yaml: data.text.0: unknown corpus 'gramar'; did you mean 'grammar'?",
    ),
    "unknown scheme": (
        settings(grid__schemes=[{"type": "mixing"}]),
        "alarms.yaml: grid.schemes.0: unknown type 'mixing'; did you mean 'direct-mixing'?",
    ),
    "no budget": (settings(grid__budgets=[]), "alarms.yaml: grid: the scheme 'direct-mixing' needs budgets"),
    "empty budget": (settings(grid__budgets=["1%"]), "the speech budget 1% is empty: the pool holds 4 utterances"),
    "large budget": (
        settings(grid__budgets=["5 utterances"]),
        "the speech budget 5 utterances is more than there is: the pool holds 4 utterances",
    ),
    "unknown checkpoint": (settings(architecture__checkpoint="nowhere"), "nowhere: neither a folder with a config"),
    "undeclared intent": (settings(task__intents=["alarm_query"]), "u0: the intent 'alarm_set' is not among"),
    "undeclared type": (settings(task__entity_types=["time"]), "u0: the entity type 'date' is not among"),
    "missing manifest": (remove("speech.jsonl"), "speech.jsonl: no such file"),
    "manifest cut": (cut("text.jsonl"), "text.jsonl, row 4: is not JSON"),
    "text row without text": (edit("text.jsonl", text=None), 'text.jsonl, row 2: has neither "text" nor "recordings"'),
    "text row with speech alone": (
        edit("text.jsonl", text=None, recordings=[{"file": "test0.wav"}]),
        "u1: stands in a text pool but has no text",
    ),
    "empty text pool": (text("text.jsonl", ""), "text-only-seed0: the text pool is empty"),
    "same id twice": (edit("text.jsonl", id="u0"), "text.jsonl, row 2: the id 'u0' stands in an earlier row too"),
    "bad entities": (edit("text.jsonl", entities=["friday"]), 'text.jsonl, row 2: "entities" must be a list'),
    "two kinds of frames": (
        edit("text.jsonl", scenario=None, intent="set"),
        "some utterances have scenario and action",
    ),
    "test in the speech pool": (
        edit("test.jsonl", recordings=[{"file": "speech0.wav"}]),
        "speech0.wav: is in the test and in the training speech",
    ),
    "no test recordings": (text("test.jsonl", ""), "alarms: the test has no recordings"),
    "missing recording": (remove("speech1.wav"), "speech1.wav: no such recording"),
    "text for a recording": (text("speech1.wav", "no sound"), "speech1.wav: not a recording that can be read"),
    "no bytes": (text("test0.wav", ""), "test0.wav: not a recording that can be read"),
    "empty signal": (signal("test0.wav", NOT_A_NUMBER[:0]), "test0.wav: holds no samples"),
    "long recording": (
        signal("test0.wav", tone(31)[:, 0]),
        "test0.wav: is 31.00 s long; a recording must be 0.1 to 30 s long",
    ),
}

SCORE_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing predictions": (remove("predictions.jsonl"), "predictions.jsonl: no such file"),
    "empty predictions": (text("predictions.jsonl", ""), "predictions.jsonl: holds no predictions"),
    "cut predictions": (cut("predictions.jsonl"), "predictions.jsonl, row 2: is not JSON"),
    "other corpus": (
        lambda folder: write_predictions(folder, "coffee1", "coffee2"),
        "predictions.jsonl: 'coffee1' is not in the reference; does it come from another corpus or split?",
    ),
    "missing reference": (remove("test.jsonl"), "test.jsonl: no such file"),
    "empty reference": (text("test.jsonl", ""), "test.jsonl: holds no references"),
    "empty filler": (
        edit("test.jsonl", entities=[{"type": "date", "filler": " "}]),
        "test.jsonl, row 2: the entity 'date' has no words",
    ),
    "bad reference": (edit("test.jsonl", scenario=None), 'test.jsonl, row 2: needs "scenario" and "action"'),
    "two kinds of frames": (
        edit("test.jsonl", scenario=None, intent="set"),
        "test.jsonl: some rows have a scenario and an action, some only an intent",
    ),
    "one recording twice": (
        edit("test.jsonl", recordings=[{"file": "a/test0.wav", "seconds": 1}] * 2),
        "a/test0.wav twice; name each recording once",
    ),
}

PREDICT_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no model": (
        remove("runs/alarms/untuned-seed0/result.json"),
        "untuned-seed0: is not the folder of a finished model",
    ),
    "missing recording": (remove("test0.wav"), "test0.wav: no such recording"),
    "cut recording": (
        lambda folder: (folder / "test0.wav").write_bytes(cut_flac(folder)),
        "test0.wav: not a recording that can be read",
    ),
    "empty signal": (signal("test0.wav", NOT_A_NUMBER[:0]), "test0.wav: holds no samples"),
    "NaN": (signal("test0.wav", NOT_A_NUMBER), "test0.wav: holds samples that are not finite (NaN or infinity)"),
}


def cut_flac(folder: Path) -> bytes:
    """A header that promises two seconds, and half of them."""
    return sound_file(folder / "long.flac", 2.0).read_bytes()[:9000]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def complaint(argv: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on stderr of a command that exits with code 2."""
    monkeypatch.setattr(sys, "argv", ["eartune", *argv])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    return capfd.readouterr().err.splitlines()


@pytest.mark.parametrize("argv", [CHECK, SCORE], ids=["check", "score"])
def test_nothing_is_wrong_to_begin_with(
    folder: Path, argv: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["eartune", *argv])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code and capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("argv", "make", "said"),
    [
        *(pytest.param(CHECK, *fault, id=f"check: {name}") for name, fault in CHECK_FAULTS.items()),
        *(pytest.param(SCORE, *fault, id=f"score: {name}") for name, fault in SCORE_FAULTS.items()),
    ],
)
def test_a_fault_is_one_line_and_nothing_is_written(
    folder: Path,
    argv: tuple[str, ...],
    make: Callable[[Path], object],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    make(folder)
    before = contents(folder)
    (line,) = complaint(argv, monkeypatch, capfd)
    assert line.startswith("eartune: ") and said in line
    assert contents(folder) == before


@pytest.mark.parametrize("fault", PREDICT_FAULTS)
def test_a_recording_that_cannot_be_heard_is_found_before_any_is_answered(
    folder: Path, fault: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    make, said = PREDICT_FAULTS[fault]
    untuned_model(folder / "runs" / "alarms")
    make(folder)
    before = contents(folder)
    (line,) = complaint(PREDICT, monkeypatch, capfd)
    assert line.startswith("eartune: ") and said in line
    assert contents(folder) == before


def untuned_model(run: Path) -> None:
    """A model's folder as `run` leaves it; its weights are not needed to find a bad recording."""
    plan = plan_cells(experiment(), Pools(pool(2), pool(2, 1.0), as_speech(pool(1, 1.0)), SCHEMA))[0]
    folder = RunFolder(run).model(plan.cell.name)
    write_plan(folder, experiment(), SCHEMA, plan, ())
    folder.result.write_text("{}")


SCHEMA = Schema.of([frame("alarm.set", "date:friday")])


def test_a_recording_that_only_a_run_finds_broken_leaves_no_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Samples are read when they are heard; a header does not tell of a NaN."""
    from eartune.models.families.qwen2_audio import Qwen2Audio

    tiny(Qwen2Audio).save(folder / "tiny")
    capfd.readouterr()  # saving draws a bar
    signal("test0.wav", NOT_A_NUMBER)(folder)
    settings(
        architecture={"type": "qwen2-audio", "checkpoint": "tiny", "precision": "float32"},
        grid__schemes=[{"type": "untuned"}],
        decoding={"beams": 1, "max_new_tokens": 2},
    )(folder)
    (line,) = complaint(("run", *CHECK[1:]), monkeypatch, capfd)
    assert line == "eartune: test0.wav: holds samples that are not finite (NaN or infinity)"
    left = [path.name for path in (folder / "runs").rglob("*")]
    assert "result.json" not in left and "predictions.jsonl" not in left


@pytest.mark.parametrize(
    ("argv", "make"), [(CHECK, settings(grdi={})), (SCORE, cut("predictions.jsonl"))], ids=["check", "score"]
)
def test_the_installed_command_says_it_the_same_way(
    folder: Path, argv: tuple[str, ...], make: Callable[[Path], object]
) -> None:
    make(folder)
    eartune = Path(sys.executable).with_name("eartune")
    done = subprocess.run([eartune, *argv], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("eartune: ")


def test_answers_that_name_no_file_are_answers_to_sentences(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Text was shown, so a sentence of two recordings is answered once."""
    both = replace(utterance("test0"), recordings=tuple(Recording(folder / f"test{i}.wav", 0.5) for i in range(2)))
    write_manifest(folder / "test.jsonl", [both])
    write_predictions(folder, "test0")
    found = scored(monkeypatch, capfd)
    assert [found[name] for name in FAULTS] == [0, 0, 0, 0] and (found["n"], found["intent_accuracy"]) == (1, 1)


def test_what_is_answered_twice_is_counted_and_is_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_predictions(folder, "test0", "test1", "test0", "elsewhere")
    found = scored(monkeypatch, capfd)
    assert [found[name] for name in FAULTS] == [0, 0, 1, 1] and (found["n"], found["intent_accuracy"]) == (2, 0.5)


FAULTS = ("missing", "unparsable", "duplicated", "unknown")


def scored(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", ["eartune", *SCORE, "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found
