"""Searches find what transformers' own find, let go of rows that have ended, and ask no model what is forced."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from eartune.data.frame import SemanticFrame
from eartune.models.batch import Row
from eartune.models.chat_format import render
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.generation.beam_search import Answer, Found, Unconstrained, greedy, search
from eartune.models.generation.generate import StepScores, constraint_of, generate, prefill, text_so_far, write
from eartune.settings import Decoding
from eartune.tasks.slu import Schema, grammar
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


def mean_log_probability(scorer: Bigrams, first: int, answer: Answer, permitted: bool = False) -> float:
    """Of the tokens of an answer, among all tokens or among those that may be written."""
    scores = scorer.scores.clone()
    if permitted:
        scores[:, NEVER] = -torch.inf
    steps = zip((first, *answer), answer, strict=False)
    return sum(float(scores[a].log_softmax(0)[b]) for a, b in steps) / len(answer)


def texts_of(found: Sequence[Found]) -> list[Answer]:
    return [one.answer for one in found]


@pytest.mark.parametrize("seed", range(20))
def test_as_many_beams_as_there_are_answers_find_the_best_of_all(seed: int) -> None:
    scorer = Bigrams(seed)
    ((answer, log_probability, margin),) = search(scorer, scorer.first([3]), N_TOKENS**3, Unconstrained(END, 3, NEVER))
    any_token = [token for token in range(N_TOKENS) if token != NEVER]
    inner = [token for token in any_token if token != END]
    whole: list[Answer] = [(END,), *((a, END) for a in inner)]
    whole += [(a, b, c) for a in inner for b in inner for c in any_token]
    best, second = sorted(whole, key=lambda answer: -mean_log_probability(scorer, 3, answer))[:2]
    assert answer == (best[:-1] if best[-1] == END else best)
    ahead = mean_log_probability(scorer, 3, best) - mean_log_probability(scorer, 3, second)
    assert margin == pytest.approx(ahead, abs=1e-5)
    assert log_probability == pytest.approx(mean_log_probability(scorer, 3, best, permitted=True), abs=1e-5)


def test_rows_that_have_ended_are_let_go() -> None:
    scorer = Bigrams(0)
    scorer.scores = torch.zeros(N_TOKENS, N_TOKENS)
    for token, after in ((2, END), (3, 2), (4, 3)):
        scorer.scores[token, after] = 1
    assert texts_of(search(scorer, scorer.first([2, 3, 4]), 1, Unconstrained(END, 9, NEVER))) == [(), (2,), (3, 2)]
    assert scorer.asked == [2, 1]
    scorer.asked.clear()
    assert texts_of(search(scorer, scorer.first([2, 3, 4]), 2, Unconstrained(END, 9, NEVER))) == [(), (2,), (3, 2)]
    assert scorer.asked[0] == 6 and scorer.asked[-1] < 6


class ManyBigrams:
    """A scorer with one row for each of many tables, (tables, step, last token, next token).

    With the same scores at every step, answers of the same bigrams in another order would be equally probable.
    """

    def __init__(self, tables: Tensor) -> None:
        self.tables = tables
        self.table_of = torch.arange(len(tables))
        self.step = 0

    def extend(self, tokens: Sequence[Answer]) -> Tensor:
        self.step += 1
        return self.tables[self.table_of, self.step, [written[-1] for written in tokens]]

    def select(self, rows: Sequence[int]) -> None:
        self.table_of = self.table_of[list(rows)]


class StockBigrams(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """The same for the library's own search; a prompt is the number of a table and the last token before the answer."""

    def __init__(self, tables: Tensor) -> None:
        super().__init__(PreTrainedConfig(vocab_size=N_TOKENS))
        self.tables = nn.Parameter(tables)

    def prepare_inputs_for_generation(self, input_ids: Tensor, attention_mask: Any, **settings: Any) -> dict[str, Any]:
        return {"input_ids": input_ids}

    def forward(self, input_ids: Tensor, **settings: Any) -> CausalLMOutput:
        return CausalLMOutput(logits=self.tables[input_ids[:, 0], input_ids.shape[1] - 2, input_ids[:, -1]][:, None])


@pytest.mark.parametrize("beams", [2, 3, 4])
def test_random_tables_get_the_answers_of_transformers_own_beam_search(beams: int) -> None:
    """Some tokens leave no doubt what follows and others do, so that rules of when to stop make a difference."""
    n_tables, limit = 400, 8
    draw = torch.Generator().manual_seed(beams)
    certainty = torch.randn(n_tables, limit, N_TOKENS, 1, generator=draw).exp()
    tables = torch.randn(n_tables, limit, N_TOKENS, N_TOKENS, generator=draw) * certainty
    first = 3
    ours = texts_of(search(ManyBigrams(tables), tables[:, 0, first], beams, Unconstrained(END, limit, NEVER)))
    prompts = torch.stack([torch.arange(n_tables), torch.full((n_tables,), first)], dim=1)
    written = StockBigrams(tables).generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        num_beams=beams,
        max_new_tokens=limit,
        do_sample=False,
        use_cache=False,
        suppress_tokens=[NEVER],
        pad_token_id=END,
        eos_token_id=END,
    )
    stock = [tuple(row[: row.index(END)] if END in row else row) for row in written[:, 2:].tolist()]
    assert ours == stock
    assert len({len(answer) for answer in ours}) > 5


