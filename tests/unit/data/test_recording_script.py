"""A script is read back as it was written, and its page holds the sentences and refers to nothing outside it."""

import json
import re
from pathlib import Path

import pytest

from builders import frame, sound_file, utterance
from eartune.data.recording_script import page_of, write_script
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.experiments.recording_pool import script_row
from eartune.prepare.importers.detect_format import read_utterances
from eartune.tasks.classification import ClassificationTask
from eartune.tasks.slu import SluTask
from eartune.tasks.task import Task

UTTERANCES = (
    utterance("u1", 'say "hi", on [day] friday', frame("alarm.set", "date:friday", 'word:"hi",')),
    utterance("u2", "stoppe  die Musik\nbitte", frame("music.stop")),
)


def written(folder: Path, utterances: tuple[Utterance, ...] = UTTERANCES, task: Task = SluTask()) -> Path:  # noqa: B008
    script = folder / "script.csv"
    write_script(script, [script_row(row, task) for row in utterances])
    return script


def sentences_in(page: str) -> dict[str, object]:
    (script,) = re.findall(r'<script type="application/json" id="script">(.*?)</script>', page, re.DOTALL)
    found: dict[str, object] = json.loads(script)
    return found


def test_prepare_reads_words_labels_and_recordings_back(tmp_path: Path) -> None:
    found = read_utterances(written(tmp_path))
    assert found.rejected == () and found.ignored == ()
    assert [(row.id, row.frame, row.language) for row in found.utterances] == [
        (row.id, row.frame, row.language) for row in UTTERANCES
    ]
    assert [row.text for row in found.utterances] == [UTTERANCES[0].text, "stoppe die Musik bitte"]
    assert [row.recordings[0].path for row in found.utterances] == [tmp_path / "r001.wav", tmp_path / "r002.wav"]


@pytest.mark.parametrize("meaning", [frame("orderDrink", "size:small"), None], ids=["an intent", "a label"])
def test_labels_without_a_scenario_are_read_back(tmp_path: Path, meaning: object) -> None:
    row = Utterance("u1", "a small latte", "en", meaning, label=None if meaning else "angry")  # type: ignore[arg-type]
    task = SluTask() if meaning else ClassificationTask()
    (found,) = read_utterances(written(tmp_path, (row,), task)).utterances
    assert task.reference(found) == task.reference(row)


def test_names_of_many_recordings_are_equally_long(tmp_path: Path) -> None:
    write_script(tmp_path / "s.csv", [{"text": f"say {n}"} for n in range(1000)])
    names = [line.split(",")[0] for line in (tmp_path / "s.csv").read_text().splitlines()[1:]]
    assert (names[0], names[-1]) == ("r0001.wav", "r1000.wav")


def test_the_page_holds_the_sentences_and_nothing_that_could_end_them(tmp_path: Path) -> None:
    text = "</script><script>alert(1)</script> & <b>{{ script }}</b>"
    script = tmp_path / "script.csv"
    write_script(script, [{"text": text, "language": "de"}])
    page = page_of(script).read_text(encoding="utf-8")
    assert sentences_in(page)["sentences"] == [{"audio": "r001.wav", "text": text, "language": "de"}]
    assert page.count("</script>") == 2


def test_the_page_refers_to_nothing_outside_it(tmp_path: Path) -> None:
    page = page_of(written(tmp_path)).read_text(encoding="utf-8")
    assert not re.search(r"https?:|\bsrc=|\bhref=|@import|\bfetch\(|XMLHttpRequest", page)
    assert "default-src 'none'" in page


def test_a_script_that_may_be_recorded_already_is_not_replaced_by_another(tmp_path: Path) -> None:
    script = written(tmp_path)
    before = script.read_bytes()
    sound_file(tmp_path / "r001.wav")
    assert written(tmp_path) == script  # the same again
    with pytest.raises(InputError, match=r"script\.csv: is another script.*write to a new folder"):
        written(tmp_path, UTTERANCES[::-1])
    assert script.read_bytes() == before


def test_the_pages_of_two_scripts_remember_their_recordings_apart(tmp_path: Path) -> None:
    ids = set()
    for name, rows in (("a", UTTERANCES), ("b", UTTERANCES[::-1])):
        (tmp_path / name).mkdir()
        ids.add(str(sentences_in(page_of(written(tmp_path / name, rows)).read_text(encoding="utf-8"))["id"]))
    assert len(ids) == 2


def test_a_script_is_a_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"name a file that ends in \.csv"):
        write_script(tmp_path / "script.xlsx", [])
