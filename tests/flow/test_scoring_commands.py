"""`score` and `compare` on small files of every format: what they print, and how long a large one takes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eartune.cli.app import main

Run = Callable[..., str]

NAMED = ["alarm.set", "alarm.query", "music.play", "alarm.set", "music.play", "alarm.set"]
COUNTS = {"missing": 0, "unparsable": 0, "duplicated": 0, "unknown": 0}


def labels(name: str, *entities: str) -> dict[str, Any]:
    scenario, action = name.split(".")
    pairs = [dict(zip(("type", "filler"), entity.split(":"), strict=True)) for entity in entities]
    return {"scenario": scenario, "action": action, "entities": pairs}


def manifest_row(n: int, name: str) -> dict[str, Any]:
    """Two recordings of "on day N", by the speakers ann and bob."""
    recordings = [{"file": f"u{n}-{who}.wav", "seconds": 1, "speaker": who} for who in ("ann", "bob")]
    return {"id": f"u{n}", "text": f"on day {n}", "recordings": recordings} | labels(name, f"date:day {n}")


def slurp_row(n: int, name: str) -> dict[str, Any]:
    tokens = [{"id": place, "surface": word} for place, word in enumerate(["On", "Day", str(n)])]
    files = [{"file": f"u{n}-{who}.wav"} for who in ("ann", "bob")]
    entities = [{"type": "date", "span": [1, 2]}]
    return {"slurp_id": n, "tokens": tokens, "recordings": files} | labels(name) | {"entities": entities}


def massive_row(n: int, name: str) -> dict[str, Any]:
    where = {"id": str(n), "locale": "en-US", "partition": "dev" if n == 5 else "test"}
    return where | {"intent": name.replace(".", "_"), "utt": f"on day {n}", "annot_utt": f"on [date : day {n}]"}


def write(path: str, *rows: dict[str, Any]) -> None:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """References in three formats, the answers of two systems by recording, and one by MASSIVE's own writing."""
    monkeypatch.chdir(tmp_path)
    for format, row in (("manifest", manifest_row), ("slurp", slurp_row), ("massive", massive_row)):
        write(f"{format}.jsonl", *(row(n, name) for n, name in enumerate(NAMED)))
    everything = [(n, who, name) for n, name in enumerate(NAMED) for who in ("ann", "bob")]
    rows = [{"file": f"u{n}-{who}.wav"} | labels(name, f"date:day {n}") for n, who, name in everything]
    write("b.jsonl", *rows)
    write("a.jsonl", *(row | labels("alarm.set", "date:day 1") for row in rows))
    own = [{"id": str(n), "pred_intent": "alarm_set", "pred_annot_utt": f"on [date : day {n}]"} for n in range(5)]
    write("own.jsonl", *own[:4], own[4] | {"pred_annot_utt": "on day [date : 4]"})
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in this process and returns what it printed; nothing may go to stderr."""

    def eartune(line: str) -> str:
        monkeypatch.setattr(sys, "argv", ["eartune", *line.split()])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capfd.readouterr()
        assert (end.value.code or 0, err) == (0, "")
        return out

    return eartune


@pytest.mark.parametrize("format", ["manifest", "slurp"])
@pytest.mark.parametrize("options", ["", "--mode official", "--average macro", "--cluster recording"])
def test_json_holds_every_score_as_a_fraction_within_its_interval(run: Run, format: str, options: str) -> None:
    found = json.loads(run(f"score a.jsonl --reference {format}.jsonl --format {format} --json {options}"))
    assert set(found["intervals"]) == set(found["details"]) and len(found["intervals"]) == 10
    for name, interval in found["intervals"].items():
        assert 0 <= interval["low"] <= found[name] <= interval["high"] <= 1
        assert found["details"][name]["n"] == 12
    assert {name: found[name] for name in COUNTS} == COUNTS and found["n"] == 12
    assert (found["format"], found["mode"]) == (format, "official" if "official" in options else "strict")
    assert found["intent_accuracy"] == 0.5 and found["exact_match"] == 0
    assert found["details"]["entity_f1"]["true_positives"] == 2
    assert set(found["answers"]) == {"statuses", "unknown_labels", "invented_fillers"}
    assert found["answers"]["invented_fillers"] == {"share": 10 / 12, "count": 10, "entities": 12}
    assert "repaired" not in found and "by_label" not in found


def test_the_right_answers_score_1(run: Run) -> None:
    found = json.loads(run("score b.jsonl --reference slurp.jsonl --format slurp --json"))
    assert {found[name] for name in found["intervals"]} == {1}


def test_massives_own_answers_are_scored_by_place(run: Run) -> None:
    found = json.loads(run("score own.jsonl --reference massive.jsonl --format massive --json"))
    assert (found["n"], found["intent_accuracy"], found["exact_match"]) == (5, 0.4, 0.4)
    details = found["details"]["slot_f1"]
    assert [details[f"{name}s"] for name in ("true_positive", "false_positive", "false_negative")] == [4, 1, 1]


def test_our_answers_to_massive_are_scored_by_place_and_other_partitions_left_out(run: Run) -> None:
    rows = [{"id": str(n)} | labels("alarm.set", f"date:DAY {n}") for n in range(6)]
    write("ours.jsonl", *rows[:3], rows[3] | labels("alarm.set", "date:tomorrow"), *rows[4:])
    found = json.loads(run("score ours.jsonl --reference massive.jsonl --format massive --json"))
    assert (found["n"], found["unknown"], found["slot_f1"]) == (5, 1, 0.8)
    found = json.loads(run("score ours.jsonl --reference massive.jsonl --format massive --partition dev --json"))
    assert (found["n"], found["exact_match"]) == (1, 1)


def test_labels_are_scored_one_by_one(run: Run) -> None:
    found = json.loads(run("score a.jsonl --reference manifest.jsonl --by-label --json"))["by_label"]
    assert {label: score["value"] for label, score in found["scenario_f1"].items()} == {"alarm": 0.8, "music": 0}
    assert set(found["slu_f1"]) == {"date"} and "intent_accuracy" not in found
    printed = run("score a.jsonl --reference manifest.jsonl --by-label")
    assert "alarm_set    0.6667" in printed and "intent_f1" in printed


def test_intervals_are_drawn_over_what_was_asked_for(run: Run) -> None:
    def width(options: str) -> float:
        found = json.loads(run(f"score a.jsonl --reference manifest.jsonl --json {options}"))
        interval: dict[str, float] = found["intervals"]["intent_accuracy"]
        return interval["high"] - interval["low"]

    by_sentence, by_recording = width("--cluster sentence"), width("--cluster recording")
    assert by_sentence > by_recording > width("--cluster speaker") == 0  # both speakers are half right
    assert width("--stratify intent") == 0 < width("--stratify scenario") < by_sentence


def test_what_went_wrong_is_said(run: Run) -> None:
    cut = {"file": "u2-bob.wav", "status": "TRUNCATED", "text": '{"scenario":"music","action":"play","entities":[{"d'}
    row = {"file": "u0-ann.wav"} | labels("[/INST].set", "date:tomorrow", "[red]:day 0")
    write("faulty.jsonl", row, cut, *[{"file": "u1-ann.wav"} | labels("alarm.query")] * 2, {"file": "z.wav"})
    printed = run("score faulty.jsonl --reference manifest.jsonl --by-label")
    assert "strict, micro: n 12, missing 9, unparsable 1, duplicated 1, without a reference 1" in printed
    assert "answers: 1 OK, 1 TRUNCATED" in printed
    assert "labels that no reference has: 2, for example [/INST]_set (1), [red] (1)" in printed
    assert "not in the words of the reference: 1 of 2 (50.0%)" in printed
    assert "repaired" in printed
    found = json.loads(run("score faulty.jsonl --reference manifest.jsonl --json"))
    assert [found[name] for name in COUNTS] == [9, 1, 1, 1]
    assert (found["intent_accuracy"], found["repaired"]["intent_accuracy"]) == (0, 1 / 12)


def test_two_systems_are_compared_metric_by_metric_and_row_by_row(run: Run) -> None:
    found = json.loads(run("compare a.jsonl b.jsonl --reference manifest.jsonl --json"))
    assert [len(found[kind]) for kind in ("fixed", "broken", "wrong_in_both")] == [12, 0, 0] and found["n"] == 12
    assert found["fixed"][2] == {
        "key": "u1-ann.wav",
        "text": "on day 1",
        "gold": "alarm_query [date: day 1]",
        "a": "alarm_set [date: day 1]",
        "b": "alarm_query [date: day 1]",
    }
    for difference in found["differences"].values():
        assert -1 <= difference["low"] <= difference["value"] <= difference["high"] <= 1 and 0 < difference["p"] <= 1
    accuracy = found["differences"]["intent_accuracy"]
    assert (accuracy["value"], accuracy["first"]["value"], accuracy["second"]["value"]) == (0.5, 0.5, 1)
    assert accuracy["p"] == pytest.approx(0.25, abs=0.02)  # three sentences differ: 2 of 8 swaps
    assert 0 < found["smallest_difference"] <= 1


def test_a_comparison_shows_the_first_rows_that_changed(run: Run) -> None:
    printed = run("compare b.jsonl a.jsonl --reference slurp.jsonl --format slurp --mode official")
    assert "fixed: 0" in printed and "broken: 12" in printed and "and 7 more; --json lists them all" in printed
    assert "u0-ann.wav  on day 0\n  gold alarm_set [date: day 0]\n  A    alarm_set [date: day 0]\n" in printed
    assert "intent_accuracy 100.00 50.00 -50.00" in " ".join(printed.split())


def test_answers_by_sentence_and_by_recording_are_not_compared(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write("text.jsonl", *({"id": f"u{n}"} | labels(name) for n, name in enumerate(NAMED)))
    monkeypatch.setattr(sys, "argv", ["eartune", "compare", "a.jsonl", "text.jsonl", "--reference", "manifest.jsonl"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    said = (
        "eartune: text.jsonl: answers sentences that have several recordings, where a.jsonl answers each recording; "
        'give each of its rows the "file" that it answers\n'
    )
    assert capfd.readouterr().err == said


TIMED = """
import sys, time
from eartune.cli.app import main
sys.argv = ["eartune", "score", "many.jsonl", "--reference", "corpus.jsonl", "--json"]
try:
    main()
