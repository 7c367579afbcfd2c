"""Constrained decoding: at every step only tokens that can lead to a valid answer of the task are allowed.

labels -> grammar of all answers -> a matcher for each beam -> mask of the allowed next tokens
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
    """A grammar compiled for one tokenizer."""

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
        line_break = tokenizer("\n", add_special_tokens=False)["input_ids"][-1:]  # it ends the words before an answer
        preferred = ([answer_end], line_break, quotes, brackets)
        self.closing = [torch.tensor(tokens, dtype=torch.int64) for tokens in preferred]
        """Tokens that close an answer, in order of preference: its end, a line break, quotes, brackets (letters if
        inside quotes)."""
        self.reserve = grammar.ending
        """The most tokens that a search may add after its limit to close an answer."""

    def rules(self, limit: int, skip_forced: bool = True) -> "GrammarRules":
        """Return the rules of one search.

        With `skip_forced`, tokens that the grammar forces are written without running the model. After `limit` tokens
        an answer is closed.
        """
        return GrammarRules(self, limit, skip_forced)


class GrammarRules:
    """The rules of one search: every answer matches the grammar, and is closed after `closing_from` tokens."""

    def __init__(self, constraint: Constraint, closing_from: int, skip_forced: bool = True) -> None:
        self.constraint = constraint
        self.skip_forced = skip_forced
        self.closing_from = closing_from
        self.end = constraint.answer_end
        self.limit = closing_from + constraint.reserve
        self.matchers: dict[Answer, LLMatcher | None] = {(): constraint.matcher.deep_copy()}

    def mask(self, answers: Sequence[Answer], scores: Tensor) -> Tensor:
        """Return the scores (rows, vocabulary), with minus infinity for tokens that the grammar does not allow next."""
        self.matchers = {answer: self._advanced(answer) for answer in dict.fromkeys(answers)}
        allowed = {answer: self._allowed(matcher, len(answer)) for answer, matcher in self.matchers.items()}
        masks = torch.stack([allowed[answer] for answer in answers]).to(scores.device)
        return scores.masked_fill(~masks[:, : scores.shape[1]], -torch.inf)

    def forced(self, answer: Answer) -> Answer:
        """Return the tokens that the grammar forces next, as the tokenizer would write them; often none."""
        if not self.skip_forced:
            return ()
        matcher = self.matchers[answer] = self._advanced(answer)
        return () if matcher is None or matcher.is_stopped() else tuple(matcher.compute_ff_tokens())

    def _advanced(self, answer: Answer) -> LLMatcher | None:
        """The matcher after an answer, advanced from that of its longest known beginning; None if it is not valid."""
        known = next(n for n in range(len(answer), -1, -1) if answer[:n] in self.matchers or n == 0)
        before = self.matchers.get(answer[:known])
        if before is None or known == len(answer):
            return before
        matcher, further = before.deep_copy(), list(answer[known:])
        return matcher if matcher.try_consume_tokens(further) == len(further) else None

    def _allowed(self, matcher: LLMatcher | None, length: int) -> Tensor:
        """A mask (vocabulary,) of the tokens allowed after an answer of `length` tokens."""
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
        """The mask reduced to tokens that close the answer, if any of them is allowed."""
        for tokens in self.constraint.closing:
            if allowed[tokens].any():
                return torch.zeros_like(allowed).scatter_(0, tokens, allowed[tokens])
        return allowed
