"""Each epoch is scored once, the weights of the best are kept, and a stage ends when its patience does."""

from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

from eartune.files import read_lines
from eartune.training.epoch_choice import EpochChoice

NO_ARGUMENTS: Any = None
STEPS = 3  # of an epoch


class Stage:
    """A stage whose epochs have these scores; it notes what happens, and may be cut when something is done."""

    def __init__(self, folder: Path, scores: list[float], patience: int | None = None) -> None:
        self.path = folder / "dev.jsonl"
        self.scores = scores
        self.patience = patience
        self.measured: list[int] = []
        self.kept: list[int] = []
        self.said: list[str] = []
        self.cut_at = ""

    def train(self, first_step: int = 1) -> tuple[EpochChoice, int]:
        """Train from a step to the end; return the choice, and the last step that was done."""
        epochs = len(self.scores)
        choice = EpochChoice(self.path, epochs, self.measure, self.keep, self.said.append, self.patience)
        state, control = TrainerState(max_steps=STEPS * epochs), TrainerControl()
        for step in range(first_step, STEPS * epochs + 1):
            state.global_step, control.should_save = step, True
            choice.on_step_end(NO_ARGUMENTS, state, control)
            if control.should_training_stop:
                assert not control.should_save  # training would go on from there
                break
            assert control.should_save
        return choice, state.global_step

    def measure(self, epoch: int) -> dict[str, Any]:
        self.measured.append(epoch)
        if self.cut_at == f"answers {epoch}":
            raise InterruptedError
        return {"n": 4, "score": self.scores[epoch - 1]}

    def keep(self) -> None:
        if self.cut_at == f"weights {self.measured[-1]}":
            raise InterruptedError
        self.kept.append(self.measured[-1])

    def rows(self) -> list[tuple[int, int, float]]:
        return [(row["epoch"], row["step"], row["score"]) for _, row in read_lines(self.path)]


def test_every_epoch_has_a_row_and_the_best_one_stays(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [0.25, 0.5, 0.5, 0.4])
    choice, last = stage.train()
    assert stage.rows() == [(1, 3, 0.25), (2, 6, 0.5), (3, 9, 0.5), (4, 12, 0.4)]
    assert (choice.best, last, choice.stopped) == (2, 12, None)
    assert stage.measured == [1, 2, 3, 4] and stage.kept == [1, 2]  # of two equal epochs the earlier
    assert stage.said[:2] == [
        "epoch 1 of 4: 25.0% on the dev set",
        "epoch 2 of 4: 50.0% on the dev set, better than before",
    ]


@pytest.mark.parametrize(("patience", "last", "best"), [(1, 3, 2), (2, 5, 3), (3, 6, 3), (None, 6, 3)])
def test_a_stage_ends_after_so_many_epochs_that_are_no_better(
    tmp_path: Path, patience: int | None, last: int, best: int
) -> None:
    scores = [0.2, 0.5, 0.4, 0.4, 0.4, 0.3] if patience == 1 else [0.2, 0.1, 0.5, 0.5, 0.4, 0.3]
    stage = Stage(tmp_path, scores, patience)
    choice, step = stage.train()
    assert (choice.best, step) == (best, STEPS * last)
    ended = f"stopped after epoch {last} of 6, as none was better after epoch {best}"
    assert choice.stopped == (ended if last < 6 else None)
    assert (stage.said[-1] == ended) == (last < 6)


@pytest.mark.parametrize("cut_at", ["answers 2", "weights 2", "answers 3"])
@pytest.mark.parametrize("resumed_at", [1, 3, 4, 6])
def test_a_stage_that_was_cut_scores_what_has_no_row_and_nothing_twice(
    tmp_path: Path, cut_at: str, resumed_at: int
) -> None:
    stage = Stage(tmp_path, [0.3, 0.6, 0.5, 0.4, 0.4], patience=2)
    stage.cut_at = cut_at
    with pytest.raises(InterruptedError):
        stage.train()
    stage.cut_at, known = "", [epoch for epoch, *_ in stage.rows()]
    stage.measured.clear()
    choice, last = stage.train(resumed_at)
    assert stage.measured == [epoch for epoch in (1, 2, 3, 4) if epoch not in known]
    assert (choice.best, last, stage.kept[-1]) == (2, 12, 2)
    assert stage.rows() == [(1, 3, 0.3), (2, 6, 0.6), (3, 9, 0.5), (4, 12, 0.4)]
