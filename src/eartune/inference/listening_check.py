"""The listening check: swapped clips must change a model's probabilities, and silence must score below speech."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from typing import TypeVar

import torch
from torch import Tensor

from eartune.data.example import Example
from eartune.evaluation.metrics import Answered, evaluate
from eartune.inference.asr import words_to_read
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip, Row
from eartune.models.generation.generate import generate
from eartune.models.rows import RowMaker
from eartune.settings import Decoding
from eartune.tasks.task import Answer, Task

CLIPS = 8
"""The most recordings that are checked; twice as many if they have fewer right answers, as guesses are often right."""
LEAST_CHANGE = 1e-3  # nats per token; it is exactly 0 for a model that gets no audio
_T = TypeVar("_T")
ONE_MEANING = "all recordings of the test have one meaning, so there is nothing to swap"


@dataclass(frozen=True)
class ListeningCheck:
    """The finding of the check for one model."""

    swapped: float
    """The mean absolute change of the right answers' log-probability, in nats per token, if clips are swapped."""
    muted: float
    """The same change if each clip is replaced by silence of the same length, in nats per token.

    Swapping alone cannot show that audio is used: clips of other lengths take other numbers of positions.
    """
    silence: float
    """The main metric of the answers to silence, 0 to 1."""
    speech: float
    """The main metric of the answers to the same utterances' own clips, 0 to 1."""

    @property
    def changes(self) -> bool:
        """Whether swapped clips and silence change probabilities; they do not for a model that gets no audio."""
        return min(self.swapped, self.muted) > LEAST_CHANGE

    @property
    def listens(self) -> bool:
        """Whether swapped clips and silence change probabilities, and silence scores less than 80 % of speech."""
        return self.changes and (self.silence == 0 or self.silence < 0.8 * self.speech)

    @property
    def sentence(self) -> str:
        """The finding as a sentence with its numbers."""
        found = (
            f"swapping clips changes its answers by {self.swapped:.2f} nats a token, silence by {self.muted:.2f}; "
            f"silence scores {self.silence:.1%} where speech scores {self.speech:.1%}"
        )
        if self.listens:
            return f"It listens: {found}."
        if not self.changes:
            return f"IT DOES NOT LISTEN: {found}."
        return f"IT IS NOT SHOWN TO LISTEN on these few recordings: {found}."


def check_listening(
    model: AudioLLM, examples: Sequence[Example], rows: RowMaker, metric: str, decoding: Decoding
) -> ListeningCheck | None:
    """Check a model on 8 to 16 spoken examples of as many right answers as can be; return None if there are not two.

    A model that answers through words is asked in that way: sounds are swapped, and it reads what it writes of them.
    """
    chosen = _with_different_answers(examples, rows.task)
    if not chosen:
        return None
    shown = _rows_with_words if decoding.through == "words" else _rows_with_clips
    learned, swapped, muted = shown(rows, chosen)
    silent, own = ([replace(row, answer=None) for row in asked] for asked in (muted, learned))
    right = _log_probabilities(model, learned)
    greedy = decoding.model_copy(update={"beams": 1})
    return ListeningCheck(
        swapped=float((right - _log_probabilities(model, swapped)).abs().mean()),
        muted=float((right - _log_probabilities(model, muted)).abs().mean()),
        silence=_score(model, silent, chosen, rows, metric, greedy),
        speech=_score(model, own, chosen, rows, metric, greedy),
    )


def _with_different_answers(examples: Sequence[Example], task: Task) -> list[Example]:
    """As many examples as CLIPS says: the first of each right answer, then the second of each, and so on.

    The last has another answer than the first, as each is swapped with the next, and the last with the first.
    """
    groups: dict[Answer, list[Example]] = {}
    for example in examples:
        groups.setdefault(task.reference(example.utterance), []).append(example)
    turns = zip_longest(*groups.values())
    most = CLIPS if len(groups) >= CLIPS else 2 * CLIPS
    found = list(islice((example for turn in turns for example in turn if example is not None), most))
    while found and task.reference(found[-1].utterance) == task.reference(found[0].utterance):
        found.pop()
    return found


RowsOfSounds = tuple[list[Row], list[Row], list[Row]]
"""Rows with the right answers of some examples: to their own clips, to swapped clips, and to silence."""


def _rows_with_clips(rows: RowMaker, examples: Sequence[Example]) -> RowsOfSounds:
    learned = [rows.to_learn(example) for example in examples]
    swapped = [replace(row, clip=other.clip) for row, other in zip(learned, _swapped(learned), strict=True)]
    muted = [replace(row, clip=_silence(rows, example)) for row, example in zip(learned, examples, strict=True)]
    return learned, swapped, muted


def _rows_with_words(rows: RowMaker, examples: Sequence[Example]) -> RowsOfSounds:
    """The words that the model writes of each sound in its place, as it is asked through words."""
    own = words_to_read(rows, [rows.clip(example.recording) for example in examples if example.recording is not None])
    silent = words_to_read(rows, [_silence(rows, example) for example in examples])

    def reading(words: Sequence[str]) -> list[Row]:
        return [rows.to_learn(replace(example, transcript=read)) for example, read in zip(examples, words, strict=True)]

    return reading(own), reading(_swapped(own)), reading(silent)


def _swapped(of_examples: list[_T]) -> list[_T]:
    return of_examples[1:] + of_examples[:1]


def _silence(rows: RowMaker, example: Example) -> Clip:
    assert example.recording is not None
    return rows.model.features(rows.wave(example.recording) * 0)


@torch.no_grad()
def _log_probabilities(model: AudioLLM, rows: Sequence[Row]) -> Tensor:
    """Log-probability of each answer token of all rows, shape (answer tokens)."""
    model.module.eval()
    batch = model.collate(rows).to(model.device)
    answers = batch.labels[:, 1:] != -100
    logits = model.head(model.hidden(batch)[:, :-1][answers]).float()
    return logits.log_softmax(-1).gather(1, batch.labels[:, 1:][answers][:, None])[:, 0]


def _score(
    model: AudioLLM, asked: Sequence[Row], examples: Sequence[Example], rows: RowMaker, metric: str, decoding: Decoding
) -> float:
    task, labels = rows.task, rows.labels
    batch = model.collate(asked).to(model.device)
    texts = generate(model, batch, decoding, task.grammar(labels))
    answered = [
        Answered(task.reference(example.utterance), task.parse(text, labels)[0], example.utterance.id)
        for example, text in zip(examples, texts, strict=True)
    ]
    return evaluate(answered, task.metrics(labels), resamples=0)[metric].value