class Spelled(Unconstrained):
    """After a 2 there must come a 3, then a 4."""

    def forced(self, answer: Answer) -> Answer:
        return (3, 4) if answer[-1] == 2 else ()


def test_a_model_reads_what_is_forced_in_one_go_and_is_not_asked_about_it() -> None:
    scorer = Bigrams(0)
    scorer.scores = torch.zeros(N_TOKENS, N_TOKENS)
    scorer.scores[5, 2] = scorer.scores[2, 5] = scorer.scores[4, END] = 1
    (found,) = search(scorer, scorer.first([5]), 1, Spelled(END, 9, NEVER))
    assert found.answer == (2, 3, 4) and scorer.read == [(2, 3, 4)]
    one_of_five = 1 - math.log(math.e + 4)  # a score of 1 and four of 0; the sixth token may not be written
    assert found.log_probability == pytest.approx((one_of_five + 0 + 0 + one_of_five) / 4)


@pytest.mark.parametrize("seed", range(5))
def test_a_greedy_answer_has_the_mean_log_probability_of_its_tokens_and_of_its_end(seed: int) -> None:
    scorer = Bigrams(seed)
    for found, first in zip(search(scorer, scorer.first([2, 3]), 1, Unconstrained(END, 4, NEVER)), (2, 3), strict=True):
        whole = found.answer if len(found.answer) == 4 else (*found.answer, END)
        assert found.log_probability == pytest.approx(mean_log_probability(scorer, first, whole, permitted=True))
        assert found.margin is None


class OneAnswer(Unconstrained):
    """The only answer is 4."""

    def mask(self, answers: Sequence[Answer], scores: Tensor) -> Tensor:
        permitted = torch.full_like(scores, -torch.inf)
        for row, answer in enumerate(answers):
            permitted[row, END if answer else 4] = scores[row, END if answer else 4]
        return permitted


@pytest.mark.parametrize("beams", [1, 2, 3])
def test_the_only_answer_is_certain_and_has_no_second(beams: int) -> None:
    scorer = Bigrams(0)
    (found,) = search(scorer, scorer.first([5]), beams, OneAnswer(END, 9, NEVER))
    assert found.answer == (4,) and found.log_probability == pytest.approx(0, abs=1e-6) and found.margin is None


@pytest.mark.parametrize("beams", [1, 3])
def test_a_row_is_as_sure_alone_as_among_others(beams: int) -> None:
    model = tiny(Qwen2Audio)
    rows = [Row(render(model.chat, "What?", "some words " * n), None, None) for n in (1, 4, 9)]
    decoding = Decoding(beams=beams, max_new_tokens=8)
    for together, row in zip(write(model, model.collate(rows), decoding), rows, strict=True):
        (alone,) = write(model, model.collate([row]), decoding)
        assert together.text == alone.text
        assert together.log_probability == pytest.approx(alone.log_probability, abs=1e-5)
        assert together.margin == pytest.approx(alone.margin, abs=1e-5) if beams > 1 else alone.margin is None


def test_tokens_that_are_skipped_count_as_those_that_the_model_is_asked_about() -> None:
    """The grammar leaves no choice about most of an answer, so that either way they are certain."""
    model, schema = tiny(Qwen2Audio), Schema.of([SemanticFrame.of("alarm", "set"), SemanticFrame.of("music", "play")])
    end = model.tokenizer.convert_tokens_to_ids(model.chat.answer_end)
    constraint = constraint_of(grammar(schema), model.tokenizer, model.model.config.get_text_config().vocab_size, end)
    found = []
    for skips in (True, False):
        decoder, states = prefill(model, model.collate([Row(render(model.chat, "What?", "words"), None, None)]))
        scorer = StepScores(model, decoder)
        found += greedy(scorer, model.head(states[:, -1]).float(), constraint.rules(80, skip_forced=skips))
    assert found[0].answer == found[1].answer and found[0].log_probability < -0.001
    assert found[0].log_probability == pytest.approx(found[1].log_probability, abs=1e-4)


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


@pytest.mark.parametrize("beams", [1, 3])
def test_whoever_watches_sees_the_answer_grow_to_its_end(beams: int) -> None:
    model = tiny(Qwen2Audio)
    batch = model.collate([Row(render(model.chat, "What?", "some words " * n), None, None) for n in (1, 4)])
    seen: list[tuple[str, str]] = []
    decoding = Decoding(beams=beams, max_new_tokens=8)
    found = write(model, batch, decoding, watch=lambda text_of: seen.append((text_of(0), text_of(1))))
    assert seen[-1] == tuple(one.text for one in found) and len(set(seen)) > 3
    assert found == write(model, batch, decoding)
    if beams == 1:
        assert all(after.startswith(before) for one in zip(*seen, strict=True) for before, after in pairwise(one))


def test_half_a_character_is_not_shown() -> None:
    tokenizer = tiny(Qwen2Audio).tokenizer
    ids = tokenizer("a é", add_special_tokens=False)["input_ids"]
    assert [text_so_far(tokenizer, tuple(ids[:n])) for n in range(1, len(ids) + 1)] == ["a", "a", "a", "a é"]


def test_whoever_watches_can_end_a_search() -> None:
    scorer = Bigrams(0)

    def leave(answers: Sequence[Answer]) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        search(scorer, scorer.first([2, 3]), 1, Unconstrained(END, 9, NEVER), leave)
    assert scorer.asked == []
