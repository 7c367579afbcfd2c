"""The test decoded by a model: examples in, predictions out."""

from collections.abc import Callable, Sequence
from pathlib import Path

from eartune.data.example import Example
from eartune.inference.answers import Progress, answer_all
from eartune.models.audio_llm import AudioLLM
from eartune.models.generation.generate import generate
from eartune.models.rows import RowMaker
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
    """Predictions in the order of the examples, kept in `path`; `name_of` is what they call a recording."""
    model.module.eval()

    def predicted(example: Example, text: str) -> Prediction:
        answer, status = rows.task.parse(text, rows.labels)
        file = None if example.recording is None else name_of(example.recording.path)
        return Prediction(example.utterance.id, file, text, status, answer)

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
    """The answers to one batch of examples, as text."""
    batch = model.collate([rows.to_ask(example) for example in examples])
    return generate(model, batch.to(model.device), decoding, rows.task.grammar(rows.labels))
