"""Transcribe recordings with the untuned model or with another speech recogniser, for a model that then reads."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eartune.data.audio import SAMPLE_RATE, load_audio
from eartune.data.example import Example
from eartune.data.normalization import normalize_spoken_text
from eartune.inference.answers import answer_all
from eartune.models.batch import Clip
from eartune.models.generation.generate import generate
from eartune.models.rows import RowMaker
from eartune.progress import Progress
from eartune.settings import Decoding

WORDS = Decoding(beams=1, max_new_tokens=100, batch_size=8)

Recogniser = Callable[[Sequence[Example]], Sequence[str]]
"""Transcribes the recordings of a batch of examples."""


def transcribe(
    examples: Sequence[Example],
    recogniser: Callable[[], Recogniser],
    path: Path,
    name_of: Callable[[Path], str],
    progress: Progress,
) -> tuple[str, ...]:
    """Return a transcript for each example, saved in `path`; the recogniser is loaded only if one is missing."""
    loaded: list[Recogniser] = []

    def ask_recogniser(batch: Sequence[Example]) -> Sequence[str]:
        if not loaded:
            loaded.append(recogniser())
        return loaded[0](batch)

    def row(example: Example, text: str) -> dict[str, Any]:
        assert example.recording is not None
        return {"id": example.utterance.id, "file": name_of(example.recording.path), "text": text}

    return tuple(answer_all(examples, ask_recogniser, row, path, WORDS.batch_size, progress))


def model_as_recogniser(rows: RowMaker) -> Recogniser:
    """Return a recogniser that prompts the audio LLM itself for a transcript."""

    def recognise(batch: Sequence[Example]) -> Sequence[str]:
        return heard(rows, [rows.clip(example.recording) for example in batch if example.recording is not None])

    return recognise


def heard(rows: RowMaker, clips: Sequence[Clip]) -> list[str]:
    """Return the transcripts of one batch of clips, which the model writes with its weights from before tuning.

    A model of which these weights are not kept transcribes with those that it has.
    """
    model = rows.model
    model.module.eval()
    batch = model.collate([rows.to_transcribe(clip) for clip in clips]).to(model.device)
    with model.untuned.put_back():
        return generate(model, batch, WORDS)


def words_to_read(rows: RowMaker, clips: Sequence[Clip]) -> list[str]:
    """Return what a model that answers through words reads of one batch: lower case and no punctuation."""
    return [normalize_spoken_text(text) for text in heard(rows, clips)]


def load_recogniser(name: str, cut_silence: bool) -> Recogniser:
    """Load any speech recogniser of transformers by its name on the hub or its folder."""
    import torch
    from transformers import pipeline

    pipe: Any = pipeline("automatic-speech-recognition", model=name, device=0 if torch.cuda.is_available() else -1)

    def recognise(batch: Sequence[Example]) -> Sequence[str]:
        waves = [load_audio(example.recording.path, cut_silence) for example in batch if example.recording is not None]
        found = pipe([{"raw": wave, "sampling_rate": SAMPLE_RATE} for wave in waves])
        return [" ".join(answer["text"].split()) for answer in found]

    return recognise
