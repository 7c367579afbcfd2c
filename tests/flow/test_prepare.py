"""`prepare` on a small folder of somebody's own: what it prints and writes, and that `check` takes what comes out."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import sound_file
from eartune.cli.app import main
from eartune.cli.prepare import write_experiment
from eartune.data.frame import SemanticFrame
from eartune.data.utterance import Utterance, read_manifest
from eartune.files import read_lines

Run = Callable[..., str]
COMMAND = "prepare train.csv test.jsonl --to prepared --map audio=clip_path"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six rows to train on, of which two cannot be used, and two of a test."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for n in range(8):
        sound_file(tmp_path / "clips" / f"c{n}.wav", 0.5 + n / 10)
    (tmp_path / "clips" / "c4.wav").write_text("no sound")
    rows = [
        {"id": f"u{n}", "utt": f"wake me on day {n}", "clip_path": f"clips/c{n}.wav", "intent": "alarm_set"}
        for n in range(8)
    ]
    rows[5]["intent"] = ""
    with Path("train.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows[:6])
    Path("test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[6:]), encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in this process and returns what it printed; on stderr if it ends with another code."""

    def eartune(line: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["eartune", *line.split()])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capfd.readouterr()
        assert (end.value.code or 0) == code and bool(err) == bool(code), err
        return err if code else out

    return eartune


def ids(path: str) -> list[str]:
    return [utterance.id for utterance in read_manifest(Path(path))]


def test_it_says_what_it_took_for_what_what_there_is_and_what_comes_next(run: Run) -> None:
    shown = run(COMMAND)
    assert "train.csv: split train, 6 rows, columns id=id, text=utt, audio=clip_path, intent=intent" in shown
    assert "test.jsonl: split test, 2 rows" in shown
    assert "Overview" in shown and "Sampling rates and channels" in shown
    assert "set aside: 2 rows (1 not-read and 1 unreadable), see prepared/quarantine.jsonl" in shown
    assert "A right row of train.csv:\nid,utt,clip_path,intent\nr1,a small latte,r1.wav,order" in shown.replace(
        " \n", "\n"
    )
    assert shown.splitlines()[-1] == "eartune check prepared/experiment.yaml"
    assert sorted(path.name for path in Path("prepared").iterdir()) == [
        *("experiment.yaml", "profile.md", "quarantine.jsonl", "test.jsonl", "train.jsonl")
    ]
    assert (ids("prepared/train.jsonl"), ids("prepared/test.jsonl")) == (["u0", "u1", "u2", "u3"], ["u6", "u7"])
    aside = [row.get("id", row.get("place")) for _, row in read_lines(Path("prepared/quarantine.jsonl"))]
    assert aside == ["train.csv, row 7", "u4"]  # rows as a spreadsheet numbers them


def test_check_takes_what_it_is_told_to(run: Run) -> None:
    told = run(COMMAND).splitlines()[-1]
    assert "text: 4 utterances" in run(told.removeprefix("eartune "))


def test_an_experiment_that_somebody_has_changed_is_kept(run: Run) -> None:
    run(COMMAND)
    path = Path("prepared/experiment.yaml")
    path.write_text(path.read_text() + "# mine\n")
    assert "prepared/experiment.yaml is there already and stays as it is" in run(COMMAND)
    assert path.read_text().endswith("# mine\n")


def test_a_test_is_held_out_of_one_file(run: Run) -> None:
    Path("train.csv").rename("calls.csv")
    shown = run("prepare calls.csv --to calls --map audio=clip_path --hold-out 25% --seed 3 --language en")
    assert "held out for the test: 1 of 4 recorded rows (25 %), chosen with seed 3; no row names a speaker" in shown
    assert sorted(ids("calls/train.jsonl") + ids("calls/test.jsonl")) == ["u0", "u1", "u2", "u3"]
    assert {row.language for row in read_manifest(Path("calls/test.jsonl"))} == {"en"}
    assert "test: 1 recordings" in run(shown.splitlines()[-1].removeprefix("eartune "))


