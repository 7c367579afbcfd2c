"""Utterances in, predictions out: sorted by length, decoded in batches, taken up where a cut run stopped."""

from collections.abc import Callable, Sequence
from pathlib import Path

from eartune.data.example import Example
from eartune.files import json_line
from eartune.models.audio_llm import AudioLLM
from eartune.models.rows import RowMaker
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction, read_predictions, write_predictions
from eartune.tasks.task import Task


def decode(
    model: AudioLLM,
    examples: Sequence[Example],
    rows: RowMaker,
    decoding: Decoding,
    path: Path,
    progress: Callable[[int, int], None],
) -> tuple[Prediction, ...]:
    """Predictions in the order of the examples, in `path`; what an earlier, cut run decoded is kept."""
    model.module.eval()
    size = decoding.batch_size
    return answer_all(examples, rows.task, size, path, progress, lambda batch: ask(model, batch, rows, decoding))


def answer_all(
    examples: Sequence[Example],
    task: Task,
    batch_size: int,
    path: Path,
    progress: Callable[[int, int], None],
    answer: Callable[[Sequence[Example]], list[Prediction]],
) -> tuple[Prediction, ...]:
    """What `answer` makes of every batch, kept in `path` as it comes."""
    if path.exists():
        return read_predictions(path, task)
    part = path.with_suffix(".part.jsonl")
    done = {(prediction.id, prediction.file): prediction for prediction in _decoded_so_far(part, task)}
    open_ones = sorted((e for e in examples if _example_key(e) not in done), key=_length)
    path.parent.mkdir(parents=True, exist_ok=True)
    with part.open("a", encoding="utf-8") as written:
        for start in range(0, len(open_ones), batch_size):
            for prediction in answer(open_ones[start : start + batch_size]):
                done[(prediction.id, prediction.file)] = prediction
                written.write(json_line(prediction.to_json(task)))
            written.flush()
            progress(len(done), len(examples))
    predictions = tuple(done[_example_key(example)] for example in examples)
    write_predictions(path, predictions, task)
    part.unlink()
    return predictions


def ask(model: AudioLLM, examples: Sequence[Example], rows: RowMaker, decoding: Decoding) -> list[Prediction]:
    """One batch of predictions."""
    batch = model.collate([rows.to_ask(example) for example in examples])
    device = next(model.module.parameters()).device
    answers = model.generate(batch.to(device), decoding, rows.task.grammar(rows.labels))
    return [_prediction(example, answer, rows) for example, answer in zip(examples, answers, strict=True)]


def _prediction(example: Example, text: str, rows: RowMaker) -> Prediction:
    answer, status = rows.task.parse(text, rows.labels)
    return Prediction(example.utterance.id, _file(example), text, status, answer)


def _decoded_so_far(part: Path, task: Task) -> tuple[Prediction, ...]:
    """The whole rows of a part file; a last row that was cut in writing is dropped from the file too."""
    if not part.exists():
        return ()
    text = part.read_text(encoding="utf-8", errors="ignore")
    whole = text[: text.rfind("\n") + 1]
    part.write_text(whole, encoding="utf-8")
    return read_predictions(part, task) if whole else ()


def _length(example: Example) -> float:
    return len(example.utterance.text or "") if example.recording is None else example.recording.seconds


def _file(example: Example) -> str | None:
    return None if example.recording is None else example.recording.path.name


def _example_key(example: Example) -> tuple[str, str | None]:
    return example.utterance.id, _file(example)
