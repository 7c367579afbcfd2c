"""Recordings are labelled where two views agree: what does not agree, or is no known answer, is left out."""

from pathlib import Path
from typing import Any

import pytest

from builders import frame, utterance
from eartune.data.example import Example, as_speech
from eartune.files import read_json, read_lines
from eartune.inference import self_labelling
from eartune.inference.self_labelling import agree, label, write_summary
from eartune.models.architecture import Architecture
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import RowMaker
from eartune.run_folder import StageFolder
from eartune.tasks.prediction import Written
from eartune.tasks.slu import SluTask
from tiny_models import tiny

TASK = SluTask()
KNOWN = [utterance(f"u{i}", None, meaning, 1.0) for i, meaning in enumerate((frame("alarm.set"), frame("alarm.query")))]
LABELS = TASK.labels(KNOWN)
SET, QUERY, OTHER = (
    f'{{"scenario":"alarm","action":"{action}","entities":[]}}' for action in ("set", "query", "snooze")
)
MODEL = tiny(Qwen2Audio)
ROWS = RowMaker(MODEL, TASK, LABELS, Architecture(type="qwen2-audio", checkpoint="pocket"))


@pytest.mark.parametrize(
    ("sound", "words", "kept"),
    [
        (SET, SET, True),
        (SET, SET.replace(",", ", "), True),
        (SET, QUERY, False),
        (OTHER, OTHER, False),
        ("hm", "hm", False),
        (SET, "hm", False),
    ],
    ids=["equal", "equal but for spaces", "another answer", "an unknown label", "no answers", "one answer"],
)
def test_answers_agree_if_both_are_the_same_known_one(sound: str, words: str, kept: bool) -> None:
    assert agree(sound, words, ROWS) is kept


def labelled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Example], tuple[Example, ...]]:
    """Two recordings to label and those that are kept: what is read is always SET, what is heard by recording."""
    heard = {"u0": SET, "u1": QUERY}

    def ask(model: Any, examples: list[Example], *_: Any) -> list[Written]:
        read = [SET if example.transcript is not None else heard[example.utterance.id] for example in examples]
        return [Written(text) for text in read]

    monkeypatch.setattr(self_labelling, "ask", ask)
    examples = [Example(e.utterance, e.recording, transcript="wake me") for e in as_speech(KNOWN)]
    return examples, label(MODEL, examples, ROWS, StageFolder(folder), lambda path: path.name, lambda *_: None)


def test_what_agrees_is_learned_from_its_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples, kept = labelled(tmp_path, monkeypatch)
    assert kept == (Example(examples[0].utterance, examples[0].recording, answer=SET),)
    rows = [row for _, row in read_lines(tmp_path / "labelled.jsonl")]
    assert [(row["file"], row["from_sound"], row["from_words"], row["kept"]) for row in rows] == [
        ("u0-0.flac", SET, SET, True),
        ("u1-0.flac", QUERY, SET, False),
    ]


def test_labels_that_are_saved_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, kept = labelled(tmp_path, monkeypatch)
    monkeypatch.setattr(self_labelling, "ask", None)
    examples = [Example(e.utterance, e.recording, transcript="wake me") for e in as_speech(KNOWN)]
    assert label(MODEL, examples, ROWS, StageFolder(tmp_path), str, lambda *_: None) == kept  # type: ignore[arg-type]


def test_known_labels_are_counted_and_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled(tmp_path, monkeypatch)
    folder = StageFolder(tmp_path)
    assert write_summary(folder, KNOWN, TASK, LABELS) == (
        "the answers to 1 of 2 recordings agree and are learned; 1 of 1 are right, which the model is not told"
    )
    wrong = [utterance("u0", None, frame("alarm.query"), 1.0)]
    write_summary(folder, wrong, TASK, LABELS)
    assert {**read_json(tmp_path / "labelled.json"), "sha256": ""} == {
        **{"recordings": 2, "kept": 1, "with_known_label": 1, "right": 0, "sha256": ""}
    }
    assert write_summary(folder, (), TASK, LABELS) == "the answers to 1 of 2 recordings agree and are learned"