finally:
    print(time.process_time(), "torch" in sys.modules, file=sys.stderr)
"""


def test_a_corpus_as_large_as_slurps_test_is_scored_in_seconds_and_without_torch() -> None:
    """3 s on an idle core, several times that on a busy one, and minutes if every draw loops over clusters."""
    intents = [f"scene{n % 18}.act{n % 59}" for n in range(2_974)]
    sentences = [manifest_row(n, name) for n, name in enumerate(intents)]
    for n, row in enumerate(sentences):
        row["recordings"] = [{"file": f"u{n}-{i}.wav", "seconds": 1} for i in range(5 if n < 1_182 else 4)]
        row["entities"][0]["type"] = f"type{n % 53}"
    write("corpus.jsonl", *sentences)
    heard = [(row, recording["file"]) for row in sentences for recording in row["recordings"]]
    answers = []
    for n, (row, file) in enumerate(heard):
        wrong = {"entities": [{"type": "type1", "filler": f"days {n % 97}"}]} if n % 3 == 0 else {}
        answers.append(
            {"file": file, "scenario": row["scenario"], "action": row["action"], "entities": row["entities"]}
        )
        answers[-1] |= wrong | ({"action": f"act{n % 7}"} if n % 4 == 0 else {})
    write("many.jsonl", *answers)
    one_core = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", TIMED], capture_output=True, text=True, env=one_core)
    seconds, torch = done.stderr.split()
    assert json.loads(done.stdout)["n"] == len(heard) == 13_078
    assert (float(seconds) < 60, torch) == (True, "False"), done.stderr
