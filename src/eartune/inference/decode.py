"""Decode examples with a model and parse its answers."""

from collections.abc import Callable, Sequence
from pathlib import Path

from eartune.data.example import Asked, Example
from eartune.inference.answers import answer_all
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Batch
from eartune.models.generation.generate import Watch, write
from eartune.models.generation.kept import Kept
from eartune.models.rows import RowMaker
from eartune.processes import ONE, Processes
from eartune.progress import Progress
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction, Written
from eartune.tasks.words_first import with_room_for_words


def decode(
    model: AudioLLM,
    examples: Sequence[Example],
    rows: RowMaker,
    decoding: Decoding,
    path: Path,
    name_of: Callable[[Path], str],
    progress: Progress,
    processes: Processes = ONE,
) -> tuple[Prediction, ...]:
    """Return predictions in the order of the examples, saved in `path`; `name_of` returns a recording's name.

    Examples to be answered through words have their transcripts, which the predictions then hold too.
    """
    model.module.eval()

    def predicted(example: Example, written: Written) -> Prediction:
        answer, status = rows.answers(example.asked).parse(written.text, rows.labels)
        file = None if example.recording is None else name_of(example.recording.path)
        words = example.transcript if decoding.through == "words" else None
        sure = written.log_probability, written.margin
        return Prediction(example.utterance.id, file, written.text, status, answer, words, *sure)

    written = answer_all(
        examples,
        lambda batch: ask(model, batch, rows, decoding),
        lambda example, written: predicted(example, written).to_json(rows.task),
        path,
        decoding.batch_size,
        progress,
        processes,
    )
    return tuple(map(predicted, examples, written))


def ask(model: AudioLLM, examples: Sequence[Example], rows: RowMaker, decoding: Decoding) -> list[Written]:
    """Return the model's answers to one batch of examples, which all ask for the same."""
    asked = examples[0].asked
    batch = model.collate([rows.to_ask(example) for example in examples])
    return answer(model, batch.to(model.device), rows, decoding, asked)


def answer(
    model: AudioLLM,
    batch: Batch,
    rows: RowMaker,
    decoding: Decoding,
    asked: Asked,
    watch: Watch | None = None,
    kept: Kept | None = None,
) -> list[Written]:
    """Return the model's answers to a batch of rows that ask for `asked`; it is on the model's device.

    `watch` sees them as they are written; what is `kept` is not computed again for the next batch.
    """
    room = with_room_for_words(decoding) if asked is Asked.WORDS_THEN_FRAME else decoding
    return write(model, batch, room, rows.answers(asked).grammar(rows.labels), watch, kept)
