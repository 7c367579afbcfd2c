"""A teacher reads words, once; its files are made again only where they are missing, and only recordings are taught."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from builders import frame, utterance
from eartune.data.audio import write_audio
from eartune.data.example import Asked, Example
from eartune.data.utterance import Recording, Utterance
from eartune.files import read_lines
from eartune.inference.teacher import is_taught, taught_rows, with_answers, write_teaching
from eartune.models.architecture import Architecture
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.rows import RowMaker
from eartune.tasks.slu import SluTask
from tiny_models import tiny

MODEL = tiny(Qwen2Audio)
ROW = utterance("u1", "wake me on friday", frame("alarm.set", "date:friday"))
ROWS = RowMaker(MODEL, SluTask(), SluTask().labels([ROW]), Architecture(type="qwen2-audio", checkpoint="pocket"))


def spoken(folder: Path, row: Utterance) -> Example:
    path = folder / f"{row.id}.wav"
    write_audio(path, np.random.default_rng(0).standard_normal(6000).astype(np.float32) * 0.1)
    return Example(row, Recording(path, 6000 / 16_000))


def nothing(*_: object) -> None:
    """No progress."""


def test_recordings_with_known_words_are_taught_and_nothing_else(tmp_path: Path) -> None:
    heard = spoken(tmp_path, ROW)
    assert is_taught(heard)
    assert not is_taught(Example(ROW))
    assert not is_taught(replace(heard, utterance=replace(ROW, text=None)))
    assert not is_taught(replace(heard, asked=Asked.WORDS))


def test_a_taught_row_has_what_the_model_finds_probable_after_the_words(tmp_path: Path) -> None:
    heard = spoken(tmp_path, ROW)
    write_teaching(MODEL, [heard, Example(ROW)], ROWS, tmp_path / "teacher", nothing)
    row = taught_rows(ROWS, tmp_path / "teacher")(heard)
    assert row.is_right and row.clip is not None and row.teacher is not None
    read = MODEL.collate([ROWS.to_learn(Example(ROW))])
    answers = read.labels[:, 1:] != -100
    with torch.no_grad():
        expected = MODEL.head(MODEL.hidden(read)[:, :-1][answers]).log_softmax(-1)
    assert row.teacher.ids.shape == (int(answers.sum()), 32)
    torch.testing.assert_close(row.teacher.log_probs, expected.topk(32).values)
    assert taught_rows(ROWS, tmp_path / "teacher")(Example(ROW)).teacher is None


def test_a_batch_has_the_probabilities_in_the_order_of_its_answers(tmp_path: Path) -> None:
    """A row without a teacher stands between two with one."""
    short, long = spoken(tmp_path, ROW), spoken(tmp_path, replace(ROW, id="u2", frame=frame("alarm.set")))
    write_teaching(MODEL, [short, long], ROWS, tmp_path / "teacher", nothing)
    make = taught_rows(ROWS, tmp_path / "teacher")
    learned = [make(short), ROWS.to_learn(short), replace(make(long), is_right=False)]
    batch = MODEL.collate(learned)
    n_tokens = (batch.labels != -100).sum(dim=1).tolist()
    assert batch.teacher is not None and batch.is_right is not None
    first, none, last = torch.split(batch.teacher.log_probs, n_tokens)
    assert learned[0].teacher is not None and torch.equal(first, learned[0].teacher.log_probs)
    assert learned[2].teacher is not None and torch.equal(last, learned[2].teacher.log_probs)
    assert (none == -torch.inf).all()
    assert [part.unique().tolist() for part in torch.split(batch.is_right, n_tokens)] == [[True], [True], [False]]


def test_files_that_exist_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard, folder = spoken(tmp_path, ROW), tmp_path / "teacher"
    write_teaching(MODEL, [heard], ROWS, folder, nothing)
    monkeypatch.setattr(MODEL, "hidden", None)
    write_teaching(MODEL, [heard], ROWS, folder, nothing)
    assert len(list(folder.iterdir())) == 1


def test_recordings_without_labels_have_the_answer_that_is_read_from_their_words(tmp_path: Path) -> None:
    unlabelled = spoken(tmp_path, replace(ROW, id="u2", frame=None))
    path = tmp_path / "teacher.jsonl"
    labelled, found = with_answers(MODEL, [spoken(tmp_path, ROW), unlabelled], ROWS, path, nothing)
    assert labelled.answer is None
    (row,) = (row for _, row in read_lines(path))
    assert (row["id"], row["text"]) == ("u2", found.answer)
    write_teaching(MODEL, [found], ROWS, tmp_path / "teacher", nothing)
    learned = taught_rows(ROWS, tmp_path / "teacher")(found)
    assert learned.answer == found.answer and not learned.is_right and learned.teacher is not None
