"""Transcribe recordings with the untuned model or with another speech recogniser, and count the word errors."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eartune.data.audio import SAMPLE_RATE, load_audio
from eartune.data.example import Example
from eartune.data.normalization import normalize_spoken_text
from eartune.inference.answers import answer_all
from eartune.models.batch import Clip
from eartune.models.generation.generate import Watch, write
from eartune.models.rows import RowMaker
from eartune.processes import ONE, Processes
from eartune.progress import Progress
from eartune.settings import Decoding
from eartune.tasks.prediction import Written
from eartune.tasks.transcription import MOST_WORD_TOKENS

WORDS = Decoding(beams=1, max_new_tokens=MOST_WORD_TOKENS, batch_size=8)

Recogniser = Callable[[Sequence[Example]], Sequence[str]]
"""Transcribes the recordings of a batch of examples."""


def transcribe(
    examples: Sequence[Example],
    recogniser: Callable[[], Recogniser],
    path: Path,
    name_of: Callable[[Path], str],
    progress: Progress,
    processes: Processes = ONE,
) -> tuple[str, ...]:
    """Return a transcript for each example, saved in `path`; the recogniser is loaded only if that does not exist.

    All processes load it, even one that will have nothing to transcribe: loading may train it, which takes all of them.
    """
    is_known = processes.of_first(path.exists)
    recognise = _never if is_known else recogniser()

    def ask(batch: Sequence[Example]) -> list[Written]:
        return [Written(text) for text in recognise(batch)]

    def row(example: Example, heard: Written) -> dict[str, Any]:
        assert example.recording is not None
        return {"id": example.utterance.id, "file": name_of(example.recording.path)} | heard.to_json()

    transcripts = answer_all(examples, ask, row, path, WORDS.batch_size, progress, processes)
    return tuple(heard.text for heard in transcripts)


def _never(batch: Sequence[Example]) -> Sequence[str]:
    raise ValueError("the file of transcripts lacks some of them; delete it, and it is made anew")


def model_as_recogniser(rows: RowMaker) -> Recogniser:
    """Return a recogniser that prompts the audio LLM itself for a transcript."""

    def recognise(batch: Sequence[Example]) -> Sequence[str]:
        return heard(rows, [rows.clip(example.recording) for example in batch if example.recording is not None])

    return recognise


def heard(rows: RowMaker, clips: Sequence[Clip], watch: Watch | None = None) -> list[str]:
    """Return the transcripts of one batch of clips by the model as it is; `watch` sees them as they are written."""
    model = rows.model
    model.module.eval()
    batch = model.collate([rows.to_transcribe(clip) for clip in clips]).to(model.device)
    return [written.text for written in write(model, batch, WORDS, watch=watch)]


def words_to_read(rows: RowMaker, clips: Sequence[Clip], watch: Watch | None = None) -> list[str]:
    """Return what a model that answers through words reads of one batch of clips: lower case and no punctuation.

    It writes them with its weights from before tuning, or, if these are not kept, with those that it has.
    """
    with rows.model.untuned.put_back():
        return [normalize_spoken_text(text) for text in heard(rows, clips, watch)]


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
