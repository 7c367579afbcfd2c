"""What is kept between batches is computed once, and changes no answer."""

from collections.abc import Sequence

import pytest
import torch

from builders import tone
from eartune.models.batch import Row
from eartune.models.chat_format import InstructionPosition, render
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.fused_linear import has_packed_kernels
from eartune.models.generation import kv_cache
from eartune.models.generation.generate import write
from eartune.models.generation.kept import Kept
from eartune.models.generation.kv_cache import CachedDecoder
from eartune.settings import Decoding
from tiny_models import tiny


def rows(model: Qwen2Audio, seconds: Sequence[float], position: InstructionPosition = "before") -> list[Row]:
    """Rows that ask about recordings of these lengths."""
    prompt = render(model.chat, "What is wanted here, in one line of JSON?", None, position)
    return [Row(prompt, model.features(tone(length)[:, 0]), None) for length in seconds]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens each call of the decoder read in one row."""
    seen: list[int] = []
    extend = CachedDecoder.extend

    def counted(self: CachedDecoder, inputs: dict[str, torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
        seen.append(mask.shape[1])
        return extend(self, inputs, mask)

    monkeypatch.setattr(kv_cache.CachedDecoder, "extend", counted)
    return seen


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("position", ["before", "after"])
def test_answers_are_the_same_whatever_was_asked_before(beams: int, position: InstructionPosition) -> None:
    model, kept, decoding = tiny(Qwen2Audio), Kept(), Decoding(beams=beams, max_new_tokens=4)
    typed = [Row(render(model.chat, "What?", "a small latte " * n, position), None, None) for n in (1, 2)]
    other = "after" if position == "before" else "before"
    asked = [
        rows(model, [0.5], position),
        rows(model, [0.4, 0.9, 0.6], position),
        typed,
        typed[:1],
        rows(model, [0.7], other),  # type: ignore[arg-type]
        rows(model, [0.5], position),
        [*rows(model, [0.5], position), typed[0]],
    ]
    for batch in map(model.collate, asked):
        found, alone = write(model, batch, decoding, kept=kept), write(model, batch, decoding)
        assert [one.text for one in found] == [one.text for one in alone]
        for one, same in zip(found, alone, strict=True):
            assert one.log_probability == pytest.approx(same.log_probability, abs=1e-5)


def test_the_beginning_is_read_once(read: list[int]) -> None:
    model, kept, decoding = tiny(Qwen2Audio), Kept(), Decoding(beams=1, max_new_tokens=1)
    prompts = []
    for seconds in ([0.5], [0.7], [0.4, 0.9]):
        batch = model.collate(rows(model, seconds))
        write(model, batch, decoding, kept=kept)
        prompts.append(batch.input_ids.shape[1])
    beginning = read[0]
    assert read == [beginning, *(length - beginning for length in prompts)] and beginning > 50


def test_weights_are_packed_once() -> None:
    model, kept, decoding = tiny(Qwen2Audio, dtype=torch.bfloat16), Kept(), Decoding(beams=1, max_new_tokens=4)
    batch = model.collate(rows(model, [0.5]))
    write(model, batch, decoding, kept=kept)
    packed = dict(kept.packed)
    write(model, batch, decoding, kept=kept)
    assert kept.packed == packed and all(kept.packed[layer] is packed[layer] for layer in packed)
    assert bool(packed) == has_packed_kernels()


def test_what_goes_on_from_a_beginning_does_not_change_it() -> None:
    model = tiny(Qwen2Audio)
    kept, decoding = Kept(), Decoding(beams=3, max_new_tokens=8)
    first = model.collate(rows(model, [0.5]))
    before = write(model, first, decoding, kept=kept)
    write(model, model.collate(rows(model, [0.9, 0.4])), decoding, kept=kept)
    assert write(model, first, decoding, kept=kept) == before
