"""Real people ordering coffee: which recordings train and which test, and what a row means."""

import json
from pathlib import Path

import pytest

from builders import frame, sound_file
from eartune.data.corpora import Source
from eartune.data.corpora.picovoice import PicovoiceCorpus
from eartune.data.utterance import Utterance
from eartune.errors import InputError


def load(root: Path, split: str) -> tuple[Utterance, ...]:
    return PicovoiceCorpus.model_validate({"corpus": "picovoice", "split": split}).load(Source(root, root))


def corpus(root: Path, *rows: dict[str, object]) -> Path:
    """A folder laid out as the corpus, with half a second of tone for every row that names a file."""
    folder = root / "picovoice_sti"
    (folder / "recordings").mkdir(parents=True)
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for row in rows:
        sound_file(folder / "recordings" / str(row.get("file")), 0.5)
    return root


MOCHA = {"file": "a.flac", "intent": "orderDrink", "slots": {"coffeeDrink": "mocha", "size": "small"}}


def test_a_row_is_an_utterance_without_words(tmp_path: Path) -> None:
    (order,) = load(corpus(tmp_path, MOCHA), "test")
    assert (order.id, order.text) == ("a", None)
    assert order.frame == frame("orderDrink", "coffeeDrink:mocha", "size:small")
    assert [recording.path.name for recording in order.recordings] == ["a.flac"] and order.seconds == 0.5


@pytest.mark.parametrize("fault", [{"intent": None}, {"slots": []}, {"file": "b.flac", "intent": 5}], ids=str)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, fault: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r'labels\.jsonl, row 1: needs "file" and "intent" as text and "slots"'):
        load(corpus(tmp_path, MOCHA | fault), "test")


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    root = corpus(tmp_path, MOCHA)
    (root / "picovoice_sti" / "recordings" / "a.flac").unlink()
    with pytest.raises(InputError, match=r"recordings/a\.flac: no such recording$"):
        load(root, "test")


def test_a_missing_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"picovoice_sti/labels\.jsonl: no such file$"):
        load(tmp_path, "train")


def test_430_recordings_are_330_to_learn_from_and_100_others_to_be_judged_on(data_root: Path) -> None:
    train, test = load(data_root, "train"), load(data_root, "test")
    assert (len(train), len(test)) == (330, 100)
    assert len({order.id for order in train + test}) == 430
    assert test == load(data_root, "test")
    assert all(0.5 < order.seconds < 15 and order.frame.entities for order in train + test)
