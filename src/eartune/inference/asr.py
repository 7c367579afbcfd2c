"""What an ASR hears in the test, kept beside the cells: the first half of a cascade."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eartune.data.example import Asked, Example
from eartune.inference.decode import answer_all, ask
from eartune.models.rows import RowMaker
from eartune.settings import Decoding
from eartune.tasks.prediction import Prediction
from eartune.tasks.task import ParseStatus

SELF = "self"
WORDS = Decoding(beams=1, max_new_tokens=100, batch_size=8)
Progress = Callable[[int, int], None]


def transcribed(
    examples: Sequence[Example], asr: str, rows: RowMaker, folder: Path, progress: Progress
) -> tuple[Example, ...]:
    """The examples with what `asr` heard; `rows` are of the model itself, which serves for "self"."""
    asked = [replace(example, asked=Asked.WORDS) for example in examples]
    path = folder / f"{re.sub('[^A-Za-z0-9.-]+', '-', asr)}.jsonl"
    if asr == SELF:
        rows.model.module.eval()
        heard = answer_all(
            asked, rows.task, WORDS.batch_size, path, progress, lambda b: ask(rows.model, b, rows, WORDS)
        )
    else:
        recognise = recogniser(asr, rows)
        heard = answer_all(asked, rows.task, WORDS.batch_size, path, progress, recognise)
    return tuple(replace(e, transcript=p.text) for e, p in zip(examples, heard, strict=True))


def recogniser(asr: str, rows: RowMaker) -> Callable[[Sequence[Example]], list[Prediction]]:
    """Any speech recogniser of transformers, on the hub or in a folder."""
    import torch
    from transformers import pipeline

    pipe: Any = pipeline("automatic-speech-recognition", model=asr, device=0 if torch.cuda.is_available() else -1)

    def recognise(batch: Sequence[Example]) -> list[Prediction]:
        recordings = [example.recording for example in batch if example.recording is not None]
        found = pipe([{"raw": rows.wave(recording), "sampling_rate": 16_000} for recording in recordings])
        texts = [" ".join(answer["text"].split()) for answer in found]
        return [
            Prediction(example.utterance.id, recording.path.name, text, ParseStatus.NOT_JSON, None)
            for example, recording, text in zip(batch, recordings, texts, strict=True)
        ]

    return recognise
