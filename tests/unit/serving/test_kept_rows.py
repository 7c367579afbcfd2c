"""What somebody tried and kept is a manifest that can be trained on; what could not be is refused by one sentence."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import soundfile
from typer.testing import CliRunner

from builders import frame, tone
from eartune.cli.app import app
from eartune.data.utterance import Utterance, read_manifest
from eartune.errors import InputError
from eartune.serving.kept_rows import KeptRows
from eartune.tasks.classification import ClassificationTask
from eartune.tasks.slu import SluTask
from eartune.tasks.translation import TranslationTask

ORDER = {"intent": "order", "entities": [{"type": "size", "filler": "small"}]}
WAVE = tone(0.5)[:, 0]


@pytest.fixture
def kept(tmp_path: Path) -> KeptRows:
    return KeptRows(tmp_path / "tried", SluTask(), "en")


def test_what_is_kept_is_a_manifest_with_its_recordings_that_prepare_takes(kept: KeptRows, tmp_path: Path) -> None:
    assert kept.rows() == ()
    assert [kept.keep(ORDER, None, WAVE), kept.keep({"intent": "stop", "entities": []}, " stop  it ", None)] == [
        "t0001",
        "t0002",
    ]
    spoken, typed = read_manifest(kept.manifest)
    assert (spoken.text, spoken.language, spoken.frame) == (None, "en", frame("order", "size:small"))
    assert (typed.text, typed.frame, typed.recordings) == ("stop it", frame("stop"), ())
    heard, rate = soundfile.read(spoken.recordings[0].path)
    assert (len(heard), rate) == (8000, 16_000) and abs(heard - WAVE).max() < 1e-3

    to = tmp_path / "prepared"
    command = ["prepare", "--split", f"train={kept.manifest}", "--to", str(to)]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert {row.frame for row in read_manifest(to / "train.jsonl")} == {spoken.frame, typed.frame}


def test_a_row_that_is_corrected_again_is_replaced(kept: KeptRows) -> None:
    for answer in ({"intent": "stop", "entities": []}, ORDER):
        kept.keep(answer, "words", None)
    assert kept.keep(ORDER, "other words", WAVE, known_as="t0001") == "t0001"
    first, second = kept.rows()
    assert (first.text, first.frame, len(first.recordings), second.text) == (
        *("other words", frame("order", "size:small")),
        *(1, "words"),
    )
    assert KeptRows(kept.folder, SluTask(), "en").keep(ORDER, "more", None) == "t0003"


@pytest.mark.parametrize(
    ("answer", "text", "known_as", "said"),
    [
        ({}, "words", None, 'needs "scenario" and "action", or "intent", or a "label", or a "translation"'),
        ({"intent": " ", "entities": []}, "words", None, "the intent is blank"),
        ({"intent": "order", "entities": [{"size": "small"}]}, "words", None, "must be a list"),
        ({"label": ""}, "words", None, '"label" must be text'),
        ({"label": "angry"}, "words", None, "needs an intent"),
        (ORDER, " ", None, "neither words nor a recording"),
        (ORDER, "words", "../../etc/passwd", "has no row"),
    ],
)
def test_what_could_not_be_trained_on_is_refused(
    kept: KeptRows, answer: dict[str, Any], text: str, known_as: str | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        kept.keep(answer, text, None, known_as)
    assert not kept.folder.exists()


def test_two_who_keep_rows_in_one_folder_overwrite_none_of_each_other_s(
    kept: KeptRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read the same rows, and gave theirs the same name."""
    read = KeptRows.rows

    def slow(self: KeptRows) -> tuple[Utterance, ...]:
        found = read(self)
        time.sleep(0.05)
        return found

    monkeypatch.setattr(KeptRows, "rows", slow)
    two = [kept, KeptRows(kept.folder, SluTask(), "en")]
    with ThreadPoolExecutor(2) as threads:
        names = list(threads.map(lambda one: [one.keep(ORDER, None, WAVE) for _ in range(3)], two))
    assert sorted(names[0] + names[1]) == sorted(row.id for row in kept.rows()) == [f"t000{n}" for n in range(1, 7)]


def test_labels_of_other_tasks_are_kept_too(tmp_path: Path) -> None:
    kept = KeptRows(tmp_path, ClassificationTask(), "und")
    kept.keep({"label": "angry"}, None, WAVE)
    assert [row.label for row in kept.rows()] == ["angry"]
    kept = KeptRows(tmp_path / "spoken", TranslationTask(to="German"), "en")
    kept.keep({"translation": "guten Morgen"}, "good morning", WAVE)
    assert [row.translation for row in kept.rows()] == ["guten Morgen"]
