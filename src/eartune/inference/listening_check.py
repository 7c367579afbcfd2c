"""The listening check: swapped clips must change a model's answers, and silence must score less than speech."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from eartune.data.example import Example
from eartune.evaluation.metrics import Answered, evaluate
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Clip, Row
from eartune.models.generation.generate import generate
from eartune.models.rows import RowMaker
from eartune.settings import Decoding
from eartune.tasks.task import Answer, Task

CLIPS = 8
LEAST_CHANGE = 1e-3  # nats per token; a model that gets no audio changes by exactly 0
ONE_MEANING = "all recordings of the test have one meaning, so that there is nothing to swap"


@dataclass(frozen=True)
class ListeningCheck:
    """What the check found out about one model."""

    swapped: float
    """The mean absolute change of the right answers' log-probability, in nats a token, when clips are swapped."""
    muted: float
    """The same when each clip is silence of its own length, which a model that gets no audio cannot tell from speech.

    Swapping alone does not show that: clips of other lengths take other numbers of positions.
    """
    silence: float
    """The main metric of answers to silence."""
    speech: float
    """The main metric of answers to the same utterances' own clips."""

    @property
    def listens(self) -> bool:
        """Whether other clips and silence change anything, and silence scores clearly less than speech."""
        return min(self.swapped, self.muted) > LEAST_CHANGE and (self.silence == 0 or self.silence < 0.8 * self.speech)

    @property
    def sentence(self) -> str:
        """The finding in words."""
        found = (
            f"swapping clips changes its answers by {self.swapped:.2f} nats a token, silence by {self.muted:.2f}; "
            f"silence scores {self.silence:.1%} where speech scores {self.speech:.1%}"
        )
        return f"It listens: {found}." if self.listens else f"IT DOES NOT LISTEN: {found}."


def check_listening(
    model: AudioLLM, examples: Sequence[Example], rows: RowMaker, metric: str, decoding: Decoding
) -> ListeningCheck | None:
    """The check on the first few spoken examples with different right answers; None if there are not two such."""
    chosen = _with_different_answers(examples, rows.task)[:CLIPS]
    if len(chosen) < 2:
        return None
    learned = [rows.to_learn(example) for example in chosen]
    swapped = [replace(row, clip=other.clip) for row, other in zip(learned, learned[1:] + learned[:1], strict=True)]
    muted = [replace(row, clip=_silence(rows, example)) for row, example in zip(learned, chosen, strict=True)]
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
    """The first example of each right answer."""
    first: dict[Answer, Example] = {}
    for example in examples:
        first.setdefault(task.reference(example.utterance), example)
    return list(first.values())


def _silence(rows: RowMaker, example: Example) -> Clip:
    assert example.recording is not None
    return rows.model.features(rows.wave(example.recording) * 0)


@torch.no_grad()
def _log_probabilities(model: AudioLLM, rows: Sequence[Row]) -> Tensor:
    """Log-probability of each answer token, of all rows one after another."""
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
