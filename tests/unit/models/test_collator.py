"""Which leading tokens a batch shares, and which tokenizers are refused."""

import pytest
import torch

from eartune.errors import InputError
from eartune.models.batch import Clip, Row
from eartune.models.chat_format import Prompt
from eartune.models.collator import Collator, PrefixSharing
from tiny_models import byte_tokenizer

TOKENIZER = byte_tokenizer(("<audio>",), "<end>")
AUDIO = TOKENIZER.convert_tokens_to_ids("<audio>")


def row(before: str, answer: str | None = "x", clip: Clip | None = None) -> Row:
    return Row(Prompt(before, ""), clip, answer)


@pytest.mark.parametrize(
    ("shares_prefix", "answer", "n_shared"),
    [("always", "x", 5), ("always", None, 5), ("training", "x", 5), ("training", None, 0), ("never", "x", 0)],
)
def test_a_prefix_is_shared_when_the_model_can_use_it(
    shares_prefix: PrefixSharing, answer: str | None, n_shared: int
) -> None:
    rows = [row("ask: one", answer), row("ask: one or two", answer), row("ask: two", answer)]
    batch = Collator(TOKENIZER, AUDIO, "<end>", shares_prefix).collate(rows)
    assert batch.n_shared == n_shared
    assert TOKENIZER.decode(batch.input_ids[0][batch.attention_mask[0].bool()]) == (
        "ask: onex<end>" if answer else "ask: one"
    )
    assert TOKENIZER.decode(batch.input_ids[0, :n_shared]) == "ask: "[:n_shared]
    assert (batch.attention_mask[:, :n_shared] == 1).all()


def test_the_last_token_of_a_prompt_is_never_shared() -> None:
    """The first token of an answer is predicted from it."""
    assert Collator(TOKENIZER, AUDIO, "<end>", "always").collate([row("ask"), row("ask")]).n_shared == 2


def test_audio_tokens_are_never_shared() -> None:
    """They are the same token for different sounds."""
    clips = [Clip(torch.randn(80, 8), 8, 2) for _ in range(2)]
    rows = [Row(Prompt("ask", "now"), clip, None) for clip in clips]
    batch = Collator(TOKENIZER, AUDIO, "<end>", "always").collate(rows)
    assert batch.n_shared == 3 and int((batch.input_ids == AUDIO).sum()) == 4


@pytest.mark.parametrize(
    ("audio_token_id", "answer_end", "message"),
    [(AUDIO, "<other>", "does not know '<other>' as one token"), (5_000, "<end>", "has no audio token 5000")],
)
def test_a_tokenizer_of_another_family_is_refused(audio_token_id: int, answer_end: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Collator(TOKENIZER, audio_token_id, answer_end, "never")
