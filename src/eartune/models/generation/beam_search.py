"""Answers from scores, token by token: greedy, or with beams as transformers has them; who has ended is let go.

scores of the first token -> tokens that may stand there -> rows still open -> scores of the next -> ... -> answers
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Answer = tuple[int, ...]  # the tokens written so far
HARDLY = -1e9  # the score of a beam that stands in for none, as transformers has it


class Writer(Protocol):
    """A model that has read some rows, and reads on what is written after them."""

    def follow(self, tokens: Sequence[Answer]) -> Tensor:
        """Scores (rows, vocabulary), float32, of what may come after one or more further tokens of each row."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order; the same may stand there several times."""


class Rules(Protocol):
    """What every answer keeps to."""

    @property
    def end(self) -> int:
        """The token that ends an answer."""

    @property
    def limit(self) -> int:
        """Tokens that an answer may have, its end among them."""

    def mask(self, answers: Sequence[Answer], scores: Tensor) -> Tensor:
        """The scores (rows, vocabulary), minus infinity for what must not follow these answers."""

    def forced(self, answer: Answer) -> Answer:
        """What follows this answer, whatever a model thinks of it; often nothing."""


@dataclass(frozen=True)
class Free:
    """Anything may be written but one token."""

    end: int
    limit: int
    never: int

    def mask(self, answers: Sequence[Answer], scores: Tensor) -> Tensor:
        """Without the token that is never written."""
        return scores.index_fill(1, torch.tensor([self.never], device=scores.device), -torch.inf)

    def forced(self, answer: Answer) -> Answer:
        """Nothing."""
        return ()


def search(writer: Writer, scores: Tensor, beams: int, rules: Rules) -> list[Answer]:
    """One answer a row, without its end; `scores` (rows, vocabulary) are those of the first token."""
    found = greedy(writer, scores, rules) if beams == 1 else beam_search(writer, scores, beams, rules)
    return [answer[:-1] if answer[-1] == rules.end else answer for answer in found]


def greedy(writer: Writer, scores: Tensor, rules: Rules) -> list[Answer]:
    """The likeliest token at each step, and without asking what the rules force after it."""
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
            writer.keep(going_on)
        open_rows = [open_rows[i] for i in going_on]
        scores = writer.follow([written[i] for i in going_on])


def _is_open(answer: Answer, rules: Rules) -> bool:
    return answer[-1] != rules.end and len(answer) < rules.limit


class Beam(NamedTuple):
    """An answer, or its beginning, with its log probability, and the row of the writer that it goes on from."""

    score: float
    answer: Answer
    row: int


@dataclass
class Hypotheses:
    """The search for one answer: unfinished beams, best first, and finished ones by their mean score a token."""

    running: list[Beam]
    finished: list[tuple[float, Answer]]

    def step(self, candidates: Sequence[Beam], rules: Rules) -> bool:
        """Take the 2 n best continuations of n beams, best first; whether a better answer may still be found.

        As transformers has it: an ended one counts only if it is among the n best of all, and the search is over once
        the best running one's mean is not above the worst of n finished ones.
        """
        width = len(self.running)
        ended = [beam for beam in candidates[:width] if not _is_open(beam.answer, rules)]
        self.finished += [(beam.score / len(beam.answer), beam.answer) for beam in ended]
        self.finished = sorted(self.finished, key=lambda found: -found[0])[:width]
        self.running = [beam for beam in candidates if _is_open(beam.answer, rules)][:width]
        if not self.running:
            return False
        worst = self.finished[-1][0] if len(self.finished) == width else HARDLY
        return self.running[0].score / len(self.running[0].answer) > worst


def beam_search(writer: Writer, scores: Tensor, beams: int, rules: Rules) -> list[Answer]:
    """The answer of the highest mean log probability a token that this many beams find, for each row."""
    stand_ins = [Beam(HARDLY, (), 0)] * (beams - 1)
    searches = [Hypotheses([Beam(0.0, (), 0), *stand_ins], []) for _ in range(len(scores))]
    open_ones = searches
    writer.keep([row for row in range(len(scores)) for _ in range(beams)])
    scores = scores.repeat_interleave(beams, dim=0)
    while True:
        continued = zip(open_ones, _continuations(open_ones, beams, scores, rules), strict=True)
        open_ones = [found for found, candidates in continued if found.step(candidates, rules)]
        if not open_ones:
            return [found.finished[0][1] for found in searches]
        running = [beam for found in open_ones for beam in found.running]
        writer.keep([beam.row for beam in running])
        scores = writer.follow([beam.answer[-1:] for beam in running])


def _continuations(open_ones: Sequence[Hypotheses], beams: int, scores: Tensor, rules: Rules) -> Iterator[list[Beam]]:
    """The best of each search, twice as many as it has beams, so that there are enough if all of these end."""
    running = [beam for found in open_ones for beam in found.running]
    before = torch.tensor([beam.score for beam in running], device=scores.device)
    log_probs = rules.mask([beam.answer for beam in running], scores.log_softmax(dim=-1))
    best, where = (log_probs + before[:, None]).view(len(open_ones), -1).topk(2 * beams)
    for first, totals, places in zip(range(0, len(running), beams), best.tolist(), where.tolist(), strict=True):
        rows = [first + place // scores.shape[1] for place in places]
        tokens = [place % scores.shape[1] for place in places]
        yield [Beam(s, (*running[r].answer, t), r) for s, r, t in zip(totals, rows, tokens, strict=True)]
