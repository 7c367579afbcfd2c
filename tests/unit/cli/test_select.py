"""What `eartune select` chooses from, and what it says."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from builders import experiment_file, frame, pool, sound_file, utterance
from eartune.cli import select as command
from eartune.cli.app import app
from eartune.cli.select import text_only_model, voices_to_ask
from eartune.data.recording_choice import Reason
from eartune.data.utterance import Recording, Utterance, write_manifest
from eartune.errors import InputError

RESULTS = Path(__file__).parents[3] / "results" / "coffee"
VOICE = {
    "corpus": "manifest",
    "path": "text.jsonl",
    "voices": [{"engine": "command", "name": "x", "command": "x {out}"}],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment with twelve sentences, of which two are recorded."""
    monkeypatch.chdir(tmp_path)
    text = [*pool(10, prefix="t"), *(utterance(f"s{n}", f"stop {n}", frame("alarm.stop")) for n in range(2))]
    write_manifest("text.jsonl", text)
    recorded = [Recording(sound_file(tmp_path / f"r{n}.wav"), 0.5) for n in range(2)]
    speech = [Utterance("a", text[3].text, "en", text[3].frame, recorded[:1])]
    write_manifest("speech.jsonl", [*speech, Utterance("b", None, "en", text[3].frame, (recorded[1],))])
    experiment_file(tmp_path / "alarms.yaml")
    return tmp_path


def run(line: str) -> str:
    done = CliRunner().invoke(app, ["select", *line.split()], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def rows(path: str = "script.csv") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_sentences_without_a_recording_are_chosen_and_the_next_command_is_printed() -> None:
    said = run("alarms.yaml --data . --n 5 --to recordings/script.csv")
    assert "11 sentences without a recording; 1 more are recorded already." in said
    assert "1 recording without words: their sentences may be chosen again." in said
    assert "Chosen: 2 for labels, 2 for entity types and 1 for being typical." in said
    assert "They have 2 of 2 labels, 1 of 1 entity type and 1 of 1 value, and take about" in said
    assert said.endswith("eartune prepare --split train=recordings/script.csv --to prepared")
    found = rows("recordings/script.csv")
    assert [row["audio"] for row in found] == [f"r00{n}.wav" for n in range(1, 6)]
    assert {row["action"] for row in found} == {"set", "stop"} and "t3" not in {row["id"] for row in found}
    assert Path("recordings/script.html").is_file()


def test_more_sentences_than_there_are_are_refused() -> None:
    with pytest.raises(InputError, match=r"alarms.yaml: has 11 sentences without a recording; .* not 12"):
        run("alarms.yaml --data . --n 12 --to script.csv")


def test_a_name_that_no_script_can_have_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match=r"script.html: the script is a table"):
        run("no-such.yaml --n 5 --to script.html")


def test_recordings_by_a_synthetic_voice_do_not_count(folder: Path) -> None:
    experiment_file(folder / "alarms.yaml", data__speech=[VOICE])
    assert "12 sentences without a recording." in run("alarms.yaml --data . --n 5 --to script.csv")


def test_a_script_that_was_recorded_in_part_is_taken_as_a_file_of_sentences(folder: Path) -> None:
    run("alarms.yaml --data . --n 5 --to script.csv")
    sound_file(folder / "r001.wav")
    assert "4 sentences without a recording; 1 more are recorded" in run("script.csv --n 4 --to rest/script.csv")
    assert {row["text"] for row in rows("rest/script.csv")} == {row["text"] for row in rows()[1:]}


def test_a_row_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "mine.csv").write_text("text,intent\nstop,alarm_stop\ngo,\n")
    with pytest.raises(InputError, match=r'mine.csv, row 3: needs an "intent"'):
        run("mine.csv --n 1 --to script.csv")


