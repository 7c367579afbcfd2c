"""Answers held to a task's grammar: at every step of a search only such tokens as lead to an answer of the task.

labels -> grammar of all answers -> a matcher for each beam -> which tokens may come next
"""

from collections.abc import Sequence

import llguidance.hf
import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from eartune.models.generation.beam_search import Answer
from eartune.tasks.task import Grammar

CLOSING = frozenset('"}]')


class Constraint:
    """The answers of one grammar, for one tokenizer; what a search has written so far is known by its tokens."""

    def __init__(self, grammar: Grammar, tokenizer: PreTrainedTokenizerFast, n_vocab: int, answer_end: int) -> None:
        self.tokenizer: LLTokenizer = llguidance.hf.from_tokenizer(tokenizer, n_vocab=n_vocab, eos_token=answer_end)
        self.matcher = LLMatcher(self.tokenizer, LLMatcher.grammar_from_lark(grammar.lark))
        if self.matcher.is_error():
            raise ValueError(f"no grammar for these labels: {self.matcher.get_error()}")
        self.n_vocab = n_vocab
        self.answer_end = answer_end
        written = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        closing = [token for token, text in enumerate(written) if text and set(text) <= CLOSING]
        quotes = [token for token in closing if written[token].startswith('"')]
        brackets = [token for token in closing if token not in quotes]
        self.closing = [torch.tensor(tokens, dtype=torch.int64) for tokens in ([answer_end], quotes, brackets)]
        """What brings the end nearer, the nearest first; a bracket inside quotes is a letter."""
        self.reserve = grammar.ending
        """Steps that a search may take beyond its limit; it does nothing there but end."""

    def rules(self, limit: int, skips: bool = True) -> "Held":
        """For one search, which `skips` what is forced or not; from `limit` tokens on, answers are closed."""
        return Held(self, limit, skips)


class Held:
    """Forbids in every row all tokens that its answer cannot go on with."""

    def __init__(self, constraint: Constraint, closing_from: int, skips: bool = True) -> None:
        self.constraint = constraint
        self.skips = skips
        self.closing_from = closing_from
        self.end = constraint.answer_end
        self.limit = closing_from + constraint.reserve
        self.matchers: dict[Answer, LLMatcher | None] = {(): constraint.matcher.deep_copy()}

    def mask(self, answers: Sequence[Answer], scores: Tensor) -> Tensor:
        """Scores (rows, vocabulary), minus infinity where a token is forbidden."""
        self.matchers = {answer: self._advanced(answer) for answer in dict.fromkeys(answers)}
        allowed = {answer: self._allowed(matcher, len(answer)) for answer, matcher in self.matchers.items()}
        masks = torch.stack([allowed[answer] for answer in answers]).to(scores.device)
        return scores.masked_fill(~masks[:, : scores.shape[1]], -torch.inf)

    def forced(self, answer: Answer) -> Answer:
        """The tokens that spell what the grammar leaves no choice about, as the tokenizer would write it."""
        if not self.skips:
            return ()
        matcher = self.matchers[answer] = self._advanced(answer)
        return () if matcher is None or matcher.is_stopped() else tuple(matcher.compute_ff_tokens())

    def _advanced(self, answer: Answer) -> LLMatcher | None:
        """The matcher of an answer whose beginning has one; None for what has ended, or never was an answer."""
        known = next(n for n in range(len(answer), -1, -1) if answer[:n] in self.matchers or n == 0)
        before = self.matchers.get(answer[:known])
        if before is None or known == len(answer):
            return before
        matcher, further = before.deep_copy(), list(answer[known:])
        return matcher if matcher.try_consume_tokens(further) == len(further) else None

    def _allowed(self, matcher: LLMatcher | None, length: int) -> Tensor:
        """Which tokens may come next, (vocabulary)."""
        only_end = torch.zeros(self.constraint.n_vocab, dtype=torch.bool)
        only_end[self.constraint.answer_end] = True
        if matcher is None or matcher.is_stopped():
            return only_end
        bits = allocate_token_bitmask(1, self.constraint.n_vocab)
        fill_next_token_bitmask(matcher, bits)
        allowed = torch.from_numpy(
            np.unpackbits(bits.view(np.uint8), bitorder="little")[: self.constraint.n_vocab]
        ).bool()
        return self._closing(allowed) if length >= self.closing_from else allowed

    def _closing(self, allowed: Tensor) -> Tensor:
        """Those that bring the end nearer, if there are any."""
        for tokens in self.constraint.closing:
            if allowed[tokens].any():
                return torch.zeros_like(allowed).scatter_(0, tokens, allowed[tokens])
        return allowed
