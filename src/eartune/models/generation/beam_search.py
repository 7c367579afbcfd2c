"""Greedy and beam search, token for token equal to those of transformers; finished rows leave the batch.

scores of the first token -> allowed tokens -> best continuations -> unfinished rows -> scores of the next -> answers
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Answer = tuple[int, ...]
"""The ids of an answer's tokens so far."""
NO_BEAM = -1e9  # the score of a place in the beam that is still empty, as transformers has it


class Scorer(Protocol):
    """A model that has read the prompts of some rows and scores what may come next."""

    def extend(self, tokens: Sequence[Answer]) -> Tensor:
        """Append one or more tokens to each row; return the scores of the next, (rows, vocabulary) in float32."""

    def select(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order; one may be named several times."""


class Rules(Protocol):
    """The rules that every answer of a search must follow."""

    @property
    def end(self) -> int:
        """The id of the token that ends an answer."""

    @property
    def limit(self) -> int:
        """The most tokens that an answer may have, its end included."""

    def mask(self, answers: Sequence[Answer], scores: Tensor) -> Tensor:
        """Return the scores (rows, vocabulary), minus infinity for tokens that must not follow each row's answer."""

    def forced(self, answer: Answer) -> Answer:
        """Return the tokens that the grammar forces next, for which no model need be asked; often none."""


@dataclass(frozen=True)
class Unconstrained:
    """The rules of a search in which any token may be written but one."""

    end: int
    """The id of the token that ends an answer."""
    limit: int
    """The most tokens that an answer may have, its end included."""
    never: int
    """The id of the token that must not be written: the audio token."""

    def mask(self, answers: Sequence[Answer], scores: Tensor) -> Tensor:
        """Return the scores, with minus infinity for the one token."""
        return scores.index_fill(1, torch.tensor([self.never], device=scores.device), -torch.inf)

    def forced(self, answer: Answer) -> Answer:
        """Return no tokens, as nothing is forced."""
        return ()


def search(scorer: Scorer, scores: Tensor, beams: int, rules: Rules) -> list[Answer]:
    """Return one answer for each row, without its end; `scores` (rows, vocabulary) are those of the first token."""
    found = greedy(scorer, scores, rules) if beams == 1 else beam_search(scorer, scores, beams, rules)
    return [answer[:-1] if answer[-1] == rules.end else answer for answer in found]


def greedy(scorer: Scorer, scores: Tensor, rules: Rules) -> list[Answer]:
    """Write the most probable token at each step, then the tokens that the rules force, without asking the model."""
    answers: list[Answer] = [()] * len(scores)
    open_rows = list(range(len(scores)))
    while True:
        chosen = rules.mask([answers[row] for row in open_rows], scores).argmax(dim=-1).tolist()
        written = [(token, *rules.forced((*answers[row], token))) for row, token in zip(open_rows, chosen, strict=True)]
        for row, tokens in zip(open_rows, written, strict=True):
            answers[row] += tokens
        going_on = [i for i, row in enumerate(open_rows) if _is_open(answers[row], rules)]
        if not going_on:
            return answers
        if len(going_on) < len(open_rows):
            scorer.select(going_on)
        open_rows = [open_rows[i] for i in going_on]
        scores = scorer.extend([written[i] for i in going_on])


def _is_open(answer: Answer, rules: Rules) -> bool:
    return answer[-1] != rules.end and len(answer) < rules.limit


class Beam(NamedTuple):
    """An unfinished or finished answer, its log probability in nats, and the row of the scorer that it continues."""

    score: float
    answer: Answer
    row: int


@dataclass
class Hypotheses:
    """The beam search for one row's answer."""

    running: list[Beam]
    """Unfinished answers, best first."""
    finished: list[tuple[float, Answer]]
    """Finished answers with their mean log probability a token, best first."""

    def step(self, candidates: Sequence[Beam], rules: Rules) -> bool:
        """Take the 2 n best continuations of n beams, best first; return whether a better answer may still be found.

        As transformers has it: a finished one counts only if it is among the n best continuations, and the search ends
        once the mean of the best unfinished one is not above the worst of n finished ones.
        """
        width = len(self.running)
        newly = [beam for beam in candidates[:width] if not _is_open(beam.answer, rules)]
        self.finished += [(beam.score / len(beam.answer), beam.answer) for beam in newly]
        self.finished = sorted(self.finished, key=lambda found: -found[0])[:width]
        self.running = [beam for beam in candidates if _is_open(beam.answer, rules)][:width]
        if not self.running:
            return False
        worst = self.finished[-1][0] if len(self.finished) == width else NO_BEAM
        return self.running[0].score / len(self.running[0].answer) > worst


def beam_search(scorer: Scorer, scores: Tensor, beams: int, rules: Rules) -> list[Answer]:
    """Return for each row the answer with the highest mean log probability a token that this many beams find."""
    empty = [Beam(NO_BEAM, (), 0)] * (beams - 1)
    searches = [Hypotheses([Beam(0.0, (), 0), *empty], []) for _ in range(len(scores))]
    open_ones = searches
    scorer.select([row for row in range(len(scores)) for _ in range(beams)])
    scores = scores.repeat_interleave(beams, dim=0)
    while True:
        continued = zip(open_ones, _continuations(open_ones, beams, scores, rules), strict=True)
        open_ones = [found for found, candidates in continued if found.step(candidates, rules)]
        if not open_ones:
            return [found.finished[0][1] for found in searches]
        running = [beam for found in open_ones for beam in found.running]
        scorer.select([beam.row for beam in running])
        scores = scorer.extend([beam.answer[-1:] for beam in running])


def _continuations(open_ones: Sequence[Hypotheses], beams: int, scores: Tensor, rules: Rules) -> Iterator[list[Beam]]:
    """The best continuations of each search, twice as many as it has beams, so that enough are left if some end.

    Among them are only tokens that are among the best of their own beam, so that the others need no probability.
    """
    running = [beam for found in open_ones for beam in found.running]
    before = torch.tensor([beam.score for beam in running], device=scores.device)
    allowed = rules.mask([beam.answer for beam in running], scores)
    best, tokens = allowed.topk(min(2 * beams, scores.shape[1]))
    totals = (best - scores.logsumexp(dim=-1, keepdim=True) + before[:, None]).view(len(open_ones), -1)
    tokens, width = tokens.view(len(open_ones), -1), best.shape[1]
    totals, where = totals.topk(2 * beams)
    chosen = tokens.gather(1, where)
    for first, *found in zip(
        range(0, len(running), beams), totals.tolist(), where.tolist(), chosen.tolist(), strict=True
    ):
        rows = [first + place // width for place in found[1]]
        yield [
            Beam(total, (*running[row].answer, token), row)
            for total, row, token in zip(found[0], rows, found[2], strict=True)
        ]