def test_one_file_is_one_split_and_splits_may_be_named(run: Run) -> None:
    Path("train.csv").rename("orders.csv")
    run("prepare orders.csv --to one --map audio=clip_path")
    assert Path("one/all.jsonl").exists()
    shown = run("prepare --split train=orders.csv --split held_out=test.jsonl --to two --map audio=clip_path")
    assert "test: [{corpus: manifest, path: held_out.jsonl}]" in Path("two/experiment.yaml").read_text()
    assert shown.splitlines()[-1] == "eartune check two/experiment.yaml"


def test_files_of_one_split_are_joined(run: Run) -> None:
    run("prepare train.csv --split train=test.jsonl --to prepared --map audio=clip_path")
    assert ids("prepared/train.jsonl") == ["u0", "u1", "u2", "u3", "u6", "u7"]


def test_what_is_missing_from_an_experiment_is_said() -> None:
    def said(language: str = "xx", **splits: str | None) -> list[str]:
        rows = {split: [Utterance("a", text, language, SemanticFrame("y"))] for split, text in splits.items()}
        return write_experiment(rows, Path("none"))[1:]

    needed = (
        "needed: a test with recordings that are not trained on; add --hold-out 20%, or name its file: "
        "--split test=FILE"
    )
    assert said(all="x") == [
        *("data:", "  text: [{corpus: manifest, path: all.jsonl}]"),
        *("  speech: []  # no split has recordings to train on", "  test: []", needed),
    ]
    assert said("und", train="x", test="y")[-1].endswith("in which voices are to speak it, as in --language en")
    assert "--hold-out" not in (voices := said(train="x", test="y")[-1]) and "voices for the language 'xx'" in voices
    assert said(train=None)[1] == "  text: []  # no split has text in every row"
    assert not Path("none").exists()


def test_where_nothing_is_left_nothing_comes_next_and_the_command_fails(run: Run, folder: Path) -> None:
    for n in range(8):
        (folder / "clips" / f"c{n}.wav").write_bytes(b"")
    said = run(COMMAND, code=2)
    assert said == "eartune: nothing is left to train on or to test; prepared/quarantine.jsonl gives the reasons\n"
    assert len(list(read_lines(Path("prepared/quarantine.jsonl")))) == 8


def test_recordings_without_intents_are_prepared_as_such(run: Run) -> None:
    Path("train.tsv").write_text("client_id\tpath\tsentence\tlocale\ns1\tc0\tsay it\ten\ns2\tc1\tsay that\ten\n")
    shown = run("prepare . --to heard --unlabelled").splitlines()
    assert ".: passed over, as named by no row: clips/c2.wav and 5 more" in shown
    assert shown[-1] == "unlabelled: [{corpus: manifest, path: train.jsonl}]"
    assert [row.frame for row in read_manifest(Path("heard/train.jsonl"), labelled=False)] == [None, None]
    assert not Path("heard/experiment.yaml").exists()


def test_recordings_without_labels_are_offered_to_tune(run: Run) -> None:
    run(COMMAND)
    assert "Next: eartune tune FOLDER --unlabelled heard, where" in run("prepare clips --unlabelled --to heard")
    shown = run("tune prepared --unlabelled heard --only-write")
    assert ", 1 row without labels, " in shown  # of 7, of which 6 are labelled
    assert "heard: is not used; self-training needs 16 to 98 labelled recordings, 100 or more without labels" in shown
    assert "is not used" not in run("tune prepared --only-write")
    refused = run("tune prepared --unlabelled clips --only-write", code=2)
    assert "clips: holds no manifests; make them with eartune prepare RECORDINGS --to clips --unlabelled" in refused


def test_what_was_written_below_a_folder_of_recordings_is_not_read_with_them(run: Run) -> None:
    """The second of two equal commands read the copies of the first one as well."""
    for _ in range(2):
        run("prepare clips --unlabelled --copy --to clips/ready")
        assert len(read_manifest(Path("clips/ready/all.jsonl"), labelled=False)) == 7
    run("prepare clips/ready/recordings --unlabelled --to clips/ready")
    assert len(read_manifest(Path("clips/ready/all.jsonl"), labelled=False)) == 7


