"""The teacher of a stage: the model as it is before the stage, reading the words of recordings that it will hear.

words -> answers of recordings without labels -> probabilities of each answer's tokens, in files -> rows to learn

The teacher's files are made once, before the stage, so that training needs no second model. They lie in the folder of
the stage, whose name holds the key of the teacher's weights.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from eartune.data.example import Asked, Example
from eartune.inference.answers import answer_all
from eartune.inference.decode import ask
from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Row, TokenProbabilities
from eartune.models.rows import RowMaker
from eartune.processes import ONE, Processes
from eartune.progress import Progress
from eartune.settings import Decoding
from eartune.training.distillation import most_probable, read_probabilities, write_probabilities

FREE_AND_GREEDY = Decoding(beams=1)
TOKENS_KEPT = 32
"""How many of the most probable tokens are kept at each place of an answer."""


def is_taught(example: Example) -> bool:
    """Return whether an example is a recording whose words the teacher can read to answer the task."""
    return example.recording is not None and example.utterance.text is not None and example.asked is Asked.FRAME


def with_answers(
    model: AudioLLM,
    examples: Sequence[Example],
    rows: RowMaker,
    path: Path,
    progress: Progress,
    processes: Processes = ONE,
) -> tuple[Example, ...]:
    """Return the examples, of which those without labels have the answer that the model reads from their words.

    Answers are greedy and free; they are saved in `path`, and an interrupted call resumes.
    """
    unknown = {example.utterance.id: example.utterance for example in examples if not example.utterance.is_labelled}
    if not unknown:
        return tuple(examples)
    asked = [Example(utterance) for utterance in unknown.values()]
    answers = answer_all(
        asked,
        lambda batch: ask(model, batch, rows, FREE_AND_GREEDY),
        lambda example, written: {"id": example.utterance.id, "file": None} | written.to_json(),
        path,
        FREE_AND_GREEDY.batch_size,
        progress,
        processes,
    )
    found = dict(zip(unknown, (written.text for written in answers), strict=True))
    return tuple(
        example if example.utterance.is_labelled else replace(example, answer=found[example.utterance.id])
        for example in examples
    )


@torch.no_grad()
def write_teaching(
    model: AudioLLM,
    examples: Sequence[Example],
    rows: RowMaker,
    folder: Path,
    progress: Progress,
    processes: Processes = ONE,
) -> None:
    """Write the model's probabilities for the answers of all taught examples, as it reads their words.

    Each answer has a file of its own, named for its prompt and its tokens; those that exist are not computed again.
    Processes deal out the batches, and all of these are written when this returns.
    """
    model.module.eval()
    reading = {file_of(row, folder): row for row in map(_reading(rows), filter(is_taught, examples))}
    in_order = sorted(reading.items(), key=lambda pair: (model.n_positions(pair[1]), pair[0]))
    size = FREE_AND_GREEDY.batch_size
    for start in processes.share_of(range(0, len(in_order), size)):
        files, batched = zip(*in_order[start : start + size], strict=True)
        if not all(file.exists() for file in files):
            batch = model.collate(batched).to(model.device)
            is_answer = batch.labels[:, 1:] != -100
            found = most_probable(model.head(model.hidden(batch)[:, :-1][is_answer]), TOKENS_KEPT)
            lengths = is_answer.sum(dim=1).tolist()
            parts = zip(files, *(torch.split(part, lengths) for part in found), strict=True)
            for file, ids, log_probs in parts:
                write_probabilities(file, TokenProbabilities(ids, log_probs))
        progress(start + len(files), len(in_order))
    processes.wait_for_all()


def taught_rows(rows: RowMaker, folder: Path) -> Callable[[Example], Row]:
    """Return a function that makes the row to learn from an example, with the teacher's probabilities if it is taught.

    A row whose answer is the teacher's own is learned from these alone.
    """
    reading = _reading(rows)

    def make_row(example: Example) -> Row:
        row = rows.to_learn(example)
        if not is_taught(example):
            return row
        taught = read_probabilities(file_of(reading(example), folder))
        return replace(row, teacher=taught, is_right=example.answer is None)

    return make_row


def file_of(row: Row, folder: Path) -> Path:
    """Return the file of the probabilities of a row's answer, which its prompt and its answer determine."""
    content = json.dumps([*row.prompt, row.answer])
    return folder / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.safetensors"


def _reading(rows: RowMaker) -> Callable[[Example], Row]:
    """A function that returns the row of the same answer to the words instead of the recording."""
    return lambda example: rows.to_learn(replace(example, recording=None))
