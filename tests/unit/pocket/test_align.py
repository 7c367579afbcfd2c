"""The alignment of pocket compares a spoken row with its typed one where both hold the same token."""

import sys
from pathlib import Path

import pytest
import torch

from eartune.models.batch import Clip
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.packed_attention import PackedRows
from tiny_models import WIDTH, tiny

sys.path.insert(0, str(Path(__file__).parents[3] / "pocket"))
import align
from encoder import TokenTable
from sentences import Sentence
from tasks import Question


def example(text: str, position: str, answer: str, n_frames: int, peaks: tuple[int, ...]) -> align.Example:
    """A planned example with a clip of random states, whose tokens are heard at the frames `peaks`."""
    heard = align.Heard(Clip(None, 0, n_frames, torch.randn(n_frames, WIDTH)), peaks)
    question = Question("Repeat the sentence.", answer)
    return align.Example(Sentence(text, "", None, held_out=False), heard, position, question, 0)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pocket() -> Qwen2Audio:
    return tiny(Qwen2Audio)


def token_ids(pocket: Qwen2Audio, row: align.Row) -> list[int]:
    prompt, answer = pocket.tokenize(row).token_ids or ([], [])
    return [*prompt, *answer]


@pytest.mark.parametrize("position", ["after", "before"])
def test_places_hold_the_same_tokens_and_the_frames_of_the_content(pocket: Qwen2Audio, position: str) -> None:
    text = "a red lamp"
    n_tokens = len(pocket.tokenizer(text, add_special_tokens=False)["input_ids"])
    peaks = tuple(range(3, 3 + 2 * n_tokens, 2))
    one = example(text, position, "a lamp", 2 * n_tokens + 7, peaks)
    typed_places, spoken_places = align.matching(pocket, one)
    typed, spoken = token_ids(pocket, align.typed(one)), token_ids(pocket, align.spoken(one))
    first_frame = spoken.index(pocket.audio_token_id)
    contents = [place for place in spoken_places if spoken[place] == pocket.audio_token_id]
    assert [len(spoken) + place - first_frame for place in contents] == list(reversed(peaks))
    words = [typed[place] for place in typed_places[: len(contents)]]
    assert pocket.tokenizer.decode(list(reversed(words))) == text
    following = list(zip(typed_places, spoken_places, strict=True))[len(contents) :]
    assert [typed[a] for a, _ in following] == [spoken[b] for _, b in following]
    assert pocket.tokenizer.decode([typed[a] for a, _ in following]).endswith("a lamp" + pocket.chat.answer_end)


def test_tokens_before_the_first_word_boundary_are_left_out_where_it_is_cut_differently(pocket: Qwen2Audio) -> None:
    n_tokens = len(pocket.tokenizer("red lamp", add_special_tokens=False)["input_ids"])
    places, _ = align.matching(pocket, example("red lamp", "after", "x", 40, tuple(range(n_tokens))))
    fewer, _ = align.matching(pocket, example("red lamp", "after", "x", 40, tuple(range(n_tokens - 2))))
    assert len(places) - len(fewer) == 3  # two that have no frame, and the next, whose frame may be another's


@pytest.mark.parametrize("show", [align.typed, align.spoken])
def test_places_of_a_batch_are_found_in_its_packed_sequence(pocket: Qwen2Audio, show: object) -> None:
    examples = [example("a lamp", "after", "yes", 9, (1, 2)), example("a red sofa", "after", "no", 14, (1, 2))]
    rows = [show(one) for one in examples]  # type: ignore[operator]
    batch = pocket.collate(rows)
    assert batch.n_shared
    ids = [token_ids(pocket, row) for row in rows]
    places = [[-1, -4, -len(row) + 2] for row in ids]  # the last lies in the prefix that both share
    packed = PackedRows(batch.attention_mask, batch.n_shared).pack(batch.input_ids)[0]
    found = packed[align.packed_places(batch, places)]
    assert found.tolist() == [row[place] for row, some in zip(ids, places, strict=True) for place in some]


def test_equal_states_are_no_distance_and_a_deviation_counts_in_units_of_its_feature() -> None:
    teacher = torch.tensor([[0.0, 0.0], [2.0, 200.0], [4.0, 400.0]])
    assert align.difference(teacher, teacher) == 0
    moved = align.difference(teacher + torch.tensor([2.0, 200.0]), teacher)  # one standard deviation in either
    assert float(moved) == pytest.approx(0.5, abs=1e-3)


def test_a_frame_is_taken_for_the_token_whose_embedding_is_nearest_and_the_mean_for_silence() -> None:
    """The largest product would not do: a long embedding would win where a short one is meant."""
    embeddings = torch.tensor([[0.0, 0.0], [1.0, 0.0], [9.0, 0.0], [-10.0, 4.0], [0.0, -4.0]])
    table = TokenTable(embeddings, [1, 2, 3, 4])
    nearest = table(torch.cat([embeddings[1:], table.centre[None]])).argmax(-1)
    assert nearest.tolist() == [1, 2, 3, 4, 0]
