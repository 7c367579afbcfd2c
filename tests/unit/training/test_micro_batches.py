"""How many rows a micro-batch has where the settings leave it open."""

from pathlib import Path

import pytest
import torch

from eartune.models.batch import Row
from eartune.models.chat_format import Prompt
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.settings import Component, Lora, Training
from eartune.training import micro_batches
from eartune.training.micro_batches import MOST_POSITIONS, automatic_positions, dealt_out, limits_of, memory_bytes
from eartune.training.stage import EVERYTHING, LANGUAGE_MODEL_ONLY
from tiny_models import tiny


def test_a_limit_that_is_named_is_the_only_one() -> None:
    model = tiny(Qwen2Audio)
    assert limits_of(Training(micro_batch_size=4), model) == (4, float("inf"))
    assert limits_of(Training(micro_batch_tokens=900), model) == (float("inf"), 900)
    assert limits_of(Training(micro_batch_size=4, micro_batch_tokens=900), model) == (4, 900)


def test_without_a_limit_as_many_positions_are_taken_as_pay() -> None:
    assert limits_of(Training(), tiny(Qwen2Audio)) == (float("inf"), MOST_POSITIONS["cpu"])


def test_a_small_memory_leaves_room_for_weights_and_optimizer() -> None:
    model = tiny(Qwen2Audio)
    model.components.set_trainable(LANGUAGE_MODEL_ONLY)
    weights = sum(value.nbytes for value in model.module.parameters())
    trained = sum(value.numel() for value in model.components.trainable())
    a_position = micro_batches.bytes_a_position(model)

    def positions(**settings: str) -> int:
        return automatic_positions(Training(**settings), model, weights + 16 * trained + 200 * a_position)

    assert positions() == 100  # half of what is left
    assert positions(optimizer="adamw-8bit") == 100 + 6 * trained // a_position
    assert automatic_positions(Training(), model, weights) == 1  # it is tried all the same, one row at a time
    assert (
        automatic_positions(Training(), model, weights + 16 * trained, n_processes=4) == 9 * trained // 2 // a_position
    )


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([1, 2, 3, 9], [[9], [1, 2, 3]]),  # one long row is as much work as all others
        ([4, 4, 4, 4, 4], [[4, 4, 4], [4, 4]]),
        ([7], [[7], []]),
    ],
)
def test_the_work_of_processes_is_even(lengths: list[int], expected: list[list[int]]) -> None:
    rows = [Row(Prompt("x" * length, ""), None, None) for length in lengths]
    shares = dealt_out(rows, lambda row: len(row.prompt.before), 2)
    assert [[len(row.prompt.before) for row in share] for share in shares] == expected


def test_one_process_has_all_rows_in_their_order() -> None:
    rows = [Row(Prompt("x" * length, ""), None, None) for length in (3, 1, 2)]
    assert dealt_out(rows, lambda row: len(row.prompt.before), 1) == [rows]


def test_an_encoder_that_trains_keeps_more_of_a_position() -> None:
    model = tiny(Qwen2Audio)
    model.components.set_trainable(EVERYTHING)
    everything = micro_batches.bytes_a_position(model)
    model.components.set_trainable((Component.LANGUAGE_MODEL,))
    assert everything > micro_batches.bytes_a_position(model)
    model.lora.add(Lora(rank=2), seed=0)
    assert micro_batches.bytes_a_position(model) > 0


@pytest.mark.parametrize(("limit", "expected"), [("1000000\n", 1e6), ("max\n", None), (None, None)])
def test_the_memory_of_a_cpu_is_that_of_its_container(
    limit: str | None, expected: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit)
    monkeypatch.setattr(micro_batches, "CGROUP_LIMIT", file)
    found = memory_bytes(torch.device("cpu"))
    assert found == expected if expected else found > 1e8
