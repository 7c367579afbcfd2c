"""Decode examples with a model and parse its answers."""

from collections.abc import Callable, Sequence
from pathlib import Path

from eartune.data.example import Example
from eartune.inference.answers import answer_all
from eartune.models.audio_llm import AudioLLM
from eartune.models.generation.generate import generate
from eartune.models.rows import RowMaker
from eartune.progress import Progress
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction


def decode(
    model: AudioLLM,
    examples: Sequence[Example],
    rows: RowMaker,
    decoding: Decoding,
    path: Path,
    name_of: Callable[[Path], str],
    progress: Progress,
) -> tuple[Prediction, ...]:
    """Return predictions in the order of the examples, saved in `path`; `name_of` returns a recording's name.

    Examples to be answered through words have their transcripts, which the predictions then hold too.
    """
    model.module.eval()

    def predicted(example: Example, text: str) -> Prediction:
        answer, status = rows.task.parse(text, rows.labels)
        file = None if example.recording is None else name_of(example.recording.path)
        words = example.transcript if decoding.through == "words" else None
        return Prediction(example.utterance.id, file, text, status, answer, words)

    texts = answer_all(
        examples,
        lambda batch: ask(model, batch, rows, decoding),
        lambda example, text: predicted(example, text).to_json(rows.task),
        path,
        decoding.batch_size,
        progress,
    )
    return tuple(map(predicted, examples, texts))


def ask(model: AudioLLM, examples: Sequence[Example], rows: RowMaker, decoding: Decoding) -> list[str]:
    """Return the model's answers to one batch of examples, as text."""
    batch = model.collate([rows.to_ask(example) for example in examples])
    return generate(model, batch.to(model.device), decoding, rows.task.grammar(rows.labels))