def test_long_recordings_without_labels_are_cut_if_asked(run: Run) -> None:
    """They were set aside, and a person had to cut hours of calls by hand."""
    sound_file(Path("clips/c7.wav"), 40.0)
    Path("calls.csv").write_text("audio\nclips/c6.wav\nclips/c7.wav\n")
    assert "set aside: 1 row (1 too-long)" in run("prepare calls.csv --to whole --unlabelled")
    shown = run("prepare calls.csv --to cut --unlabelled --cut-long")
    assert "cut at pauses: 1 recording into 2 rows, 1 of which end where it is quietest" in shown
    lengths = [row.seconds for row in read_manifest(Path("cut/all.jsonl"), labelled=False)]
    assert len(lengths) == 3 and sum(lengths) == pytest.approx(41.1) and max(lengths) < 30
    assert "--cut-long needs --unlabelled" in run("prepare calls.csv --to labelled --cut-long", code=2)


def test_chats_are_written_a_file_a_split(run: Run) -> None:
    shown = run(f"{COMMAND} --messages chats.jsonl")
    assert "chats: chats-train.jsonl, chats-test.jsonl" in shown and not Path("chats.jsonl").exists()
    assert len(list(read_lines(Path("chats-train.jsonl")))) == 4
    run("prepare test.jsonl --to alone --map audio=clip_path --messages chats.jsonl")
    assert len(list(read_lines(Path("chats.jsonl")))) == 2


def test_headers_only(run: Run) -> None:
    assert "Only headers were read" in run(f"{COMMAND} --headers-only")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("prepare --to prepared", "name the files to prepare: FILE, or --split NAME=FILE"),
        (f"{COMMAND} --hold-out 20%", "these are already the splits train and test"),
        ("prepare test.jsonl --to prepared --hold-out 20%", "but these are the split test"),
        ("prepare train.csv --to prepared --hold-out 2h", "--hold-out 2h: must be a share of the rows, such as 20%"),
        ("prepare gone.csv --to prepared", "gone.csv: no such file"),
        ("prepare test.jsonl --to prepared --split train", "--split train: must be NAME=FILE"),
        ("prepare test.jsonl --to prepared --split =train.csv", "--split =train.csv: must be NAME=FILE"),
        ("prepare --to prepared --split a/b=test.jsonl --map audio=clip_path", "'a/b' cannot name a split"),
        ("prepare test.jsonl --to prepared --map utt", "--map utt: must be OURS=THEIRS"),
        ("prepare test.jsonl --to p --map text=a --map text=b", "--map text=b: text is a already; give it once"),
        ("prepare test.jsonl --to prepared --map text=words", "test.jsonl: has no column 'words' for text"),
        ("prepare test.jsonl --to prepared --split train=./test.jsonl", "test.jsonl: is given twice"),
        ("prepare test.jsonl --to . --map audio=clip_path", "test.jsonl: would be overwritten"),
        ("prepare test.jsonl --to prepared --messages test.jsonl", "test.jsonl: would be overwritten"),
        ("prepare test.jsonl --to train.csv --map audio=clip_path", "train.csv: is a file; name a folder"),
        (f"{COMMAND} --strict", "2 rows (1 not-read and 1 unreadable) cannot be used, the first being train.csv, row"),
    ],
)
def test_what_a_user_may_get_wrong_is_one_sentence_and_nothing_is_written(
    run: Run, folder: Path, line: str, said: str
) -> None:
    before = contents(folder)
    assert said in run(line, code=2).splitlines()[-1]
    assert contents(folder) == before


def test_a_column_is_left_out_that_is_mapped_to_nothing(run: Run) -> None:
    """All rows of topics were set aside as entities that nobody can read, and there was no way around it."""
    Path("tags.csv").write_text("text,intent,tags\nlights off,off,urgent;home\n")
    run("prepare tags.csv --to prepared", code=2)
    assert "add --map entities=)" in Path("prepared/quarantine.jsonl").read_text()
    assert "not read: tags" in run("prepare tags.csv --to prepared --map entities=")


def test_the_verb_starts_without_torch() -> None:
    program = "import sys, eartune.cli.prepare; print({'torch', 'transformers', 'scipy', 'pandas'} & set(sys.modules))"
    done: Any = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
