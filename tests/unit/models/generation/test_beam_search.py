"""Searches find what transformers' own find, let go of rows that have ended, and ask no model what is forced."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from eartune.models.batch import Row
from eartune.models.chat_format import render
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.generation.beam_search import Answer, Unconstrained, search
from eartune.models.generation.generate import generate
from eartune.settings import Decoding
from stock import never_share_prefixes, stock_tokens, texts
from tiny_models import tiny

END, NEVER, N_TOKENS = 0, 1, 6


class Bigrams:
    """A scorer whose next token depends on the last alone; notes how many rows it was asked about."""

    def __init__(self, seed: int) -> None:
        self.scores = torch.randn(N_TOKENS, N_TOKENS, generator=torch.Generator().manual_seed(seed)) * 2
        self.asked: list[int] = []
        self.read: list[Answer] = []

    def extend(self, tokens: Sequence[Answer]) -> Tensor:
        self.asked.append(len(tokens))
        self.read += tokens
        return self.scores[[written[-1] for written in tokens]]

    def select(self, rows: Sequence[int]) -> None:
        assert rows

    def first(self, rows: Sequence[int]) -> Tensor:
        return self.scores[list(rows)]


def mean_log_probability(scorer: Bigrams, first: int, answer: Answer) -> float:
    steps = zip((first, *answer), answer, strict=False)
    return sum(float(scorer.scores[a].log_softmax(0)[b]) for a, b in steps) / len(answer)


@pytest.mark.parametrize("seed", range(20))
def test_as_many_beams_as_there_are_answers_find_the_best_of_all(seed: int) -> None:
    scorer = Bigrams(seed)
    (found,) = search(scorer, scorer.first([3]), N_TOKENS**3, Unconstrained(END, 3, NEVER))
    any_token = [token for token in range(N_TOKENS) if token != NEVER]
    inner = [token for token in any_token if token != END]
    whole: list[Answer] = [(END,), *((a, END) for a in inner)]
    whole += [(a, b, c) for a in inner for b in inner for c in any_token]
    best = max(whole, key=lambda answer: mean_log_probability(scorer, 3, answer))
    assert found == (best[:-1] if best[-1] == END else best)


def test_rows_that_have_ended_are_let_go() -> None:
    scorer = Bigrams(0)
    scorer.scores = torch.zeros(N_TOKENS, N_TOKENS)
    for token, after in ((2, END), (3, 2), (4, 3)):
        scorer.scores[token, after] = 1
    assert search(scorer, scorer.first([2, 3, 4]), 1, Unconstrained(END, 9, NEVER)) == [(), (2,), (3, 2)]
    assert scorer.asked == [2, 1]
    scorer.asked.clear()
    assert search(scorer, scorer.first([2, 3, 4]), 2, Unconstrained(END, 9, NEVER)) == [(), (2,), (3, 2)]
    assert scorer.asked[0] == 6 and scorer.asked[-1] < 6


class Spelled(Unconstrained):
    """After a 2 there must come a 3, then a 4."""

    def forced(self, answer: Answer) -> Answer:
        return (3, 4) if answer[-1] == 2 else ()


def test_a_model_reads_what_is_forced_in_one_go_and_is_not_asked_about_it() -> None:
    scorer = Bigrams(0)
    scorer.scores = torch.zeros(N_TOKENS, N_TOKENS)
    scorer.scores[5, 2] = scorer.scores[2, 5] = scorer.scores[4, END] = 1
    assert search(scorer, scorer.first([5]), 1, Spelled(END, 9, NEVER)) == [(2, 3, 4)]
    assert scorer.read == [(2, 3, 4)]


def test_answers_of_many_lengths_are_those_of_transformers() -> None:
    """Of random weights whose answers end: some at once, some later, some never."""
    model, lengths = tiny(Qwen2Audio), set()
    end = model.tokenizer.convert_tokens_to_ids(model.chat.answer_end)
    rows = [Row(render(model.chat, "What?", "some words " * n), None, None) for n in range(1, 9)]
    never_share_prefixes(model)
    batch = model.collate(rows)
    with torch.no_grad():
        for seed in range(6):
            torch.manual_seed(seed)
            model.model.lm_head.weight[end] = torch.randn_like(model.model.lm_head.weight[end]) * 1.5
            for beams in (1, 3, 5):
                decoding = Decoding(beams=beams, max_new_tokens=12)
                stock = stock_tokens(model, batch, decoding)
                assert generate(model, batch, decoding) == texts(model, stock), (seed, beams)
                lengths |= {int((row != model.tokenizer.pad_token_id).sum()) for row in stock}
    assert len(lengths) > 5
