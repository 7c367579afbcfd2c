"""Sentences whose words a model answers otherwise than a recording of them: what it has not learned to hear."""

from collections.abc import Sequence
from dataclasses import replace

from eartune.data.example import Example, Pool, as_speech, as_text
from eartune.inference.decode import ask
from eartune.inference.trained_model import TrainedModel
from eartune.models.rows import RowMaker
from eartune.progress import Progress
from eartune.tasks.task import Answer


def disagreements(trained: TrainedModel, pool: Pool, progress: Progress) -> list[bool]:
    """Return for each utterance, which has words and one recording, whether the answers to both differ.

    Two answers that cannot be read count as equal: such an utterance says nothing about hearing.
    """
    rows = RowMaker(trained.model, trained.task, trained.labels, trained.architecture, trained.preface)
    trained.model.module.eval()
    examples = [*as_text(pool), *(replace(example, asked=trained.asked) for example in as_speech(pool))]
    size, answers = trained.decoding.batch_size, list[Answer | None]()
    for batch in (*_batches(examples[: len(pool)], size), *_batches(examples[len(pool) :], size)):
        written = ask(trained.model, batch, rows, trained.decoding)
        answers += [rows.answers(batch[0].asked).parse(one.text, trained.labels)[0] for one in written]
        progress(len(answers), len(examples))
    return [words != heard for words, heard in zip(answers[: len(pool)], answers[len(pool) :], strict=True)]


def _batches(examples: Sequence[Example], size: int) -> list[Sequence[Example]]:
    return [examples[start : start + size] for start in range(0, len(examples), size)]
