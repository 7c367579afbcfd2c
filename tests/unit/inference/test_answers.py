"""Answers in batches: each is kept as it comes, a cut run asks no finished batch again, and the order is that given."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import work_of_processes as work
from builders import pool
from eartune.data.example import Example, as_text
from eartune.data.utterance import Utterance
from eartune.experiments.ranks import on_ranks
from eartune.inference.answers import answer_all
from eartune.run_folder import partial
from eartune.tasks.prediction import Written

LENGTHS = (5, 1, 4, 2, 3, 7, 6)
EXAMPLES = [
    Example(Utterance(f"u{length}", "x" * length, "en", utterance.frame))
    for length, utterance in zip(LENGTHS, pool(len(LENGTHS)), strict=True)
]
BATCHES = [["u1", "u2", "u3"], ["u4", "u5", "u6"], ["u7"]]


class CutError(Exception):
    """Stands for a kill."""


class Model:
    """A model that notes what it is asked, and answers with the ids of the whole batch; it is cut after some batches.

    So an answer depends on what else is in its batch, as the last digits of a real model's scores do.
    """

    def __init__(self, cut_after: int = 1000) -> None:
        self.asked: list[list[str]] = []
        self.cut_after = cut_after

    def __call__(self, batch: Sequence[Example]) -> list[Written]:
        if len(self.asked) == self.cut_after:
            raise CutError
        self.asked.append([example.utterance.id for example in batch])
        texts = [f"{example.utterance.id} of {' '.join(self.asked[-1])}" for example in batch]
        return [Written(text, log_probability=-len(text) / 10) for text in texts]


def row_of(example: Example, written: Written) -> dict[str, Any]:
    return {"id": example.utterance.id, "file": None} | written.to_json()


def answers(path: Path, model: Model, shown: list[tuple[int, int]] | None = None, batch_size: int = 3) -> list[str]:
    progress = [] if shown is None else shown
    found = answer_all(EXAMPLES, model, row_of, path, batch_size, lambda *counts: progress.append(counts))
    assert [written.log_probability for written in found] == [-len(written.text) / 10 for written in found]
    return [written.text for written in found]


def cut(path: Path, after: int, dropped_bytes: int = 0) -> None:
    """Leave what a run that was killed after some batches leaves; the end of the last row may be missing."""
    with pytest.raises(CutError):
        answers(path, Model(cut_after=after))
    collected = partial(path)
    collected.write_bytes(collected.read_bytes()[: collected.stat().st_size - dropped_bytes])


def test_answers_come_in_the_order_of_the_examples_and_are_asked_by_length(tmp_path: Path) -> None:
    path, model, shown = tmp_path / "model" / "answers.jsonl", Model(), []
    found = answers(path, model, shown)
    assert [text.split()[0] for text in found] == [example.utterance.id for example in EXAMPLES]
    assert model.asked == BATCHES
    assert [json.loads(line)["text"] for line in path.read_text().splitlines()] == found
    assert shown == [(3, 7), (6, 7), (7, 7)]


@pytest.mark.parametrize("finished", [0, 1, 2, 3])
def test_a_batch_that_was_answered_is_not_asked_again(tmp_path: Path, finished: int) -> None:
    path, model, shown = tmp_path / "answers.jsonl", Model(), []
    whole = answers(tmp_path / "whole.jsonl", Model())
    if finished:
        cut(path, finished) if finished < 3 else answers(path, Model())
    assert answers(path, model, shown) == whole
    assert model.asked == BATCHES[finished:]
    assert all(done > 3 * finished for done, _ in shown)


def test_half_a_row_is_dropped_and_its_batch_asked_again_with_the_same_neighbours(tmp_path: Path) -> None:
    path, model = tmp_path / "answers.jsonl", Model()
    cut(path, after=2, dropped_bytes=4)
    whole = answers(tmp_path / "whole.jsonl", Model())
    assert answers(path, model) == whole
    assert model.asked == BATCHES[1:]
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_half_a_row_does_not_spoil_the_row_that_is_written_after_it(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    cut(path, after=2, dropped_bytes=4)
    with pytest.raises(CutError):
        answers(path, Model(cut_after=1))  # cut again, one batch further
    assert [json.loads(line)["id"] for line in partial(path).read_text().splitlines()][-3:] == BATCHES[1]


@pytest.mark.parametrize("killed_before_the_removal", [False, True])
def test_nothing_is_left_beside_the_answers(tmp_path: Path, killed_before_the_removal: bool) -> None:
    path = tmp_path / "answers.jsonl"
    whole = answers(path, Model())
    assert list(tmp_path.iterdir()) == [path]
    if killed_before_the_removal:
        partial(path).write_text('{"id":"u1","file":null,"text":"half')
    assert answers(path, Model(cut_after=0)) == whole
    assert list(tmp_path.iterdir()) == [path]


def test_a_batch_is_on_disk_before_the_next_one_is_asked(tmp_path: Path) -> None:
    """A killed process writes nothing more, not even what it had answered."""
    path, model, on_disk = tmp_path / "answers.jsonl", Model(), []

    def ask(batch: Sequence[Example]) -> list[Written]:
        on_disk.append(len(partial(path).read_text().splitlines()))
        return model(batch)

    answer_all(EXAMPLES, ask, row_of, path, 3, lambda done, total: None)
    assert on_disk == [0, 3, 6]


def test_answers_of_another_batch_size_are_kept(tmp_path: Path) -> None:
    """It changes speed alone, and somebody may lower it after an error of memory."""
    path, model = tmp_path / "answers.jsonl", Model()
    cut(path, after=1)
    answers(path, model, batch_size=1)
    assert model.asked == [["u4"], ["u5"], ["u6"], ["u7"]]


def test_two_texts_of_one_length_keep_their_order(tmp_path: Path) -> None:
    model = Model()
    answer_all(as_text(pool(3)), model, row_of, tmp_path / "answers.jsonl", 2, lambda done, total: None)
    assert model.asked == [["u0", "u1"], ["u2"]]


# --- several processes ---------------------------------------------------------------------------------------------

OF_ONE = ["u1 u2", "u3 u4", "u5 u6", "u7 u8", "u9 u10", "u11 u12"]


def of(n: int, path: Path, cut_after: int | None = None) -> list[list[str]]:
    return on_ranks(n, work.answer, path, cut_after) if n > 1 else work.answer(path, cut_after)


def test_processes_deal_out_the_batches_of_one_and_all_get_all_answers(forks: None, tmp_path: Path) -> None:
    (of_one,) = work.answer(tmp_path / "one.jsonl")
    texts = [row["text"] for row in map(json.loads, (tmp_path / "one.jsonl").read_text().splitlines())]
    found = of(3, tmp_path / "several" / "answers.jsonl")
    assert of_one == [*OF_ONE, *texts]
    assert found == [[*OF_ONE[rank::3], *texts] for rank in range(3)]
    assert (tmp_path / "several" / "answers.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert [path.name for path in (tmp_path / "several").iterdir()] == ["answers.jsonl"]


@pytest.mark.parametrize(("first", "then"), [(3, 2), (3, 1), (1, 2)])
def test_answers_of_a_cut_run_are_found_by_another_number_of_processes(
    forks: None, tmp_path: Path, first: int, then: int
) -> None:
    work.answer(tmp_path / "one.jsonl")
    path = tmp_path / "several" / "answers.jsonl"
    asked = of(first, path, cut_after=1)
    assert [batch for some in asked for batch in some] == OF_ONE[:first]
    with path.with_name(f"answers.part{'-1' if first > 1 else ''}.jsonl").open("a") as last:
        last.write('{"id":"u12","file":null,"te')  # it is killed while it writes
    found = of(then, path)
    assert {batch for some in found for batch in some[: -len(work.EXAMPLES)]} == set(OF_ONE[first:])
    assert path.read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert [path.name for path in path.parent.iterdir()] == ["answers.jsonl"]


def test_rows_of_other_processes_are_not_taken_where_those_of_the_first_were_removed(tmp_path: Path) -> None:
    """Other settings remove the answers of a model, of which only the first process's part is known there."""
    path = tmp_path / "answers.jsonl"
    path.with_name("answers.part-1.jsonl").write_text('{"id":"u7","file":null,"text":"of other settings"}\n')
    assert answers(path, Model()) == answers(tmp_path / "whole.jsonl", Model())
