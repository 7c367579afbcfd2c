"""Greedy and beam search, token for token equal to those of transformers; finished rows leave the batch.

scores of the first token -> allowed tokens -> best continuations -> unfinished rows -> scores of the next -> answers
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Answer = tuple[int, ...]
"""The ids of an answer's tokens so far."""
Watch = Callable[[Sequence[Answer]], None]
"""Called after each step with the best answer so far of every row; what it raises ends the search."""
NO_BEAM = -1e9  # the score of a place in the beam that is still empty, as transformers has it


class Found(NamedTuple):
    """What a search found for one row, and how sure the model is of it.

    A token's probability is that among the tokens which the rules permit in its place, so that one which a grammar
    forces is certain: its log probability is 0, whether the model was asked about it or not.
    """

    answer: Answer
    """The ids of the answer's tokens."""
    log_probability: float
    """The mean log probability of the answer's tokens, its end included, in nats."""
    margin: float | None = None
    """By how much the score of the answer is above that of the second beam, in nats per token, from 0.

    The score is that by which beams are compared: the mean log probability among all tokens. None without a second.
    """


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


def unwatched(answers: Sequence[Answer]) -> None:
    """Look at no step of a search."""


def search(scorer: Scorer, scores: Tensor, beams: int, rules: Rules, watch: Watch = unwatched) -> list[Found]:
    """Return one answer for each row, without its end; `scores` (rows, vocabulary) are those of the first token.

    What `watch` sees of a greedy search only grows; of a search with beams another one may become the best.
    """
    greedily = beams == 1
    found = greedy(scorer, scores, rules, watch) if greedily else beam_search(scorer, scores, beams, rules, watch)
    return [one._replace(answer=one.answer[:-1]) if one.answer[-1] == rules.end else one for one in found]


def greedy(scorer: Scorer, scores: Tensor, rules: Rules, watch: Watch = unwatched) -> list[Found]:
    """Write the most probable token at each step, then the tokens that the rules force, without asking the model."""
    answers: list[Answer] = [()] * len(scores)
    log_probabilities = [0.0] * len(scores)
    open_rows = list(range(len(scores)))
    while True:
        allowed = rules.mask([answers[row] for row in open_rows], scores)
        best = allowed.argmax(dim=-1, keepdim=True)
        log_probability = allowed.gather(1, best)[:, 0] - allowed.logsumexp(dim=-1)
        chosen = best[:, 0].tolist()
        written = [(token, *rules.forced((*answers[row], token))) for row, token in zip(open_rows, chosen, strict=True)]
        for row, tokens, nats in zip(open_rows, written, log_probability.tolist(), strict=True):
            answers[row] += tokens
            log_probabilities[row] += nats
        watch(answers)
        going_on = [i for i, row in enumerate(open_rows) if _is_open(answers[row], rules)]
        if not going_on:
            return [Found(a, nats / len(a)) for a, nats in zip(answers, log_probabilities, strict=True)]
        if len(going_on) < len(open_rows):
            scorer.select(going_on)
        open_rows = [open_rows[i] for i in going_on]
        scores = scorer.extend([written[i] for i in going_on])


def _is_open(answer: Answer, rules: Rules) -> bool:
    return answer[-1] != rules.end and len(answer) < rules.limit


class Beam(NamedTuple):
    """An unfinished or finished answer, and the row of the scorer that it continues."""

    score: float
    """The log probability of the answer, in nats, among all tokens."""
    answer: Answer
    row: int
    log_probability: float
    """The same among the tokens that the rules permit."""

    @property
    def mean_score(self) -> float:
        """The score a token, by which answers of different lengths are compared."""
        return self.score / len(self.answer)


@dataclass
class Hypotheses:
    """The beam search for one row's answer."""

    running: list[Beam]
    """Unfinished answers, best first."""
    finished: list[Beam]
    """Finished answers, best first."""

    def step(self, candidates: Sequence[Beam], rules: Rules) -> bool:
        """Take the 2 n best continuations of n beams, best first; return whether a better answer may still be found.

        As transformers has it: a finished one counts only if it is among the n best continuations, and the search ends
        once the mean of the best unfinished one is not above the worst of n finished ones.
        """
        width = len(self.running)
        self.finished += [beam for beam in candidates[:width] if not _is_open(beam.answer, rules)]
        self.finished = sorted(self.finished, key=lambda beam: -beam.mean_score)[:width]
        self.running = [beam for beam in candidates if _is_open(beam.answer, rules)][:width]
        if not self.running:
            return False
        worst = self.finished[-1].mean_score if len(self.finished) == width else NO_BEAM
        return self.running[0].mean_score > worst

    def leading(self) -> Answer:
        """Return the answer, finished or not, with the highest mean score so far."""
        return max((*self.finished[:1], *self.running[:1]), key=lambda beam: beam.mean_score).answer

    def best(self) -> Found:
        """Return the best finished answer; a second that was only an empty place in the beam is none."""
        first, *others = self.finished
        second = others[0].mean_score if others and others[0].score > NO_BEAM / 2 else None
        margin = None if second is None else first.mean_score - second
        return Found(first.answer, first.log_probability / len(first.answer), margin)


def beam_search(scorer: Scorer, scores: Tensor, beams: int, rules: Rules, watch: Watch = unwatched) -> list[Found]:
    """Return for each row the answer with the highest mean log probability a token that this many beams find."""
    empty = [Beam(NO_BEAM, (), 0, NO_BEAM)] * (beams - 1)
    searches = [Hypotheses([Beam(0.0, (), 0, 0.0), *empty], []) for _ in range(len(scores))]
    open_ones = searches
    scorer.select([row for row in range(len(scores)) for _ in range(beams)])
    scores = scores.repeat_interleave(beams, dim=0)
    while True:
        continued = zip(open_ones, _continuations(open_ones, beams, scores, rules), strict=True)
        open_ones = [found for found, candidates in continued if found.step(candidates, rules)]
        watch([found.leading() for found in searches])
        if not open_ones:
            return [found.best() for found in searches]
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
    of_all, of_allowed = scores.logsumexp(dim=-1), allowed.logsumexp(dim=-1)
    gained = [  # in nats, by how much each beam's answers are more probable among the permitted than among all tokens
        beam.log_probability - beam.score + more
        for beam, more in zip(running, (of_all - of_allowed).tolist(), strict=True)
    ]
    totals = (best - of_all[:, None] + before[:, None]).view(len(open_ones), -1)
    tokens, width = tokens.view(len(open_ones), -1), best.shape[1]
    totals, where = totals.topk(2 * beams)
    chosen = tokens.gather(1, where)
    for first, *found in zip(
        range(0, len(running), beams), totals.tolist(), where.tolist(), chosen.tolist(), strict=True
    ):
        rows = [first + place // width for place in found[1]]
        yield [
            Beam(total, (*running[row].answer, token), row, total + gained[row])
            for total, row, token in zip(found[0], rows, found[2], strict=True)
        ]