def test_examples_of_rasa_are_a_file_of_sentences(folder: Path) -> None:
    """It was said that nlu is no key of an experiment."""
    (folder / "nlu.yml").write_text(
        "nlu:\n- intent: order\n  examples: |\n    - a [small](size) latte\n    - a mocha\n"
    )
    assert "2 sentences without a recording" in run("nlu.yml --n 1 --to script.csv")


def test_a_table_without_known_columns_is_told_what_helps(folder: Path) -> None:
    """--map was named, which select does not have."""
    (folder / "mine.csv").write_text("text,class\nstop,alarm_stop\n")
    with pytest.raises(InputError, match=r"; rename the right one, or name it with --map of eartune prepare$"):
        run("mine.csv --n 1 --to script.csv")


@pytest.fixture
def many(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine sentences are so many that a part is chosen by disagreement."""
    monkeypatch.setattr(command, "DISAGREEMENT_FROM", 9)


def test_a_run_is_not_asked_for_few_sentences() -> None:
    assert "--run is not used: below 200 sentences" in run("alarms.yaml --data . --n 9 --to script.csv --run runs/x")


@pytest.mark.usefixtures("many")
def test_without_a_run_it_says_that_no_model_was_asked() -> None:
    assert "are not chosen, as no finished run is named with --run" in run("alarms.yaml --data . --n 9 --to s.csv")


@pytest.mark.usefixtures("many")
def test_a_third_at_most_is_what_the_model_does_not_hear(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked about the five that are left after six; of the four that it does not hear, three are chosen."""
    asked: list[Utterance] = []

    def ask_model(model: Path, spoken: Any, *_: Any) -> list[bool]:
        asked.extend(spoken)
        return [False, *[True] * (len(spoken) - 1)]

    def speak(utterances: Any, *_: Any, **__: Any) -> Any:
        return tuple(utterances)

    monkeypatch.setattr(command, "text_only_model", lambda run: run)
    monkeypatch.setattr(command, "ask_model", ask_model)
    monkeypatch.setattr(command, "synthesize", speak)
    said = run("alarms.yaml --data . --n 9 --to script.csv --run runs/x")
    assert "and 3 for not being heard by the model" in said
    assert len(asked) == 5
    assert [row["id"] for row in rows()[6:]] == [utterance.id for utterance in asked[1:4]]


@pytest.mark.usefixtures("many")
def test_where_no_voice_speaks_the_reason_is_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = VOICE | {"voices": [{"engine": "command", "name": "x", "command": "no-such-engine {out}"}]}
    experiment_file(folder / "alarms.yaml", data__synthetic_speech=[voice])
    monkeypatch.setattr(command, "text_only_model", lambda run: run)
    said = run("alarms.yaml --data . --n 9 --to script.csv --run runs/x")
    assert "does not hear are not chosen: the voice x needs the command no-such-engine" in said
    assert len(rows()) == 9


def test_a_voice_is_found_by_language() -> None:
    assert voices_to_ask(None, "de-DE")[0].speaker == "pico:de-DE"
    with pytest.raises(InputError, match="no synthetic voice is known for the language 'vi'"):
        voices_to_ask(None, "vi")


def copy_results(to: Path, *names: str) -> None:
    for name in names:
        (to / name).mkdir(parents=True)
        shutil.copy(RESULTS / name / "result.json", to / name / "result.json")


def test_a_run_without_a_text_only_model_is_refused(folder: Path) -> None:
    copy_results(folder / "run", "curriculum-10pct-seed0")
    with pytest.raises(InputError, match="run: has no finished model that was trained on text alone"):
        text_only_model(folder / "run")


def test_the_text_only_model_of_a_run_is_found(folder: Path) -> None:
    copy_results(folder / "run", "curriculum-10pct-seed0", "text-only-seed0", "untuned-seed0")
    assert text_only_model(folder / "run") == folder / "run" / "text-only-seed0"


def test_each_reason_has_words() -> None:
    assert {*Reason} == {*command.WORDING}
